"""Lifeline: a start without Docker holds a lock, and its servers end when the lock goes.

    python start/lifeline.py &      beside a server of the Procfile, in its process group

The lock is one of `fcntl.lockf`: it belongs to one process, which keeps it over an `exec`, and no
child inherits it. So it goes when the starter does, even after a `kill -9` of that.
"""

import contextlib
import fcntl
import os
import signal
import time
from pathlib import Path
from typing import IO

FILE = Path(__file__).resolve().parents[1] / ".labloop.pid"
STOP_SECONDS = 5  # as honcho gives them


def take() -> bool:
    """Make this process the starter, also as what it becomes by `exec`; not if there is one."""
    descriptor = os.open(FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    os.ftruncate(descriptor, 0)
    os.write(descriptor, b"%d\n" % os.getpid())
    os.set_inheritable(descriptor, True)
    return True


def starter() -> int:
    """Return the process of a start that lives; else 0."""
    with contextlib.suppress(FileNotFoundError), FILE.open() as file:
        if not _can_lock(file, fcntl.LOCK_SH):
            return int(file.read() or 0)
    return 0


def is_over() -> bool:
    """Whether the starter has ended, and all that it started."""
    with contextlib.suppress(FileNotFoundError), FILE.open("r+") as file:
        return _can_lock(file, fcntl.LOCK_EX)
    return True


def _can_lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.lockf(file, kind | fcntl.LOCK_NB)
        fcntl.flock(file, kind | fcntl.LOCK_NB)  # Labloop 0.4.0 took this one
    except BlockingIOError:
        return False
    return True


def main() -> None:
    """Wait for the starter's end, and end the process group that this runs in."""
    server = os.getppid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which is for the server
    with contextlib.suppress(FileNotFoundError):  # the start is over
        file = FILE.open()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):  # honcho takes a server for alive as long as it can write
            os.dup2(nothing, stream)
        fcntl.lockf(file, fcntl.LOCK_SH)  # kept, so that others see that there is something left
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while os.getppid() == server and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
