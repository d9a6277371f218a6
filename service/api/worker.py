"""Worker: the process that answers.

What it imports comes in an order. Nothing that a user may edit comes before `serve`, which tells
what is wrong with it once. Then the fork server for validation starts, since both import
scikit-learn for seconds; and the metrics' files come before the metrics.
"""

import asyncio
import signal
import sys
import traceback
import zlib
from functools import partial
from socket import socket
from types import FrameType
from typing import TYPE_CHECKING

from uvicorn import Config, Server

from service.api.processes.lifeline import STOP_SECONDS, end_with_parent
from service.api.processes.pulse import Shared, pulse

if TYPE_CHECKING:
    from service.api.state import State

CLOSE = (b"connection", b"close")


class Worker(Server):
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

    def __init__(self, config: Config, state: "State") -> None:
        super().__init__(config)
        self._state = state

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in `DRAIN_SECONDS` from now."""
        if sig != signal.SIGTERM:
            super().handle_exit(sig, frame)
            return
        self._state.is_stopping = True
        self.config.encoded_headers.append(CLOSE)  # from which uvicorn makes the next ones
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        loop, stop = asyncio.get_running_loop(), super().handle_exit
        loop.call_soon_threadsafe(
            loop.call_later, self._state.settings.drain_seconds, stop, sig, frame
        )


def serve(shared: Shared, sockets: list[socket]) -> None:
    """Be a worker: load settings and application, and answer until told to stop.

    Parameters
    ----------
    shared : Shared
        What the supervisor sees of this process.
    sockets : list of socket
        To accept connections from.
    """
    end_with_parent()
    pulse.show_in(shared)
    try:
        prepare()
        run(sockets)
    except Exception as error:
        told = traceback.format_exc()
        if shared.error == zlib.crc32(told.encode()):  # the same, every few seconds
            told = f"{type(error).__name__}: {error} (as before)\n"
        else:
            shared.error = zlib.crc32(told.encode())
        sys.stderr.write(told)
        sys.exit(1)


def prepare() -> None:
    """Do what comes before the application is imported."""
    from service.api.registry import validation_process

    validation_process.start_server()

    from service.api.metrics import files

    files.claim()


def run(sockets: list[socket]) -> None:
    """Make the application by the settings as they are now, and have uvicorn serve it."""
    from service.api.app import create_app
    from service.api.direct.connection import DirectConnection
    from service.api.direct.direct import Direct
    from service.api.edge.access import AccessControl
    from service.contract.settings import settings

    app = create_app(settings())
    state: State = app.state.labloop
    state.has_limits = True
    direct = Direct(state, AccessControl(app, state.settings))
    config = Config(
        app,
        http=partial(DirectConnection, direct=direct, limits=state.settings),  # type: ignore[arg-type]
        ws="none",
        timeout_graceful_shutdown=STOP_SECONDS,
        access_log=False,  # the prediction log keeps what was asked
        log_config=None,  # the process has it already
    )
    Worker(config, state).run(sockets)
