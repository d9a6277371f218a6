"""Start the API: ``python -m service.api``."""

import multiprocessing
import sys
from argparse import ArgumentParser
from functools import partial
from multiprocessing.connection import Connection

from service.api import worker
from service.api.processes import supervisor
from service.api.processes.supervisor import Chosen


def choose(host: str | None) -> Chosen:
    """Read the settings, in a fork: what that imports would stay in the supervisor's memory."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    reading = multiprocessing.get_context("fork").Process(target=_tell, args=(theirs, host))
    with ours:
        reading.start()
        theirs.close()
        try:
            told: Chosen | str = ours.recv()
        except EOFError:  # its traceback says why
            sys.exit(1)
        reading.join()
    if isinstance(told, str):
        sys.exit(told)
    return told


def _tell(results: Connection, host: str | None) -> None:
    from service.contract.build import build
    from service.contract.errors import LabloopError
    from service.contract.settings import settings

    try:
        build().check()
        chosen = settings()
        results.send(Chosen.of(chosen, host or chosen.bind_address))
    except LabloopError as error:
        results.send(str(error))


if __name__ == "__main__":
    parser = ArgumentParser("python -m service.api", description="Start the API.")
    parser.add_argument(
        "--host", help="the address to listen on, if not BIND_ADDRESS; a container has its own"
    )
    supervisor.run(partial(choose, parser.parse_args().host), worker.serve)
