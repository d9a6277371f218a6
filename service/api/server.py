"""Server: the uvicorn that runs this application, given its limits and a gentle end.

It may have been started by hand, by `python -m service.api` or as one of several workers. In each
case it handles SIGTERM itself, and its handler leads to it.
"""

import asyncio
import signal
from types import FrameType

import uvicorn

from service.api.edge.connection import Connection

STOP_SECONDS = 5  # to finish what has begun; Docker waits 10 before it kills


class Server:
    """Has uvicorn use `Connection`, and puts a while before its end.

    A load balancer that asks `/health/ready` needs a moment to send its requests elsewhere. Until
    then they are answered as before; then uvicorn takes no more connections, finishes what it has
    begun, and the log is synced.

    Parameters
    ----------
    drain_seconds : float
        `DRAIN_SECONDS`.

    Attributes
    ----------
    is_stopping : bool
    """

    def __init__(self, drain_seconds: float) -> None:
        self.is_stopping = False
        self._drain_seconds = drain_seconds
        self._loop = asyncio.get_running_loop()
        handler = signal.getsignal(signal.SIGTERM)
        self._uvicorn = getattr(handler, "__self__", None)
        if isinstance(self._uvicorn, uvicorn.Server):
            # For each new connection it looks the class up.
            self._uvicorn.config.http_protocol_class = Connection
            self._uvicorn.config.ws_protocol_class = None
            self._uvicorn.config.timeout_graceful_shutdown = STOP_SECONDS
            signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True
        self._loop.call_soon_threadsafe(
            self._loop.call_later, self._drain_seconds, self._stop, number, frame
        )

    def _stop(self, number: int, frame: FrameType | None) -> None:
        assert self._uvicorn is not None
        self._uvicorn.handle_exit(number, frame)
