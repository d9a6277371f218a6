"""Report files: the reports of all workers whose replicas share a disk.

A worker holds a lock for as long as it lives, and touches its file for as long as it works: so who
is gone and who is stuck can be told apart. Ages are differences between times that the disk itself
gave, and no two clocks need to agree.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from service.contract.files import is_locked

FOLDER = "replicas"  # under LOGS_DIR
BEAT_SECONDS = 2.0
STUCK_SECONDS = 15.0  # without a beat
GONE_SECONDS = 60.0  # for which what a dead worker said is kept


class ReportFiles:
    """The folder of the reports, and in it this worker's own.

    Parameters
    ----------
    logs : Path
        `LOGS_DIR`.
    name : str
        Of this worker, in all replicas.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> logs = Path(mkdtemp())
    >>> one, other = ReportFiles(logs, "a-1-2"), ReportFiles(logs, "b-1-2")
    >>> one.put(b"I am one.")
    >>> [*other.others()]
    [('a-1-2', b'I am one.', 'well')]
    >>> one.remove()
    >>> [*other.others()]
    []
    """

    beat_seconds = BEAT_SECONDS

    def __init__(self, logs: Path, name: str) -> None:
        self.place = str(logs / FOLDER)
        self._folder = logs / FOLDER
        self._file = self._folder / f"{name}.json"
        self._lock = -1

    def put(self, content: bytes) -> None:
        """Replace this worker's report.

        Raises
        ------
        OSError
            The disk takes none.
        """
        self._hold()
        temporary = self._file.with_suffix(".new")
        temporary.write_bytes(content)
        temporary.replace(self._file)

    def touch(self) -> bool:
        """Show that this worker works; False if its report is gone, as after somebody cleaned."""
        self._hold()
        try:
            os.utime(self._file)
        except FileNotFoundError:
            return False
        return True

    def others(self) -> Iterator[tuple[str, bytes, str]]:
        """Yield name, report and condition ("well", "stuck" or "gone") of each other worker."""
        now = _time_of(self._file) or time.time()
        for file in sorted(self._folder.glob("*.json")):
            written = _time_of(file)
            if file == self._file or written is None:
                continue
            is_dead = not _is_held(file.with_suffix(".lock"))
            if is_dead and now - written > GONE_SECONDS:
                _remove(file)
                continue
            with suppress(FileNotFoundError):  # it stopped just now
                content = file.read_bytes()
                is_stuck = now - written > STUCK_SECONDS
                yield file.stem, content, "gone" if is_dead else "stuck" if is_stuck else "well"

    def forget(self, name: str) -> None:
        """Clear away what a dead worker left."""
        file = self._folder / f"{name}.json"
        if not _is_held(file.with_suffix(".lock")):
            _remove(file)

    def remove(self) -> None:
        """Be counted no more."""
        if self._lock >= 0:
            _remove(self._file)
            os.close(self._lock)
            self._lock = -1

    def _hold(self) -> None:
        """Hold the lock: from the start, and anew after somebody took the file away."""
        lock = self._file.with_suffix(".lock")
        if self._lock >= 0:
            with suppress(FileNotFoundError):
                if os.path.samestat(lock.stat(), os.fstat(self._lock)):
                    return
            os.close(self._lock)
            self._lock = -1
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self._lock, fcntl.LOCK_EX)


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
