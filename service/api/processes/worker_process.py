"""Worker process: one that answers, seen from its supervisor; when it ends, another follows it."""

import ctypes
import io
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from socket import socket
from typing import NamedTuple

from service.api.processes import strikes
from service.api.processes.family import family_folder
from service.api.processes.fork.child import Child, said_of
from service.api.processes.fork.fork_server import ForkServer
from service.api.processes.hang import MOST_SECONDS, Hang, Watch
from service.api.processes.pulse import computations, in_memory, new_memory
from service.api.processes.strikes import Strikes

PAUSES = (0, 1, 2, 4, 5)  # in seconds: before the first new start in a row, the second, ...
HEALTHY_SECONDS = 10  # of answering, after which the next end is the first in a row
FORK_SECONDS = 60  # for the fork server to import everything, and to make a worker
KILL_SECONDS = 5  # until it is gone, if it does not wait for a disk
CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL})

KEY = bytes(multiprocessing.current_process().authkey)  # of the family

logger = logging.getLogger("uvicorn.error")


class Task(NamedTuple):
    """What a worker gets: its family's number and key, and what passes between processes.

    `start` is which start of it this is. `memory` is what the supervisor sees of it; `requests`
    leads to the fork server.
    """

    supervisor: int
    key: bytes
    start: int
    memory: io.FileIO
    listening: socket
    requests: socket


Serve = Callable[[Task], None]
"""Answers in a process of its own: `service.api.worker.serve`."""


class WorkerProcess:
    """The process that answers now, and how often one ended before it.

    Parameters
    ----------
    serve : callable
    listening : socket
    fork_server : ForkServer
    answer_seconds : float
        `ANSWER_SECONDS`.
    """

    def __init__(
        self, serve: Serve, listening: socket, fork_server: ForkServer, answer_seconds: float
    ) -> None:
        self._serve = serve
        self._listening = listening
        self._fork_server = fork_server
        self._limit = answer_seconds
        self._memory = new_memory()
        self._shared = in_memory(self._memory)
        self._strikes = Strikes(family_folder())
        self._process: Child | None = None
        self._watch: Watch | None = None  # once it is made
        self._ends_in_a_row = 0
        self._waited = 0.0  # seconds
        self._answering = 0.0
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
        self._shared.fork_server = self._fork_server.pid
        if self._process is None:
            if time.monotonic() >= self._next_start:
                self._start()
        elif self._process.exitcode is not None:
            self._follow(self._process.pid, self._process.exitcode)
        elif self._watch is None:
            self._wait_for_fork(self._process, elapsed)
        elif hang := self._watch.look(elapsed):
            self._replace(self._process, hang)
        elif self._watch.answers:
            self._answering += elapsed
            if self._answering >= HEALTHY_SECONDS:
                self._ends_in_a_row = 0

    def terminate(self) -> None:
        """Ask the process to end."""
        self._shared.start += 1  # if the fork server has not made it yet, it ends by itself
        if self._process is not None and self._process.pid is not None:
            self._process.terminate()
        else:
            self._process = None

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
        server = self._fork_server
        start = self._shared.start = self._shared.start + 1
        task = Task(os.getpid(), KEY, start, self._memory, self._listening, server.requests)
        try:
            self._process = server.fork(self._serve, task, adopt=True)
        except BlockingIOError:  # too many wait already; the next look tries again
            return
        self._watch = None
        self._waited = 0.0
        self._answering = 0.0

    def _wait_for_fork(self, process: Child, elapsed: float) -> None:
        if process.pid is not None:
            self._watch = Watch(process.pid, self._shared, self._limit)
            return
        self._waited += min(elapsed, MOST_SECONDS)
        if self._waited >= FORK_SECONDS:
            self._waited = 0.0
            logger.error("The fork server does not answer, and is replaced.")
            self._fork_server.kill()

    def _follow(self, pid: int | None, code: int) -> None:
        """Say how a process ended, and when the next one starts."""
        self._process = None
        if pid is None:
            self._next_start = time.monotonic() + PAUSES[1]
            logger.error("A worker could not be made. It is tried again in %s s.", PAUSES[1])
            return
        self._ends_in_a_row += 1
        pause = PAUSES[min(self._ends_in_a_row, len(PAUSES)) - 1]
        self._next_start = time.monotonic() + pause
        often = f", {self._ends_in_a_row} times in a row" if self._ends_in_a_row > 1 else ""
        when = f"in {pause} s" if pause else "now"
        logger.error(
            "Worker %s ended %s%s. The next one starts %s.", pid, said_of(code), often, when
        )
        running = {each.label for each in computations(self._shared)}
        if -code in CRASHES and len(running) == 1:
            self._strike(running.pop(), "ended its worker")

    def _replace(self, process: Child, hang: Hang) -> None:
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
