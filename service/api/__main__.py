"""Start the API: ``python -m service.api``.

With one worker, code reload is on: an edit under service/ restarts it. With
several, `API_WORKERS`, it is off, and uvicorn keeps that many processes alive.
"""

import logging

import uvicorn

from service.contract.settings import CHECKOUT, settings


def is_for_people(record: logging.LogRecord) -> bool:
    """Keep back the address listened on, e.g. 0.0.0.0: what to open is said by the lab."""
    return not str(record.msg).startswith("Uvicorn running on")


def main() -> None:
    """Serve until told to stop."""
    chosen = settings()
    logging.getLogger("uvicorn.error").addFilter(is_for_people)
    several = chosen.api_workers > 1
    uvicorn.run(
        "service.api.app:app",
        host=chosen.api_host or chosen.bind_address,
        port=chosen.api_port,
        workers=chosen.api_workers if several else None,
        reload=not several,
        reload_dirs=None if several else [str(CHECKOUT / "service")],
        access_log=False,  # the prediction log keeps what was asked
    )


if __name__ == "__main__":
    main()
