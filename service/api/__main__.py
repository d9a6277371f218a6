"""Start the API: ``python -m service.api``."""

import sys
from functools import partial

from service.api import worker
from service.api.processes import supervisor
from service.contract.errors import SettingError
from service.contract.settings import settings

if __name__ == "__main__":
    try:
        chosen = settings()
    except SettingError as error:
        sys.exit(str(error))
    supervisor.run(chosen, partial(worker.serve, chosen))
