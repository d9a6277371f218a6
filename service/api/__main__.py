"""Start the API: ``python -m service.api``."""

import sys
from argparse import ArgumentParser

from service.api import worker
from service.api.processes import supervisor
from service.contract.errors import SettingError
from service.contract.settings import settings

if __name__ == "__main__":
    parser = ArgumentParser("python -m service.api", description="Start the API.")
    parser.add_argument(
        "--host", help="the address to listen on, if not BIND_ADDRESS; a container has its own"
    )
    options = parser.parse_args()
    try:
        chosen = settings()
    except SettingError as error:
        sys.exit(str(error))
    host = options.host or chosen.bind_address
    supervisor.run(chosen, host, worker.serve)
