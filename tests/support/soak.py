"""How much of a long test is run: all of it under `make soak`, a part in `make test`."""

import os

SOAK = bool(os.environ.get("SOAK"))


def times(full: int, bounded: int) -> int:
    """Return the full count under `make soak`, and the bounded one in `make test`."""
    return full if SOAK else bounded
