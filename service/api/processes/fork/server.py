"""The fork server's process: it imports, then waits, and forks itself for each message.

To fork is safe here, because no thread holds a lock that the fork would inherit: this process has
one thread of Python's. The libraries start threads of their own only when they compute, which
nothing does here, except for OpenBLAS, which ends its threads before each fork and starts them anew
when they are needed (`pthread_atfork`). `tests/api/processes/test_fork.py` looks at the threads.

Nothing that a user may edit is imported here, or what is wrong with it would be said by nobody:
each worker imports it, and says so. For the same reason it does not matter here if a file of ours
cannot be imported. The metrics come with a worker, too, because its files are to be claimed first.
"""

import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from types import FrameType
from typing import NoReturn

from service.api.processes import lifeline
from service.api.processes.fork.child import ended
from service.api.processes.fork.message import Message

SHARED = (
    "numpy",
    "pandas",
    "sklearn.ensemble",
    "sklearn.pipeline",
    "skops.io",
    "treelite",
    "fastapi_offline",
    "uvicorn.loops.auto",
    "pydantic.v1",
    "service.api.registry.validation",
    "service.api.edge.connection",
    "service.api.rest.schemas",
    "service.contract.settings",
)
UNUSED = "pytest"  # which scikit-learn's helpers for tests import, where it is installed


def main(requests: int, alive: int) -> None:
    """Be a fork server until who started it ends, or ends this.

    Parameters
    ----------
    requests : int
        A socket from which messages come.
    alive : int
        A pipe that is at its end when the process is that started this one.
    """
    lifeline.set_name("api-fork-server")
    lifeline.end_with_parent()
    for each in (signal.SIGINT, signal.SIGTERM):  # meant for those who answer requests
        signal.signal(each, signal.SIG_IGN)
    score = lifeline.oom_score()
    lifeline.go_first(500)
    gc.disable()
    sys.modules[UNUSED] = None  # type: ignore[assignment]  # as if it were not installed
    for name in SHARED:
        with suppress(Exception):
            importlib.import_module(name)
    del sys.modules[UNUSED]
    gc.freeze()  # the collector would write into every object, and so copy its page
    gc.enable()
    _Server(requests, alive, score).run()


class _Server:
    def __init__(self, requests: int, alive: int, score: int) -> None:
        self._requests = socket.socket(fileno=requests)
        self._alive = alive
        self._score = score
        self._askers: dict[int, Connection] = {}
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        self._wake = wake
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, _nothing)
        self._selector = selectors.DefaultSelector()
        for source in (self._requests, alive, self._woken):
            self._selector.register(source, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == self._alive:
                    return
                if key.fileobj == self._woken:
                    os.read(self._woken, 4096)
                elif key.fileobj == self._requests:
                    self._fork(Message.receive(self._requests))
                else:  # nobody waits for this one any more
                    self._selector.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)
            self._bury()

    def _fork(self, message: Message) -> None:
        asker = Connection(message.files.pop())
        try:
            pid = os.fork()
        except OSError as error:  # no memory, or no more processes: the asker is told by its end
            sys.stderr.write(f"ERROR:    No process can be made: {error}.\n")
            asker.close()
            message.close()
            return
        if not pid:
            self._close()
            _live(message, asker, self._alive, self._score)
        message.close()
        if message.is_adopted:  # it tells by itself which process it is
            asker.close()
            return
        self._askers[pid] = asker
        self._selector.register(asker, selectors.EVENT_READ, pid)
        with suppress(OSError):  # nobody waits for it
            asker.send(pid)

    def _bury(self) -> None:
        for pid, code in ended():
            asker = self._askers.pop(pid, None)
            if asker is not None:
                with suppress(KeyError):
                    self._selector.unregister(asker)
                with asker, suppress(OSError):
                    asker.send(code)

    def _close(self) -> None:
        """Leave to the child what is its own."""
        signal.set_wakeup_fd(-1)
        for each in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._selector.close()
        self._requests.close()
        for end in (self._woken, self._wake):
            os.close(end)
        for asker in self._askers.values():
            asker.close()


def _live(message: Message, asker: Connection, alive: int, score: int) -> NoReturn:
    """Be a fork: do what the message says, and end."""
    code = 1
    try:
        if message.is_adopted:
            _be_adopted(asker)
            lifeline.set_oom_score(score)
        else:
            asker.close()
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.close(nothing)
        lifeline.end_with_parent()
        lifeline.end_with_pipe(alive)
        function, arguments = message.read()
        function(*arguments)
        threading._shutdown()  # type: ignore[attr-defined]  # as `multiprocessing` ends its forks
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _be_adopted(asker: Connection) -> None:
    """Fork once more and end, so that the fork becomes the supervisor's child.

    Then the supervisor sees by itself how it ends, and it outlives the fork server.
    """
    first = os.getpid()
    pid = os.fork()
    if pid:
        asker.send(pid)
        os._exit(0)
    asker.close()
    while os.getppid() == first:
        time.sleep(0.001)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Let a signal wake the selector."""
