"""Free memory: what a process no longer uses goes back to the system.

glibc keeps what was freed in small pieces for itself: after a forest was replaced, hundreds of
megabytes.
"""

import ctypes

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # where the C library is glibc


def give_back() -> None:
    """Give back whole pages that hold nothing. Other threads go on meanwhile."""
    if _trim is not None:
        _trim(0)
