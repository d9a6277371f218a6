"""Connection: a client's bytes, bounded in size and in time before the application sees them.

uvicorn leaves a connection open for as long as its client likes to send half a request. Here a
request has to arrive within `REQUEST_SECONDS`, its URL and headers have a largest size, and a
worker has at most `MAX_CONNECTIONS`: what has waited longest makes room for what comes.
"""

from asyncio import TimerHandle, Transport
from http import HTTPStatus
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.contract.settings import settings

UNREAD_SECONDS = 60  # for a client to read an answer that does not fit the buffers between


class RefusedHeadError(Exception):
    """A request's URL or headers are too large."""


class Connection(HttpToolsProtocol):
    """uvicorn's own protocol, with limits."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.limits = settings()
        self.timeout_keep_alive = self.limits.idle_seconds  # type: ignore[assignment]
        self.waits_since: float | None = None  # for its client, by the loop's clock
        self._late: TimerHandle | None = None
        self._unread: TimerHandle | None = None
        self._in_head = False
        self._head_bytes = 0
        self._refusal = HTTPStatus.BAD_REQUEST, "This is not a request by HTTP/1.1."

    @property
    def is_working(self) -> bool:
        """Whether a complete request is being answered."""
        return self.cycle is not None and not (self.cycle.response_complete or self.cycle.more_body)

    @property
    def is_receiving(self) -> bool:
        """Whether a part of a request is there."""
        cycle = self.cycle
        return self._in_head or (
            cycle is not None and cycle.more_body and not cycle.response_complete
        )

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for the client."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self.limits.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End with the connection."""
        self._wait_no_more()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and see who waits for whom now."""
        continues = self._in_head
        super().data_received(data)
        if continues and self._in_head:  # the parser holds what it has not understood yet
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.max_url_bytes + self.limits.max_header_bytes:
                self._refuse_headers()
                self.send_400_response("")
        if self.is_working:
            self._wait_no_more()
        elif self._late is None:
            self._wait()

    def on_message_begin(self) -> None:
        """Count from here."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Let the application see a request whose head is not too large."""
        if len(self.url) > self.limits.max_url_bytes:
            self._refusal = (
                HTTPStatus.REQUEST_URI_TOO_LONG,
                f"The URL is longer than {self.limits.max_url_bytes} bytes. Send the values in a "
                "body: POST /models/{name}/predict.",
            )
            raise RefusedHeadError
        if sum(len(name) + len(value) for name, value in self.headers) > (
            self.limits.max_header_bytes
        ):
            self._refuse_headers()
            raise RefusedHeadError
        super().on_headers_complete()
        self._in_head = False

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if not self.pipeline:
            self.waits_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Refuse, in the shape of all errors."""
        self._answer(*self._refusal)

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def give_way(self) -> None:
        """Close, for another connection's sake."""
        if self.cycle is None or self.is_receiving:
            self._answer(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"More than {self.limits.max_connections} connections are open. Try again, "
                "or raise MAX_CONNECTIONS.",
            )
        self._close()

    def _refuse_headers(self) -> None:
        self._refusal = (
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"The headers have more than {self.limits.max_header_bytes} bytes.",
        )

    def _wait(self) -> None:
        if self.transport.is_closing():
            return
        self.waits_since = self.loop.time()
        self._late = self.loop.call_later(self.limits.request_seconds, self._on_late)

    def _wait_no_more(self) -> None:
        self.waits_since = None
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _on_late(self) -> None:
        """Close a connection whose request did not arrive."""
        if self.is_receiving:
            self._answer(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The request was not complete after {self.limits.request_seconds:g} s.",
            )
        self._close()

    def _make_room(self) -> None:
        """Close what has waited longest for its client; where all are at work, this one."""
        connections: set[Any] = self.connections  # all of them are of this class
        waiting = [each for each in connections if each.waits_since is not None]
        min(waiting, key=lambda each: each.waits_since).give_way()

    def _answer(self, status: HTTPStatus, sentence: str) -> None:
        """Answer without the application, unless an answer is already on its way; and close."""
        cycle = self.cycle
        if (
            cycle is None
            or cycle.response_complete
            or (cycle.more_body and not cycle.response_started)
        ):
            body = orjson.dumps({"error": sentence, "details": []})
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\n"
                "content-type: application/json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n"
            )
            if status == HTTPStatus.SERVICE_UNAVAILABLE:
                head += "retry-after: 1\r\n"
            self.transport.write(f"{head}\r\n".encode() + body)
        self._close()

    def _close(self) -> None:
        self._wait_no_more()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # whoever reads its body learns it
            self.cycle.message_event.set()
        self.transport.close()
