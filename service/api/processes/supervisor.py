"""Supervisor: the process that starts the workers, and whatever ends one starts another.

It holds the socket that all workers listen on, and dies last. It imports next to nothing, not even
the settings.
"""

import logging
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOL_SOCKET, socket
from typing import TYPE_CHECKING, NamedTuple

from watchfiles import PythonFilter, watch

from service.api.processes import lifeline
from service.api.processes.family import family_folder
from service.api.processes.fork.child import bury
from service.api.processes.fork.fork_server import ForkServer
from service.api.processes.lifeline import SHIP_SECONDS, STOP_SECONDS
from service.api.processes.worker_process import Serve, WorkerProcess

if TYPE_CHECKING:
    from service.contract.settings import Settings

CODE = Path(__file__).resolve().parents[2]
LOOK_SECONDS = 0.25
WATCH_MS = 200  # between looks at what was edited; each wakes this process
SYNC_SECONDS = 2  # for the log, once a worker has answered what it had begun

logger = logging.getLogger("uvicorn.error")


class Chosen(NamedTuple):
    """What the supervisor needs of the settings."""

    host: str
    port: int
    workers: int
    answer_seconds: float
    stop_seconds: float

    @classmethod
    def of(cls, chosen: "Settings", host: str) -> "Chosen":
        """Choose it."""
        stop_seconds = chosen.drain_seconds + STOP_SECONDS + SYNC_SECONDS
        stop_seconds += SHIP_SECONDS if chosen.archive_url else 0
        workers, answer_seconds = chosen.api_workers, chosen.answer_seconds
        return cls(host, chosen.api_port, workers, answer_seconds, stop_seconds)


def run(choose: Callable[[], Chosen], serve: Serve) -> None:
    """Have workers serve until SIGTERM or SIGINT.

    Parameters
    ----------
    choose : callable
        Is called while the fork server imports what it needs; what it raises ends the start.
    serve : callable
        What a worker does.
    """
    _show_log()
    lifeline.adopt()
    server = ForkServer()
    server.start()
    try:
        chosen = choose()
        with socket(AF_INET6 if ":" in chosen.host else AF_INET) as listening:
            listening.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            try:
                listening.bind((chosen.host, chosen.port))
            except OSError as error:
                sys.exit(f"{chosen.host}, port {chosen.port}: {error.strerror}.")
            Supervisor(chosen, serve, server, listening).run()
    finally:
        server.end()


def _show_log() -> None:
    """Show what is logged here as uvicorn does in the workers, without importing it."""
    shown = logging.StreamHandler()
    shown.setFormatter(logging.Formatter("{levelname}:     {message}", style="{"))
    logger.addHandler(shown)
    logger.setLevel(logging.INFO)


class Supervisor:
    """Keeps `API_WORKERS` processes answering.

    Parameters
    ----------
    chosen : Chosen
    serve : callable
    server : ForkServer
    listening : socket
        Each worker accepts connections from it. While there is none, they wait in it.
    """

    def __init__(self, chosen: Chosen, serve: Serve, server: ForkServer, listening: socket) -> None:
        self._listening = listening
        self._stop_seconds = chosen.stop_seconds
        self._fork_server = server
        self._workers = [
            WorkerProcess(serve, listening, server, chosen.answer_seconds)
            for _ in range(chosen.workers)
        ]
        # Of edited files; None is the wish to stop. A signal's handler may put into it at any time.
        self._events: SimpleQueue[set[Path] | None] = SimpleQueue()

    def run(self) -> None:
        """Look after the workers until told to stop."""
        for wish in (signal.SIGTERM, signal.SIGINT):
            signal.signal(wish, lambda number, frame: self._events.put(None))
        ending = threading.Event()
        watcher = threading.Thread(target=self._watch_code, args=(ending,))
        watcher.start()
        try:
            self._look_after()
        finally:
            ending.set()
            self._listening.close()  # whoever connects once no worker listens is refused at once
            self._end_all()
            watcher.join()
            shutil.rmtree(family_folder(), ignore_errors=True)

    def _look_after(self) -> None:
        looked = time.monotonic()
        while True:
            elapsed = time.monotonic() - looked
            looked += elapsed
            bury()
            self._fork_server.look()
            for worker in self._workers:
                worker.look(elapsed)
            try:
                edited = self._events.get(timeout=LOOK_SECONDS)
            except Empty:
                continue
            if edited is None:
                return
            self._reload(edited)

    def _reload(self, edited: set[Path]) -> None:
        names = ", ".join(sorted(str(file.relative_to(CODE.parent)) for file in edited))
        logger.info("%s changed: the code is loaded anew.", names)
        self._fork_server.restart()  # it imports while the workers finish
        self._end_all()
        for worker in self._workers:
            worker.begin_afresh()

    def _end_all(self) -> None:
        """End every worker, gently if it can be."""
        for worker in self._workers:
            worker.terminate()
        deadline = time.monotonic() + self._stop_seconds
        for worker in self._workers:
            worker.end(deadline)

    def _watch_code(self, ending: threading.Event) -> None:
        try:
            for changes in watch(
                CODE,
                watch_filter=PythonFilter(),
                stop_event=ending,
                step=WATCH_MS,
                ignore_permission_denied=True,
            ):
                self._events.put({Path(file) for _, file in changes})
        except Exception:
            logger.exception("%s cannot be watched: an edit needs a restart of the API.", CODE)
