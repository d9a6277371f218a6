"""Load: many connections ask one thing over and over, in a process of its own."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from time import perf_counter
from urllib.parse import urlsplit

import numpy as np
import uvloop

WARM_UP_SECONDS = 1.0
VERSION = b"x-model-version: "


@dataclass(frozen=True)
class Load:
    """What is asked, by how many, for how long."""

    url: str
    body: str | None = None
    connections: int = 16
    seconds: float = 5.0


@dataclass(frozen=True)
class Measured:
    """Requests answered in a second, latencies in milliseconds, and how many versions answered."""

    rate: float
    p50: float
    p99: float
    slowest: float
    versions: int


@dataclass
class Asker(asyncio.Protocol):
    """One connection; the next request is sent when the answer is there."""

    request: bytes
    done: Callable[[float, bytes], None]
    received: bytearray = field(default_factory=bytearray)
    sent: float = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.send()

    def send(self) -> None:
        self.sent = perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.received[:end]).lower()
        length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(self.received) < end + 4 + length:
            return
        if not head.startswith(b"http/1.1 200"):
            sys.exit(f"The server answered {self.received.decode(errors='replace')}")
        self.received.clear()
        at = head.find(VERSION)
        version = head[at + len(VERSION) :].split(b"\r", 1)[0] if at >= 0 else b""
        self.done(perf_counter() - self.sent, version)
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None or self.received:
            sys.exit(f"The server closed a connection: {error}")


async def _run(load: Load) -> tuple[list[float], set[bytes]]:
    url = urlsplit(load.url)
    verb = "GET" if load.body is None else "POST"
    path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    head = f"{verb} {path} HTTP/1.1\r\nHost: {url.netloc}\r\n"
    if load.body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(load.body)}\r\n"
    request = f"{head}\r\n{load.body or ''}".encode()
    latencies: list[float] = []
    versions: set[bytes] = set()

    def done(seconds: float, version: bytes) -> None:
        latencies.append(seconds)
        versions.add(version)

    loop = asyncio.get_running_loop()
    for _ in range(load.connections):
        await loop.create_connection(
            lambda: Asker(request, done), url.hostname or "127.0.0.1", url.port or 80
        )
    await asyncio.sleep(WARM_UP_SECONDS)
    latencies.clear()
    await asyncio.sleep(load.seconds)
    return [*latencies], versions


def run(load: Load) -> Measured:
    """Ask, and measure."""
    seconds, versions = uvloop.run(_run(load))
    latencies = np.array(seconds) * 1000
    return Measured(
        rate=len(latencies) / load.seconds,
        p50=float(np.median(latencies)),
        p99=float(np.quantile(latencies, 0.99)),
        slowest=float(latencies.max()),
        versions=len(versions),
    )


if __name__ == "__main__":
    print(json.dumps(asdict(run(Load(**json.loads(sys.argv[1]))))))
