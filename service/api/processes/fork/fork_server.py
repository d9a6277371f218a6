"""Fork server: started by the supervisor, asked by it for workers, and by these for validations."""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any

from service.api.processes.fork.child import Child, exit_code, said_of
from service.api.processes.fork.message import Message

logger = logging.getLogger("uvicorn.error")

PROGRAM = """
import sys
sys.path[:] = {path!r}
from service.api.processes.fork.server import main
main({requests}, {alive})
"""
PAUSE_SECONDS = 1.0  # after the start of one that ends at once


class ForkRequests:
    """The way to ask for forks, which everybody in a family has.

    Parameters
    ----------
    requests : socket
        Messages wait in it while the fork server starts, or another takes its place.
    pid : callable
        Returns the process of the fork server; 0 while there is none.
    """

    def __init__(self, requests: socket.socket, pid: Callable[[], int]) -> None:
        self.requests = requests
        self._pid_now = pid

    def fork(self, function: Callable[..., None], *arguments: Any, adopt: bool = False) -> Child:
        """Have a function called in a fork; its code is imported there, and not before.

        Parameters
        ----------
        function : callable
        *arguments
            What can be pickled, sockets and connections included.
        adopt : bool
            Make it a child of this process, which must be one that `lifeline.adopt` was called in.
            Else it is killed when nobody has its `Child` any more. Only Linux knows adoption; there
            is none elsewhere, and the fork ends with the fork server.

        Raises
        ------
        BlockingIOError
            It is to be adopted, and no more messages may wait. The supervisor, who starts another
            fork server when there is none, must never wait for it.
        """
        is_adopted = adopt and sys.platform == "linux"
        told, tells = Pipe()
        with tells:
            message = Message.of(is_adopted, function, *arguments)
            message.files.append(tells.fileno())  # the last is the server's own
            message.send(self.requests, socket.MSG_DONTWAIT if adopt else 0)
        return Child(told, is_adopted)

    def look(self) -> None:
        """See that there is a fork server; whoever started it does."""

    def kill(self) -> None:
        """End a fork server that does nothing any more; another follows it."""
        if pid := self._pid_now():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class ForkServer(ForkRequests):
    """A fork server that this process has started, and starts again when it ends."""

    def __init__(self) -> None:
        self._source, requests = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._alive, self._life = os.pipe()
        self._pid = 0
        self._started = 0.0
        super().__init__(requests, lambda: self._pid)

    @property
    def pid(self) -> int:
        """Its process; 0 while there is none."""
        return self._pid

    def look(self) -> None:
        """Start one, if there is none."""
        if self._pid:
            code = self._exit_code(os.WNOHANG)
            if code is None:
                return
            self._pid = 0
            logger.error("The fork server ended %s. The next one starts.", said_of(code))
        if time.monotonic() - self._started >= PAUSE_SECONDS:
            self.start()

    def start(self) -> None:
        """Start one."""
        passed = [self._source.fileno(), self._alive]
        for each in passed:
            os.set_inheritable(each, True)
        program = PROGRAM.format(path=sys.path, requests=passed[0], alive=passed[1])
        command = [sys.executable, "-c", program]
        self._started = time.monotonic()
        self._pid = os.posix_spawn(sys.executable, command, os.environ)
        for each in passed:
            os.set_inheritable(each, False)

    def restart(self) -> None:
        """Start another in place of this one, which may have imported what was edited since."""
        self._stop()
        self.start()

    def end(self) -> None:
        """End it, and what it has forked and nobody has adopted."""
        self._stop()
        self._source.close()
        self.requests.close()
        os.close(self._alive)
        os.close(self._life)

    def _stop(self) -> None:
        self.kill()
        if self._pid:
            self._exit_code(0)
        self._pid = 0

    def _exit_code(self, options: int) -> int | None:
        try:
            pid, status = os.waitpid(self._pid, options)
        except ChildProcessError:  # `bury` has seen it
            return exit_code(self._pid, self._started)
        return os.waitstatus_to_exitcode(status) if pid else None
