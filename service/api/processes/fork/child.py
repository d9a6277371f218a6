"""Child: a process that the fork server made, seen by who asked for it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection

LOOK_SECONDS = 0.01
LOST = 255  # the exit code where nobody is left to tell it

_ended: dict[int, tuple[int, float]] = {}  # the exit code, and when it was seen


def bury() -> None:
    """Take note of every child of this process that has ended.

    The supervisor does it, who adopts the workers, and whatever else a process of its family leaves
    behind.
    """
    for pid, code in ended():
        _ended[pid] = code, time.monotonic()


def ended() -> Iterator[tuple[int, int]]:
    """Yield every child of this process that has ended, with its exit code."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, os.waitstatus_to_exitcode(status)


def exit_code(pid: int, since: float) -> int | None:
    """Return what a process ended with, if `bury` has seen it end since then."""
    code, seen = _ended.get(pid, (LOST, 0.0))
    return code if seen >= since else None


def said_of(code: int) -> str:
    """Say how a process ended.

    Examples
    --------
    >>> said_of(7), said_of(-9)
    ('with exit code 7', 'by signal 9 (SIGKILL, out of memory?)')
    """
    if code >= 0:
        return f"with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "one of those without a name"
    return f"by signal {-code} ({name}{', out of memory?' if -code == signal.SIGKILL else ''})"


class Child:
    """A process, from when it was asked for until it has ended.

    Parameters
    ----------
    told : Connection
        The fork server says there which process it is, and how it ended.
    is_adopted : bool
        Whether it becomes a child of this process, which sees by itself how it ends.
    """

    def __init__(self, told: Connection, is_adopted: bool) -> None:
        self._told = told
        self._is_adopted = is_adopted
        self._asked = time.monotonic()
        self._pid: int | None = None
        self._exitcode: int | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Its number, once the fork server has made it."""
        self._listen()
        return self._pid

    @property
    def exitcode(self) -> int | None:
        """What it ended with, or the signal below 0; None while it lives."""
        self._listen()
        if self._exitcode is None and self._is_adopted and self._pid is not None:
            bury()
            self._exitcode = exit_code(self._pid, self._asked)
        return self._exitcode

    def terminate(self) -> None:
        """Ask it to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._send(signal.SIGKILL)

    def join(self, seconds: float | None = None) -> None:
        """Wait until it has ended."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while self.exitcode is None and (deadline is None or time.monotonic() < deadline):
            time.sleep(LOOK_SECONDS)

    def _send(self, number: int) -> None:
        if self.pid is not None and self.exitcode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _listen(self) -> None:
        with self._lock:
            while not self._told.closed and self._told.poll():
                try:
                    said = self._told.recv()
                except (EOFError, OSError):  # the fork server ended, or has said all
                    self._told.close()
                    if self._exitcode is None and (self._pid is None or not self._is_adopted):
                        self._exitcode = LOST
                    return
                if self._pid is None:
                    self._pid = said
                else:
                    self._exitcode = said
