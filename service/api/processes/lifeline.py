"""Lifeline: a process that ends when its parent does, and before it where memory is short."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing import connection, forkserver
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 5  # for a worker to finish what it has begun; Docker waits 10 before it kills
SHIP_SECONDS = 10  # for the segments that are not in the archive yet, if there is one
OOM_SCORE = Path("/proc/self/oom_score_adj")


def end_with_parent() -> None:
    """Have this process end with the one that started it, even after a `kill -9` of that.

    Linux does it, for a process that hangs or was stopped, too. Elsewhere a thread waits for the
    end of the pipe that `multiprocessing` keeps between the two.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for, args=(parent.sentinel,), daemon=True).start()


def go_first(score: int) -> None:
    """Have Linux choose this process before others when memory is short; 1000 is the first."""
    if OOM_SCORE.exists():
        OOM_SCORE.write_text(str(score))


def _wait_for(sentinel: int) -> None:
    connection.wait([sentinel])
    os.kill(os.getpid(), signal.SIGKILL)


# The fork server runs nothing of ours, but imports this file first.
if getattr(sys.modules["__main__"], "main", None) is forkserver.main:
    end_with_parent()
    go_first(500)
