"""Connection: a client's bytes, bounded in size and in time before the application sees them.

uvicorn leaves a connection open for as long as its client likes to send half a request. Here a
request has to arrive within `REQUEST_SECONDS`, its URL and headers have a largest size, and a
worker has at most `MAX_CONNECTIONS`: what has waited longest makes room for what comes.
"""

from asyncio import TimerHandle, Transport
from http import HTTPStatus
from itertools import count
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.edge.responses import problem_content
from service.api.processes.descriptors import most_connections
from service.contract.errors import (
    ApiError,
    LateError,
    MalformedError,
    OverloadedError,
    TooLargeError,
)
from service.contract.settings import Settings

MAX_URL_BYTES = 64_000  # a row of some thousand features; larger ones are sent in a body
MAX_HEADER_BYTES = 32_000  # a browser adds the cookies of every other server on this host
IDLE_SECONDS = 15  # httpx drops an idle connection after 5 s, so a client closes first, not we
UNREAD_SECONDS = 60  # for a client to read a response that does not fit the buffers between
CLOSING_SECONDS = 5  # for a client to read the last words, when we close


# Not the loop's clock, which stands still while many come at once: the newest is to stay.
turns = count(1)


class RefusedHeadError(Exception):
    """A request's URL or headers are too large."""


class Connection(HttpToolsProtocol):
    """uvicorn's own protocol, with limits.

    Parameters
    ----------
    limits : Settings
    **options
        What uvicorn gives its protocols.
    """

    def __init__(self, *, limits: Settings, **options: Any) -> None:
        super().__init__(**options)
        self.limits = limits
        self.most_connections = most_connections(self.limits.max_connections)
        self.timeout_keep_alive = IDLE_SECONDS
        self.turn: int | None = None  # since when it waits for its client, among all that do
        self._late: TimerHandle | None = None
        self._unread: TimerHandle | None = None
        self._message = 0
        self._in_head = False
        self._held_bytes = 0  # of a head, or between the parts of a body, that the parser may hold
        self._refusal: tuple[HTTPStatus, ApiError] = (
            HTTPStatus.BAD_REQUEST,
            MalformedError("This is not a request by HTTP/1.1."),
        )

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
        if len(self.connections) > self.most_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End with the connection."""
        self._wait_no_more()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer a client that has said all that it wants to say; let others go."""
        if self.is_working:
            self.cycle.keep_alive = False
        return self.is_working

    def data_received(self, data: bytes) -> None:
        """Read on, and see who waits for whom now."""
        message = self._message if self.is_receiving else 0
        super().data_received(data)
        if self.is_receiving and self._message == message:
            self._held_bytes += len(data)
            if self._held_bytes > self._most_held:
                self._refuse_headers()
                self.send_400_response("")
        if self.is_working:
            self._wait_no_more()
        elif self._late is None:
            self._wait()

    def on_body(self, body: bytes) -> None:
        """Pass a part of a body on."""
        self._held_bytes -= len(body)
        super().on_body(body)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; one that follows the body has no use here."""
        if self._in_head:
            super().on_header(name, value)

    def on_message_begin(self) -> None:
        """Count from here."""
        super().on_message_begin()
        self._message += 1
        self._in_head, self._held_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Let the application see a request whose head is not too large."""
        if len(self.url) > MAX_URL_BYTES:
            self._refusal = (
                HTTPStatus.REQUEST_URI_TOO_LONG,
                TooLargeError(
                    f"The URL is longer than {MAX_URL_BYTES} bytes. Send the values "
                    "in a body: POST /models/{name}/predict."
                ),
            )
            raise RefusedHeadError
        if sum(len(name) + len(value) for name, value in self.headers) > MAX_HEADER_BYTES:
            self._refuse_headers()
            raise RefusedHeadError
        super().on_headers_complete()
        self._in_head = False

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the client to read its last response."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_after(UNREAD_SECONDS)
        elif not self.pipeline:
            self.turn = next(turns)

    def shutdown(self) -> None:
        """End with the server: what is being worked on first, everything else at once."""
        if self.is_working:
            super().shutdown()
        else:
            self._close()

    def timeout_keep_alive_handler(self) -> None:
        """Close what has been idle."""
        self._close()

    def send_400_response(self, msg: str) -> None:
        """Refuse, in the shape of all errors."""
        self._respond(*self._refusal)

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._abort_after(UNREAD_SECONDS)

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if self._unread is not None and not self.transport.is_closing():
            self._unread.cancel()
            self._unread = self.turn = None

    def give_way(self) -> None:
        """Close, for another connection's sake."""
        if self._unread is not None or self.pipeline:
            self.transport.abort()
        elif self.cycle is None or self.is_receiving:
            self._respond(
                HTTPStatus.SERVICE_UNAVAILABLE,
                OverloadedError(
                    f"More than {self.most_connections} connections are open. Try again, "
                    "or raise MAX_CONNECTIONS."
                ),
            )
        else:
            self._close()

    @property
    def _most_held(self) -> int:
        if self._in_head:
            return MAX_URL_BYTES + MAX_HEADER_BYTES
        return self.limits.max_body_bytes + MAX_HEADER_BYTES  # parts may be a byte long

    def _refuse_headers(self) -> None:
        self._refusal = (
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            TooLargeError(f"The headers have more than {MAX_HEADER_BYTES} bytes."),
        )

    def _wait(self) -> None:
        if self.transport.is_closing():
            return
        self.turn = next(turns)
        self._late = self.loop.call_later(self.limits.request_seconds, self._on_late)

    def _wait_no_more(self) -> None:
        if self._unread is None:
            self.turn = None
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _on_late(self) -> None:
        """Close a connection whose request did not arrive."""
        if self.is_receiving:
            self._respond(
                HTTPStatus.REQUEST_TIMEOUT,
                LateError(f"The request was not complete after {self.limits.request_seconds:g} s."),
            )
        self._close()

    def _make_room(self) -> None:
        """Close what has waited longest for its client; where all are at work, this one.

        A client that sends more before it has read its response, as hardly any does, goes first.
        """
        connections: set[Any] = self.connections  # all of them are of this class
        waiting = [each for each in connections if each.pipeline or each.turn is not None]
        min(waiting, key=lambda each: 0 if each.pipeline else each.turn).give_way()

    def _respond(self, status: HTTPStatus, problem: ApiError) -> None:
        """Respond without the application, unless a response is on its way; and close."""
        cycle = self.cycle
        if self.is_working:  # on an earlier request, whose response is the last
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if cycle is None or cycle.response_complete or not cycle.response_started:
            body = orjson.dumps(problem_content(problem))
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\n"
                "content-type: application/json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n"
            )
            head += "".join(f"{name}: {value}\r\n" for name, value in problem.headers.items())
            self.transport.write(f"{head}\r\n".encode() + body)
        self._close()

    def _close(self) -> None:
        self._wait_no_more()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # whoever reads its body learns it
            self.cycle.message_event.set()
        self.transport.close()
        self._abort_after(CLOSING_SECONDS)

    def _abort_after(self, seconds: float) -> None:
        """Allow the client some time to read; else closing would wait for it for ever."""
        self.turn = next(turns)
        if self._unread is None:
            self._unread = self.loop.call_later(seconds, self.transport.abort)
