"""Start the API: ``python -m service.api``."""

from service.api import supervisor
from service.contract.settings import settings

if __name__ == "__main__":
    supervisor.run(settings())
