"""Direct connection: a connection that has its requests to predict answered directly.

uvicorn writes the head and the body of a response by two calls to the system; here it is one.
"""

from functools import partial
from typing import Any, cast

from starlette.responses import Response
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from service.api.direct.direct import Direct, Question
from service.api.edge.connection import Connection


class DirectConnection(Connection):
    """Begins what `Direct` finds, and hands the rest to the application.

    Parameters
    ----------
    direct : Direct
    **options
        What `Connection` takes.
    """

    def __init__(self, *, direct: Direct, **options: Any) -> None:
        super().__init__(**options)
        self._direct = direct
        self._incomplete: Question | None = None  # its body is on its way

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Begin a request whose head is there, and whose turn it is."""
        question = None if self.flow.write_paused else self._direct.find(cast(Scope, cycle.scope))
        if question is None:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._incomplete = question
        else:
            self._begin(cycle, question)

    def on_message_complete(self) -> None:
        """Begin a request whose body is there."""
        super().on_message_complete()
        if self._incomplete is not None:
            question, self._incomplete = self._incomplete, None
            self._begin(self.cycle, question)

    def _begin(self, cycle: RequestResponseCycle, question: Question) -> None:
        answer = partial(self._answer, cycle)
        if not self._direct.begin(question, bytes(cycle.body), answer):
            super()._start_asgi_task(cycle, self.app)

    def _answer(self, cycle: RequestResponseCycle, response: Response | None) -> None:
        if response is None:
            super()._start_asgi_task(cycle, self.app)
            return
        if cycle.disconnected:
            return
        headers = [*self.server_state.default_headers, *response.raw_headers]
        if not cycle.keep_alive:
            headers.append((b"connection", b"close"))
        lines = [b"%b: %b\r\n" % header for header in headers]
        parts = (STATUS_LINE[response.status_code], *lines, b"\r\n", response.body)
        self.transport.write(b"".join(parts))
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
