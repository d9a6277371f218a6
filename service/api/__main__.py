"""Start the API: ``python -m service.api``."""

import sys
from argparse import ArgumentParser

from service.api import worker
from service.api.processes import supervisor
from service.contract.build import build
from service.contract.errors import LabloopError
from service.contract.settings import settings

if __name__ == "__main__":
    parser = ArgumentParser("python -m service.api", description="Start the API.")
    parser.add_argument(
        "--host", help="the address to listen on, if not BIND_ADDRESS; a container has its own"
    )
    options = parser.parse_args()
    try:
        build().check()
        chosen = settings()
    except LabloopError as error:
        sys.exit(str(error))
    host = options.host or chosen.bind_address
    supervisor.run(chosen, host, worker.serve)
