"""Lifeline: a process that ends when its parent does, and before it where memory is short."""

import ctypes
import os
import select
import signal
import sys
import threading
from ctypes import c_ulong
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36
STOP_SECONDS = 5  # for a worker to finish what it has begun; Docker waits 10 before it kills
SHIP_SECONDS = 10  # for the segments that are not in the archive yet, if there is one
OOM_SCORE = Path("/proc/self/oom_score_adj")


def end_with_parent() -> None:
    """Have Linux end this process with the one that it is a child of, even after a `kill -9`.

    It ends a process that hangs or was stopped, too.
    """
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end_with_pipe(alive: int) -> None:
    """End this process when a pipe is at its end.

    That is for other systems, and for Linux where the parent ended before it could be told.
    """
    threading.Thread(target=_wait_for, args=(alive,), daemon=True).start()


def adopt() -> None:
    """Become the parent of what descends from this process and loses its own."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def set_name(name: str) -> None:
    """Give this process a name for `ps` and for the kernel's log, of at most 15 bytes."""
    _prctl(PR_SET_NAME, name.encode())


def oom_score() -> int:
    """Return what Linux adds to this process's score when memory is short."""
    return int(OOM_SCORE.read_text()) if OOM_SCORE.exists() else 0


def set_oom_score(score: int) -> None:
    """Set it."""
    if OOM_SCORE.exists():
        OOM_SCORE.write_text(str(score))


def go_first(score: int) -> None:
    """Have Linux choose this process before others when memory is short; 1000 is the first."""
    set_oom_score(max(score, oom_score()))


def _prctl(option: int, value: int | bytes) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value if isinstance(value, bytes) else c_ulong(value))


def _wait_for(alive: int) -> None:
    select.select([alive], [], [])
    os.kill(os.getpid(), signal.SIGKILL)
