"""Drain: between SIGTERM and the end, an API that is not ready but still answers."""

import asyncio
import signal
from types import FrameType
from typing import Any


class Drain:
    """Puts itself before the server's own handler of SIGTERM.

    A load balancer that asks `/health/ready` needs a moment to send its requests elsewhere. Until
    then they are answered as before; then the server stops: it takes no more connections, finishes
    what it has begun, and the log is synced.

    Parameters
    ----------
    seconds : float
        `DRAIN_SECONDS`.
    """

    def __init__(self, seconds: float) -> None:
        self.stopping = False
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._stop: Any = signal.getsignal(signal.SIGTERM)
        if callable(self._stop):
            signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
        if self._seconds:
            self._loop.call_soon_threadsafe(
                self._loop.call_later, self._seconds, self._stop, number, frame
            )
        else:
            self._stop(number, frame)
