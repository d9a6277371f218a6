"""Load: many clients ask a server over and over, each as soon as it has its answer."""

import asyncio
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from time import perf_counter
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import pandas as pd

from service.contract.errors import ApiUnreachableError, LabloopError
from service.lab.client.client import collector_paused, encode

BROKEN = 0  # the status of a request whose connection ended before its answer
RETRY_SECONDS = 0.1
HEAD_END, LAST_CHUNK = b"\r\n\r\n", b"\r\n0\r\n\r\n"
LENGTH, VERSION = b"\r\ncontent-length: ", b"\r\nx-model-version: "
CHUNKED, CLOSING = b"\r\ntransfer-encoding: chunked", b"\r\nconnection: close"


class Answer(NamedTuple):
    """When a request was sent and how long its answer took, in seconds; what it was."""

    sent: float
    latency: float
    status: int
    version: int | None


def load(
    url: str,
    bodies: Sequence[Any] = (),
    *,
    clients: int = 16,
    seconds: float = 3.0,
    headers: Mapping[bytes, bytes] | None = None,
) -> pd.DataFrame:
    """Have many clients ask a URL at the same time, and measure how long each answer takes.

    A client sends its next request when it has its answer, so a slow server is asked less often.
    The API logs these predictions like all others.

    Parameters
    ----------
    url : str
        What is asked, e.g. ``f"{lab.settings.api_url}/models/iris/predict"``.
    bodies : sequence
        What is sent by POST, one after the other and again from the first: what JSON can hold.
        Without any, the URL is asked by GET.
    clients : int
        How many ask at the same time, each by a connection of its own.
    seconds : float
        For how long.
    headers : mapping of bytes to bytes, optional
        What each request must have, e.g. `Lab.headers`.

    Returns
    -------
    DataFrame of shape (n_requests, 4)
        One row a request, in the order of the answers: sent (seconds since the start), latency
        (milliseconds), status (0 where the connection ended first) and version (of the model).

    Raises
    ------
    LabloopError
        Nothing can be asked like this; nothing was sent.
    ApiUnreachableError
        There was no answer at all.

    Examples
    --------
    >>> load("http://127.0.0.1:9/predict", clients=0)
    Traceback (most recent call last):
        ...
    service.contract.errors.LabloopError: clients is 0; pass a whole number from 1.
    >>> load("http://127.0.0.1:9/predict", clients=2, seconds=0.1)
    Traceback (most recent call last):
        ...
    service.contract.errors.ApiUnreachableError: Nothing answers at http://127.0.0.1:9/predict. ...
    """
    if isinstance(clients, bool) or not isinstance(clients, int) or clients < 1:
        raise LabloopError(f"clients is {clients!r}; pass a whole number from 1.")
    if isinstance(bodies, str | bytes | Mapping):
        kind = type(bodies).__name__
        raise LabloopError(f"bodies is a {kind}; pass a list, e.g. [{{'rows': [...]}}].")
    if not 0 < seconds < float("inf"):
        raise LabloopError(f"seconds is {seconds!r}; pass a number above 0.")
    requests = requests_of(url, list(map(encode, bodies)), headers)
    # A notebook's thread has a loop of its own, which runs already.
    with ThreadPoolExecutor(1) as thread, collector_paused():
        asked = thread.submit(asyncio.run, ask(url, cycle(requests), clients, seconds))
        table = pd.DataFrame(asked.result(), columns=Answer._fields)
    if not table["status"].any():
        raise ApiUnreachableError(f"Nothing answers at {url}. Start the API, or set API_URL.")
    table["latency"] *= 1000
    return table.astype({"status": "int64", "version": "Int64"})


def requests_of(
    url: str, bodies: Iterable[bytes], headers: Mapping[bytes, bytes] | None = None
) -> list[bytes]:
    """Write a request for each body; one by GET if there is none."""
    address = _address(url)
    path = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
    more = b"".join(b"%b: %b\r\n" % header for header in (headers or {}).items())

    def head(verb: str) -> bytes:
        return f"{verb} {path} HTTP/1.1\r\nHost: {address.netloc}\r\n".encode() + more

    posted = b"%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    return [posted % (head("POST"), len(body), body) for body in bodies] or [head("GET") + b"\r\n"]


def _address(url: str) -> SplitResult:
    address = urlsplit(url)
    written = url.isascii() and url.isprintable() and " " not in url
    if address.scheme not in ("http", "https") or not address.hostname or not written:
        raise LabloopError(
            f"url is {url!r}; pass one that begins with http:// or https:// and is written in "
            "ASCII, without spaces, e.g. http://127.0.0.1:8000/models/iris/predict."
        )
    return address


async def ask(url: str, requests: Iterator[bytes], clients: int, seconds: float) -> list[Answer]:
    """Send the requests from so many connections, until time or requests are at an end."""
    address = _address(url)
    secure = ssl.create_default_context() if address.scheme == "https" else None
    host, port = str(address.hostname), address.port or (443 if secure else 80)
    answers: list[Answer] = []
    began = perf_counter()
    loop = asyncio.get_running_loop()
    open_ones: set[asyncio.BaseTransport] = set()

    async def client() -> None:
        while True:
            try:
                transport, connection = await loop.create_connection(
                    lambda: Connection(requests, answers, began), host, port, ssl=secure
                )
            except OSError:
                answers.append(Answer(perf_counter() - began, 0.0, BROKEN, None))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            open_ones.add(transport)
            if await connection.finished:
                return
            open_ones.remove(transport)

    asking = [asyncio.ensure_future(client()) for _ in range(clients)]
    done, late = await asyncio.wait(asking, timeout=seconds)
    in_time = [*answers]  # what is broken off from here on did not fail
    for task in late:
        task.cancel()
    for transport in open_ones:
        transport.close()
    await asyncio.gather(*late, return_exceptions=True)
    for task in done:
        task.result()
    return in_time


class Connection(asyncio.Protocol):
    """One connection. `finished` says whether there was nothing left to ask."""

    def __init__(self, requests: Iterator[bytes], answers: list[Answer], began: float) -> None:
        self.requests, self.answers, self.began = requests, answers, began
        self.received = bytearray()
        self.sent = 0.0
        self.waits = False
        self.finished: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.send()

    def send(self) -> None:
        """Send the next request, if there is one."""
        request = next(self.requests, None)
        if request is None:
            self.end(True)
            return
        self.waits = True
        self.sent = perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note an answer that is complete, and ask again."""
        self.received += data
        end = self.received.find(HEAD_END)
        if end < 0:
            return
        head = bytes(self.received[: end + 2]).lower()
        length = _number(head, LENGTH)
        if length is not None:
            if len(self.received) < end + 4 + length:
                return
        elif CHUNKED in head and not self.received.endswith(LAST_CHUNK):
            return
        latency = perf_counter() - self.sent
        status = int(head.split(b" ", 2)[1])
        version = _number(head, VERSION)
        self.answers.append(Answer(self.sent - self.began, latency, status, version))
        self.received.clear()
        self.waits = False
        if CLOSING in head:
            self.end(False)
        else:
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        """Note a request that has no answer."""
        if self.waits:
            sent = self.sent - self.began
            self.answers.append(Answer(sent, perf_counter() - self.sent, BROKEN, None))
        self.end(False)

    def end(self, is_last: bool) -> None:
        """Close the connection, and say why."""
        if not self.finished.done():
            self.finished.set_result(is_last)
        self.transport.close()


def _number(head: bytes, name: bytes) -> int | None:
    at = head.find(name)
    return int(head[at + len(name) :].split(b"\r", 1)[0]) if at >= 0 else None
