"""Request metrics: each request counts by the template of its route, never by its path."""

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.metrics.metrics import metrics

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
UNKNOWN = "unknown"


class _Noting:
    """Sends on, and notes the status of the response."""

    __slots__ = ("send", "status")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.status = 500  # what the server responds if the application fails

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self.send(message)


class RequestMetrics:
    """ASGI middleware that counts and times each HTTP request.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._templates: dict[Any, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it once it is answered, so that nobody waits for that."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        noting, began = _Noting(send), perf_counter()
        try:
            await self.app(scope, receive, noting)
        finally:
            self._count(scope, noting.status, perf_counter() - began)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        metrics.answered(method, self._template(scope), status, seconds)

    def _template(self, scope: Scope) -> str:
        """Return the path of the route that was taken, with its parameters' names."""
        if "endpoint" not in scope:
            return UNKNOWN
        # A function may answer at several paths, which differ in their parameters. Not everything
        # that answers can be hashed; all of it lives as long as the application.
        key = id(scope["endpoint"]), *scope["path_params"]
        if key not in self._templates:
            found = (path for each, path in _templates(scope["app"].routes) if each == key)
            self._templates[key] = next(found, UNKNOWN)
        return self._templates[key]


def _templates(
    routes: Sequence[BaseRoute], before: str = "", names: tuple[str, ...] = ()
) -> Iterator[tuple[Any, str]]:
    """Yield what answers at each route and mount, with the parameters' names, and its path."""
    for route in iter_route_contexts(routes):
        path, own = before + (route.path or ""), (*names, *route.param_convertors)
        if isinstance(route.original_route, Mount):
            own = own[:-1]  # the last one is the rest of the path
            yield (id(route.app), *own), path
            yield from _templates(route.routes, path, own)
        else:
            yield (id(route.endpoint), *own), path
