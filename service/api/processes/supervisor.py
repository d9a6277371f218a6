"""Supervisor: the process that starts the workers, and whatever ends one starts another.

It imports neither models nor scikit-learn, holds the socket that all workers listen on, and dies
last.
"""

import logging
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOL_SOCKET, socket

from watchfiles import PythonFilter, watch

from service.api.processes import lifeline
from service.api.processes.family import family_folder
from service.api.processes.fork.child import bury
from service.api.processes.fork.fork_server import ForkServer
from service.api.processes.lifeline import SHIP_SECONDS, STOP_SECONDS
from service.api.processes.worker_process import Serve, WorkerProcess
from service.contract.settings import CHECKOUT, Settings

CODE = CHECKOUT / "service"
LOOK_SECONDS = 0.25
SYNC_SECONDS = 2  # for the log, once a worker has answered what it had begun

logger = logging.getLogger("uvicorn.error")


def run(chosen: Settings, host: str, serve: Serve) -> None:
    """Have workers serve at an address until SIGTERM or SIGINT."""
    _show_log()
    with socket(AF_INET6 if ":" in host else AF_INET) as listening:
        listening.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        try:
            listening.bind((host, chosen.api_port))
        except OSError as error:
            sys.exit(f"{host}, port {chosen.api_port}: {error.strerror}.")
        lifeline.adopt()
        Supervisor(chosen, serve, listening).run()


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
    chosen : Settings
    serve : callable
        What a worker does.
    listening : socket
        Each worker accepts connections from it. While there is none, they wait in it.
    """

    def __init__(self, chosen: Settings, serve: Serve, listening: socket) -> None:
        self._listening = listening
        self._stop_seconds = chosen.drain_seconds + STOP_SECONDS + SYNC_SECONDS
        self._stop_seconds += SHIP_SECONDS if chosen.archive_url else 0
        self._fork_server = ForkServer()
        self._workers = [
            WorkerProcess(serve, listening, self._fork_server, chosen.answer_seconds)
            for _ in range(chosen.api_workers)
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
            self._fork_server.end()
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
        names = ", ".join(sorted(str(file.relative_to(CHECKOUT)) for file in edited))
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
                ignore_permission_denied=True,
            ):
                self._events.put({Path(file) for _, file in changes})
        except Exception:
            logger.exception("%s cannot be watched: an edit needs a restart of the API.", CODE)
