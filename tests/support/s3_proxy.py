"""A proxy in front of an S3 server: it counts what passes, and lets one answer go wrong."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.s3 import S3


@dataclass
class Traffic:
    """The requests that passed, as "PUT key?query", and what happens to each by its number."""

    asked: list[str] = field(default_factory=list)
    before: Callable[[int], None] = lambda number: None
    after: Callable[[int], None] = lambda number: None
    breaks: Callable[[int], bool] = lambda number: False
    """Whether the answer to a request, which the server has carried out, is 503 instead."""
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def proxied(s3: S3, port: int = 0) -> Iterator[tuple[S3, Traffic]]:
    """Run a proxy, at any free port or at this one; requests are numbered from 1."""
    traffic, upstream = Traffic(), urlsplit(s3.endpoint)

    open_ones: set[socket.socket] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            open_ones.add(self.connection)

        def finish(self) -> None:
            open_ones.discard(self.connection)
            super().finish()

        def forward(self) -> None:
            with traffic.lock:
                traffic.asked.append(f"{self.command} {self.path}")
                number = len(traffic.asked)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            traffic.before(number)
            to = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=30)
            # The signature covers the host that the client sees, so that stays.
            to.request(self.command, self.path, body, dict(self.headers))
            answer = to.getresponse()
            content = answer.read()
            to.close()
            traffic.after(number)
            if traffic.breaks(number):
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield replace(s3, endpoint=f"http://127.0.0.1:{server.server_port}"), traffic
    finally:
        server.shutdown()
        server.server_close()
        for each in [*open_ones]:
            with suppress(OSError):  # closed just now
                each.shutdown(socket.SHUT_RDWR)
        thread.join()
