"""Worker reports: what each process of this API serves, so that any of them can tell of all.

Each worker keeps a report in a folder that its siblings read, and holds a lock
for as long as it lives; the report of a dead one is cleared away.
"""

import fcntl
import logging
import multiprocessing
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

import orjson

from service.contract.files import is_locked

logger = logging.getLogger("uvicorn.error")


class Report(TypedDict):
    """What one worker has made of a model's aliases."""

    pid: int
    generation: int
    version: int | None
    refused: dict[str, str]


def family_folder() -> Path:
    """Return the folder of this worker and its siblings: it has their parent's number."""
    parent = multiprocessing.parent_process()
    return _folder_of(os.getpid() if parent is None else parent.pid)


class WorkerReports:
    """A worker and its siblings: the children of one uvicorn.

    Examples
    --------
    >>> workers = WorkerReports()
    >>> workers.start()
    >>> workers.tell({"iris": {"generation": 1, "version": 1, "refused": {}}})
    >>> [report["version"] for report in workers.about("iris")]
    [1]
    >>> workers.stop()
    """

    def __init__(self) -> None:
        self.folder = family_folder()
        self._own: dict[str, Any] = {}
        self._is_told = True
        self._lock = -1

    def start(self) -> None:
        """Be counted from now on."""
        self._clear_dead_families()
        self.tell({})

    def stop(self) -> None:
        """Be counted no more."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        self._clear()
        if multiprocessing.parent_process() is None:  # else another may take its place
            shutil.rmtree(self.folder, ignore_errors=True)

    def tell(self, models: dict[str, Any]) -> None:
        """Replace this worker's report, now or, where the folder takes none, later."""
        self._own = models
        try:
            self._write()
            self._is_told = True
        except OSError as error:
            if self._is_told:
                logger.warning(
                    "What this worker serves cannot be written to %s (%s); until it can, publish "
                    "waits for it in vain. Make room there.",
                    self.folder,
                    error.strerror,
                )
            self._is_told = False

    def catch_up(self) -> None:
        """Tell what could not be told before."""
        if not self._is_told:
            self.tell(self._own)

    def _write(self) -> None:
        lock = self.folder / f"{os.getpid()}.lock"
        if not lock.exists():  # at the start, or after the folder was cleaned away
            self.folder.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
            if self._lock >= 0:
                os.close(self._lock)
            self._lock = handle
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        file = self.folder / f"{os.getpid()}.json"
        temporary = file.with_suffix(".new")
        temporary.write_bytes(orjson.dumps(self._own))
        temporary.replace(file)

    def about(self, model: str) -> list[Report]:
        """List what each living worker has made of a model, this one first."""
        self._clear()
        if not (self.folder / f"{os.getpid()}.json").exists():
            self.tell(self._own)
        others = [f for f in self.folder.glob("*.json") if f.stem != str(os.getpid())]
        told = [(os.getpid(), self._own)]
        for file in others:
            try:
                told.append((int(file.stem), orjson.loads(file.read_bytes())))
            except FileNotFoundError:  # it stopped just now
                continue
        reports: list[Report] = []
        for pid, models in told:
            seen = models.get(model, {})
            reports.append(
                {
                    "pid": pid,
                    "generation": seen.get("generation", 0),
                    "version": seen.get("version"),
                    "refused": seen.get("refused", {}),
                }
            )
        return reports

    def _clear(self) -> None:
        """Remove the reports of the dead."""
        known = {file.with_suffix(".lock") for file in self.folder.glob("*.*")}
        for file in known:
            if self._lives(file):
                continue
            for suffix in (".json", ".new", ".lock"):
                file.with_suffix(suffix).unlink(missing_ok=True)

    def _clear_dead_families(self) -> None:
        """Remove the folders of those that cannot come back."""
        for folder in _folder_of("0").parent.glob(_folder_of("[0-9]*").name):
            if not _runs(int(folder.name.rpartition("-")[2])):
                with suppress(FileNotFoundError):  # another start is about it, too
                    if not any(map(is_locked, folder.glob("*.lock"))):
                        shutil.rmtree(folder, ignore_errors=True)

    def _lives(self, file: Path) -> bool:
        if file.stem == str(os.getpid()) and self._lock >= 0:
            return True
        try:
            return is_locked(file)
        except FileNotFoundError:
            return False


def _folder_of(parent: int | str | None) -> Path:
    # Not tempfile's choice, which is another folder while this one is full: siblings would lose
    # sight of each other.
    return Path(os.environ.get("TMPDIR") or "/tmp") / f"labloop-{os.getuid()}-{parent}"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # as somebody else
        pass
    return True
