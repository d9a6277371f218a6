"""Worker reports: what each worker of each replica serves, so that any of them can tell of all.

Each worker keeps a report beside the log, in a folder that all replicas share. It holds a lock for
as long as it lives, and touches the report for as long as it works: so who is gone and who is stuck
can be told apart. Ages are differences between times that the disk itself gave, and no two clocks
need to agree.
"""

import fcntl
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import orjson

from service.api.processes import family
from service.contract.files import is_locked

FOLDER = "replicas"  # under LOGS_DIR
BEAT_SECONDS = 2.0
STUCK_SECONDS = 15.0  # without a beat
GONE_SECONDS = 60.0  # for which a replica that ended without a word is still named

State = Literal["starting", "serving", "stuck", "gone"]

logger = logging.getLogger("uvicorn.error")


class ModelReport(TypedDict):
    """What one worker has made of a model's aliases."""

    replica: str
    pid: int
    state: State
    generation: int
    version: int | None
    refused: dict[str, str]


@dataclass(frozen=True)
class Report:
    """What one worker says of itself: `replica` has the host's name and the family's number."""

    replica: str
    pid: int
    state: State
    models: dict[str, Any]

    def about(self, model: str) -> ModelReport:
        """Return what it has made of a model."""
        seen = self.models.get(model, {})
        return {
            "replica": self.replica,
            "pid": self.pid,
            "state": self.state,
            "generation": seen.get("generation", 0),
            "version": seen.get("version"),
            "refused": seen.get("refused", {}),
        }


class WorkerReports:
    """The workers of all replicas that share a log.

    Parameters
    ----------
    logs : Path
        `LOGS_DIR`.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> workers = WorkerReports(Path(mkdtemp()))
    >>> workers.start()
    >>> workers.tell({"iris": {"generation": 1, "version": 1, "refused": {}}})
    >>> workers.serve()
    >>> [report.about("iris")["version"] for report in workers.read()]
    [1]
    >>> workers.stop()
    """

    def __init__(self, logs: Path) -> None:
        self.folder = logs / FOLDER
        host = re.sub(r"[^\w.-]", "-", socket.gethostname())[:63]
        self._own = Report(f"{host}-{family.parent()}", os.getpid(), "starting", {})
        self._file = self.folder / f"{self._own.replica}-{self._own.pid}.json"
        self._beaten = 0.0
        self._is_told = False
        self._trouble: str | None = None  # said once
        self._changing = threading.Lock()
        self._lock = -1

    def start(self) -> None:
        """Be counted from now on, in place of those of this host that died."""
        family.clear_dead()
        host = self._own.replica.rpartition("-")[0]
        self._try(lambda: self._clear(f"{host}-*"))
        self._tell(self._own)

    def serve(self) -> None:
        """Say that what was live at the start is loaded, or refused."""
        self._tell(Report(self._own.replica, self._own.pid, "serving", self._own.models))

    def tell(self, models: dict[str, Any]) -> None:
        """Replace what this worker says of its models, now or, where the disk takes none, later."""
        self._tell(Report(self._own.replica, self._own.pid, self._own.state, models))

    def beat(self) -> None:
        """Show that this worker works; tell what could not be told before."""
        if time.monotonic() - self._beaten >= BEAT_SECONDS:
            self._try(self._touch)

    def stop(self) -> None:
        """Be counted no more."""
        if self._lock >= 0:
            self._try(lambda: _remove(self._file))
            os.close(self._lock)
            self._lock = -1
        family.leave()

    def read(self) -> list[Report]:
        """List what each worker says, this one first, then those of replicas that are gone.

        Those of dead workers are cleared away, when another of their replica lives.
        """
        self._try(self._touch)
        reports = [self._own]
        dead: list[tuple[Path, Report]] = []
        now = _time_of(self._file) or time.time()
        for file in sorted(self.folder.glob("*.json")):
            written = _time_of(file)
            report = _read(file)
            if file == self._file or report is None or written is None:
                continue
            if not _is_held(file.with_suffix(".lock")):
                dead.append((file, report))
            elif now - written > STUCK_SECONDS:
                reports.append(Report(report.replica, report.pid, "stuck", report.models))
            else:
                reports.append(report)
        living = {report.replica for report in reports}
        for file, report in dead:
            if report.replica in living or now - (_time_of(file) or 0) > GONE_SECONDS:
                _remove(file)
            else:
                living.add(report.replica)  # one is enough to name it
                reports.append(Report(report.replica, report.pid, "gone", report.models))
        return reports

    def _tell(self, report: Report) -> None:
        self._own, self._is_told = report, False
        self._try(self._touch)

    def _try(self, change: Callable[[], None]) -> None:
        try:
            with self._changing:
                change()
            self._trouble = None
        except OSError as error:
            if self._trouble is None:
                logger.warning(
                    "What this worker serves cannot be written to %s (%s); until it can, other "
                    "workers tell what it said last, and publish may wait for it in vain. Make "
                    "room there.",
                    self.folder,
                    error.strerror,
                )
            self._trouble = str(error)

    def _touch(self) -> None:
        self._hold()
        if self._is_told and self._file.exists():  # else the folder was cleaned
            os.utime(self._file)
        else:
            temporary = self._file.with_suffix(".new")
            temporary.write_bytes(orjson.dumps(self._own))
            temporary.replace(self._file)
            self._is_told = True
        self._beaten = time.monotonic()

    def _hold(self) -> None:
        """Hold the lock: at the start, or after somebody took the file away."""
        lock = self._file.with_suffix(".lock")
        if self._lock >= 0:
            with suppress(FileNotFoundError):
                if os.path.samestat(lock.stat(), os.fstat(self._lock)):
                    return
            os.close(self._lock)
            self._lock = -1
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def _clear(self, pattern: str) -> None:
        for file in self.folder.glob(f"{pattern}.json"):
            if not _is_held(file.with_suffix(".lock")):
                _remove(file)


def _read(file: Path) -> Report | None:
    """Read a report; None where it went just now, or is none."""
    try:
        return Report(**orjson.loads(file.read_bytes()))
    except (FileNotFoundError, orjson.JSONDecodeError, TypeError):
        return None


def _time_of(file: Path) -> float | None:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return None


def _is_held(lock: Path) -> bool:
    try:
        return is_locked(lock)
    except FileNotFoundError:
        return False


def _remove(file: Path) -> None:
    for suffix in (".json", ".new", ".lock"):
        file.with_suffix(suffix).unlink(missing_ok=True)
