"""Lifeline: a process that ends when its parent does, however that ended."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing import connection, forkserver

PR_SET_PDEATHSIG = 1


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


def _wait_for(sentinel: int) -> None:
    connection.wait([sentinel])
    os.kill(os.getpid(), signal.SIGKILL)


# The fork server runs nothing of ours, but imports this file first.
if getattr(sys.modules["__main__"], "main", None) is forkserver.main:
    end_with_parent()
