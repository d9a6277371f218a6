"""Run the servers of the Procfile under honcho, until one of them ends or all are told to stop.

    python -m start.servers

To be told to stop, by Ctrl-C or `make down`, is no error: `make` need not speak of one.
"""

import os
import sys

from honcho import command
from honcho.manager import SIGNALS

TOLD = {each["rc"] for each in SIGNALS.values()}


def main() -> int:
    """Run them; return the exit code."""
    try:
        # up.py read `.env`, and the environment goes before it; honcho would have it reversed.
        command.main(["--env", os.devnull, "start"])
    except SystemExit as end:
        return 0 if end.code in TOLD else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
