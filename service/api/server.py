"""Server: uvicorn's, which drains before it stops."""

import asyncio
import signal
from contextlib import suppress
from types import FrameType

from uvicorn import Config, Server

from service.api.state import State

CLOSE = (b"connection", b"close")
TICK_SECONDS = 1.0


class DrainingServer(Server):
    """uvicorn's server, which takes requests for a while after it was told to stop.

    A load balancer that asks `/health/ready` needs a moment to send its requests elsewhere. Until
    then they are answered as before, but each response asks its client to connect anew, which leads
    it to another replica. Then uvicorn takes no more connections, finishes what it has begun, and
    the log is synced.

    Parameters
    ----------
    config : uvicorn.Config
    state : State
        Is told that the API is stopping.
    """

    def __init__(self, config: Config, state: State) -> None:
        super().__init__(config)
        self._state = state
        self._is_to_end = asyncio.Event()

    async def main_loop(self) -> None:
        """Wake once a second, for the header Date, and to end. uvicorn wakes ten times."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_to_end.wait(), TICK_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in `DRAIN_SECONDS` from now."""
        if sig != signal.SIGTERM:
            self._end(sig, frame)
            return
        self._state.is_stopping = True
        self.config.encoded_headers.append(CLOSE)  # from which uvicorn makes the next ones
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        loop, seconds = asyncio.get_running_loop(), self._state.settings.drain_seconds
        loop.call_soon_threadsafe(loop.call_later, seconds, self._end, sig, frame)

    def _end(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        asyncio.get_running_loop().call_soon_threadsafe(self._is_to_end.set)
