"""Free memory: what a process no longer uses goes back to the system.

glibc keeps what was freed in small pieces for itself: after a forest was replaced, hundreds of
megabytes.
"""

import ctypes
import threading
import time
import weakref
from typing import Any

WORTH_BYTES = 4 * 2**20  # fewer than this are used again by what comes next
PAUSE_SECONDS = 0.001  # in which whoever waits for Python's lock gets it

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # where the C library is glibc


def give_back() -> None:
    """Give back whole pages that hold nothing. Other threads go on meanwhile."""
    if _trim is not None:
        _trim(0)


def when_gone(holder: Any, pieces: list[Any]) -> None:
    """Have the pieces of something large leave memory one by one, once nobody holds it.

    To free 400 MB at once holds Python's lock for tens of milliseconds, in the thread of whoever
    was the last to hold it: that may be the event loop.
    """
    weakref.finalize(holder, _begin_to_free, pieces).atexit = False


def _begin_to_free(pieces: list[Any]) -> None:
    threading.Thread(target=_free, args=(pieces,), name="free-memory", daemon=True).start()


def _free(pieces: list[Any]) -> None:
    while pieces:
        pieces.pop()
        time.sleep(PAUSE_SECONDS)
    give_back()
