"""Metric files: each worker counts in its own, and any of them can tell the sum of all.

prometheus_client maps the files into memory, so that what was counted outlives a `kill -9`. They
lie in a folder of the family's: the children of one uvicorn, whose key for `multiprocessing` they
all have, while another uvicorn with the same process number has another. A worker that comes in a
dead one's place goes on with its counts.
"""

import fcntl
import hashlib
import logging
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from service.api.processes.family import family_folder
from service.contract.files import is_locked, locked, reserve

KINDS = ("counter", "histogram", "gauge_livesum", "gauge_livemin", "gauge_livemostrecent")
FILE_BYTES = 1 << 19  # at first; see `service.api.metrics.file`
STARTED = "started"
SHARED = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus_client finds the folder

logger = logging.getLogger("uvicorn.error")


def claim() -> None:
    """Claim this worker's files; prometheus_client must not be imported before.

    Where the temporary folder takes none, it counts in memory, and tells what it counted itself.
    """
    folder, own = _folder(), str(os.getpid())
    try:
        _prepare(folder, own)
    except OSError as error:
        logger.warning(
            "Metrics cannot be kept in %s (%s), so each worker tells its own. Make room there, or "
            "set TMPDIR to another folder, and start again.",
            folder,
            error.strerror,
        )
        os.environ.pop(SHARED, None)
        return
    os.environ[SHARED] = str(folder)
    from prometheus_client import values

    from service.api.metrics.file import MetricFile

    values.MmapedDict = MetricFile  # type: ignore[attr-defined]
    # It would ask the system for this at each count, in case of a fork; a worker does not fork.
    values.ValueClass = values.MultiProcessValue(lambda: own)


def are_shared() -> bool:
    """Whether this worker counts in files that its siblings read."""
    return SHARED in os.environ


def _prepare(folder: Path, own: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for other in folder.parent.glob("metrics-*"):
        if other != folder:  # of a dead family whose process had this one's number
            shutil.rmtree(other, ignore_errors=True)
    with locked(folder):
        if not (folder / STARTED).exists():
            (folder / STARTED).touch()
        dead = _dead(folder)
        if dead:
            _inherit(folder, own if own in dead else dead[0], own)
        for kind in KINDS:
            file = folder / f"{kind}_{own}.db"
            with file.open("ab") as opened:
                try:
                    reserve(opened.fileno(), FILE_BYTES)
                except OSError:
                    if not opened.tell():
                        file.unlink()  # none is empty, or it could not be read
                    raise
        handle = os.open(_lock(folder, own), os.O_RDONLY)  # until this process ends
        fcntl.flock(handle, fcntl.LOCK_EX)


@contextmanager
def settled() -> Iterator[Path]:
    """Yield the folder, without the gauges of the dead; nobody comes in meanwhile."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it may have been cleaned away
    with locked(folder):
        for pid in _dead(folder):
            _drop_gauges(folder, pid)
        yield folder


def started() -> datetime | None:
    """Say since when is counted: when the first worker of the family started."""
    try:
        return datetime.fromtimestamp((_folder() / STARTED).stat().st_mtime, UTC)
    except FileNotFoundError:  # it was cleaned away, and the counts with it
        return None


def _folder() -> Path:
    key = hashlib.sha256(multiprocessing.current_process().authkey).hexdigest()
    return family_folder() / f"metrics-{key[:16]}"


def _lock(folder: Path, pid: str) -> Path:
    return folder / f"counter_{pid}.db"


def _dead(folder: Path) -> list[str]:
    """List the processes that ended and whose counts nobody has taken over."""
    files = sorted(folder.glob("counter_*.db"))
    return [file.stem.removeprefix("counter_") for file in files if not is_locked(file)]


def _inherit(folder: Path, dead: str, own: str) -> None:
    _drop_gauges(folder, dead)
    for file in folder.glob(f"*_{dead}.db"):
        file.rename(file.with_name(file.name.replace(f"_{dead}.", f"_{own}.")))


def _drop_gauges(folder: Path, pid: str) -> None:
    for file in folder.glob(f"gauge_*_{pid}.db"):
        file.unlink()
