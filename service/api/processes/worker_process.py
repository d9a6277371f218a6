"""Worker process: one that answers, seen from its supervisor; when it ends, another follows it."""

import ctypes
import logging
import signal
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.context import SpawnProcess
from multiprocessing.sharedctypes import RawValue
from socket import socket

from uvicorn import Config
from uvicorn._subprocess import get_subprocess  # what uvicorn's own supervisors start theirs by

from service.api.processes import strikes
from service.api.processes.family import family_folder
from service.api.processes.hang import Hang, Watch
from service.api.processes.pulse import Shared, computations
from service.api.processes.strikes import Strikes

PAUSES = (0, 1, 2, 4, 5)  # in seconds: before the first new start in a row, the second, ...
HEALTHY_SECONDS = 10  # of answering, after which the next end is the first in a row
KILL_SECONDS = 5  # until it is gone, if it does not wait for a disk
CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL})

logger = logging.getLogger("uvicorn.error")


Serve = Callable[[Shared, list[socket]], None]
"""Answers in a process of its own, and shows the supervisor what it does."""


class WorkerProcess:
    """The process that answers now, and how often one ended before it.

    Parameters
    ----------
    serve : callable
    config : uvicorn.Config
    listening : socket
    answer_seconds : float
        `ANSWER_SECONDS`.
    """

    def __init__(
        self, serve: Serve, config: Config, listening: socket, answer_seconds: float
    ) -> None:
        self._serve = serve
        self._config = config
        self._listening = listening
        self._limit = answer_seconds
        self._shared: Shared = RawValue(Shared)
        self._strikes = Strikes(family_folder())
        self._process: SpawnProcess | None = None
        self._ends_in_a_row = 0
        self._answering = 0.0  # seconds
        self._next_start = 0.0

    def begin_afresh(self) -> None:
        """Hold nothing against the next process, for instance after an edit."""
        self._ends_in_a_row = 0
        self._next_start = 0.0
        self._shared.error = 0

    def look(self, elapsed: float) -> None:
        """Start a process if it is time to; replace it if it has ended or hangs.

        Parameters
        ----------
        elapsed : float
            Seconds since the last look.
        """
        if self._process is None:
            if time.monotonic() >= self._next_start:
                self._start()
        elif self._process.exitcode is not None:
            self._follow(self._process.pid, self._process.exitcode)
        elif hang := self._watch.look(elapsed):
            self._replace(self._process, hang)
        elif self._watch.answers:
            self._answering += elapsed
            if self._answering >= HEALTHY_SECONDS:
                self._ends_in_a_row = 0

    def terminate(self) -> None:
        """Ask the process to end."""
        if self._process is not None:
            self._process.terminate()

    def end(self, deadline: float) -> None:
        """Wait until the process has ended; when the deadline is over, kill it."""
        if self._process is None:
            return
        self._process.join(max(0.0, deadline - time.monotonic()))
        if self._process.exitcode is None:
            logger.warning("Worker %s did not stop, and is killed.", self._process.pid)
            self._process.kill()
            self._process.join(KILL_SECONDS)
        self._process = None

    def _start(self) -> None:
        seats = self._shared.seats
        ctypes.memset(ctypes.addressof(seats), 0, ctypes.sizeof(seats))
        self._shared.beats = 0
        target = partial(self._serve, self._shared)
        process = get_subprocess(self._config, target, [self._listening])
        try:
            process.start()
        except OSError as error:  # no memory, or no more processes
            self._next_start = time.monotonic() + PAUSES[-1]
            logger.error("A worker cannot start: %s. It is tried again in %s s.", error, PAUSES[-1])
            return
        assert process.pid is not None
        self._process = process
        self._watch = Watch(process.pid, self._shared, self._limit)
        self._answering = 0.0

    def _follow(self, pid: int | None, code: int) -> None:
        """Say how a process ended, and when the next one starts."""
        self._process = None
        self._ends_in_a_row += 1
        pause = PAUSES[min(self._ends_in_a_row, len(PAUSES)) - 1]
        self._next_start = time.monotonic() + pause
        how = f"by signal {-code} ({_signal(-code)})" if code < 0 else f"with exit code {code}"
        often = f", {self._ends_in_a_row} times in a row" if self._ends_in_a_row > 1 else ""
        when = f"in {pause} s" if pause else "now"
        logger.error("Worker %s ended %s%s. The next one starts %s.", pid, how, often, when)
        running = {each.label for each in computations(self._shared)}
        if -code in CRASHES and len(running) == 1:
            self._strike(running.pop(), "ended its worker")

    def _replace(self, process: SpawnProcess, hang: Hang) -> None:
        """Kill a process that hangs, and start the next one at once."""
        process.kill()
        process.join(KILL_SECONDS)
        logger.error("Worker %s is killed and replaced. %s.", process.pid, hang.what)
        for label in hang.labels:
            self._strike(label, "did not end")
        self._process = None  # the next look starts another

    def _strike(self, label: str, what: str) -> None:
        model, version, _ = label.split("/")
        try:
            times = self._strikes.add(label)
        except OSError as error:  # the temporary disk is full; the next one is counted
            logger.error("A strike of %s cannot be counted: %s.", label, error)
            return
        then = f"It is number {times} of {strikes.LIMIT}, after which it is no longer served."
        if times >= strikes.LIMIT:
            then = "It is no longer served."
        logger.error("Model %s: a prediction by version %s %s. %s", model, version, what, then)


def _signal(number: int) -> str:
    """Name a signal, and what it may mean."""
    if number == signal.SIGKILL:
        return "SIGKILL, out of memory?"
    try:
        return signal.Signals(number).name
    except ValueError:
        return "one of those without a name"
