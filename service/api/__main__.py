"""Start the API: ``python -m service.api``.

With one worker, code reload is on: an edit under service/ restarts it. With
several, `API_WORKERS`, it is off, and uvicorn keeps that many processes alive.
"""

import uvicorn

from service.contract.settings import CHECKOUT, settings


def main() -> None:
    """Serve until told to stop."""
    chosen = settings()
    several = chosen.api_workers > 1
    uvicorn.run(
        "service.api.app:app",
        host=chosen.api_host,
        port=chosen.api_port,
        workers=chosen.api_workers if several else None,
        reload=not several,
        reload_dirs=None if several else [str(CHECKOUT / "service")],
        access_log=False,  # the prediction log keeps what was asked
    )


if __name__ == "__main__":
    main()
