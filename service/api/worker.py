"""Worker: the process that answers.

It is a fork that has the libraries, and of what a user may edit nothing. What it imports comes in
an order. `serve` comes first, which tells what is wrong with the rest once; and the metrics' files
come before the metrics.
"""

import sys
import traceback
import zlib
from functools import partial
from socket import socket

from service.api.processes import family, lifeline
from service.api.processes.fork.fork_server import ForkRequests
from service.api.processes.lifeline import STOP_SECONDS
from service.api.processes.pulse import Shared, in_memory, pulse
from service.api.processes.worker_process import Task


def serve(task: Task) -> None:
    """Be a worker: load settings and application, and answer until told to stop."""
    shared = join(task)
    try:
        prepare(shared, task)
        run(task.listening)
    except Exception as error:
        told = traceback.format_exc()
        if shared.error == zlib.crc32(told.encode()):  # the same, every few seconds
            told = f"{type(error).__name__}: {error} (as before)\n"
        else:
            shared.error = zlib.crc32(told.encode())
        sys.stderr.write(told)
        sys.exit(1)


def join(task: Task) -> Shared:
    """Become one of the family; return what the supervisor sees."""
    lifeline.set_name("api-worker")
    family.join(task.supervisor, task.key)
    shared = in_memory(task.memory)
    if shared.start != task.start:
        sys.exit()
    pulse.show_in(shared)
    return shared


def prepare(shared: Shared, task: Task) -> None:
    """Do what comes before the application is imported."""
    from uvicorn import Config

    Config("", access_log=False)  # from now on, what is logged is shown

    from service.api.metrics import files

    files.claim()

    from service.api.registry import validation_process

    validation_process.use(ForkRequests(task.requests, lambda: shared.fork_server))


def run(listening: socket) -> None:
    """Make the application by the settings as they are now, and have uvicorn serve it."""
    from uvicorn import Config

    from service.api.app import create_app
    from service.api.direct.connection import DirectConnection
    from service.api.direct.direct import Direct
    from service.api.edge.access import AccessControl
    from service.api.server import DrainingServer
    from service.api.state import State
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
    DrainingServer(config, state).run([listening])
