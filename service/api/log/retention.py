"""Retention: the prediction log keeps within its bounds, the oldest sealed segments go first."""

import stat
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from service.contract.files import LOCK, lock_file
from service.contract.log.archive import ID_FILE
from service.contract.log.segment import OPEN, SHIPPED, SegmentName

MOST_NOTE = 100_000  # bytes of a segment's first line
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Linux; containers see their host's


def uptime() -> tuple[str, float]:
    """Name this boot of the machine, and give the seconds since; no change of the clock moves them.

    Where a system has neither, the name is empty, which is no boot.
    """
    if not BOOT_ID.exists():
        return "", 0.0
    return BOOT_ID.read_text().strip(), time.clock_gettime(time.CLOCK_BOOTTIME)


def delete_oldest(
    folder: Path,
    max_bytes: int,
    max_age: timedelta | None,
    longest: float,
    tell: Callable[[list[dict[str, Any]]], None],
) -> None:
    """Delete what is beyond the bounds.

    Parameters
    ----------
    folder : Path
    max_bytes : int
        `LOG_MAX_BYTES`, for all files of the log.
    max_age : timedelta or None
        `LOG_MAX_AGE`.
    longest : float
        How many seconds a segment is written to.
    tell : callable
        Is given an entry a segment, with its name, its size in bytes, and the reason. It is called
        before anything is deleted, so that a segment is never gone without a note, whenever this
        process is killed and whoever reads the log meanwhile.
    """
    due: list[Path] = []
    with lock_file(folder / LOCK):  # or two workers would delete twice as much
        sizes: dict[Path, int] = {}
        for file in folder.iterdir():
            if file.name in (LOCK, ID_FILE) or file.name.endswith(SHIPPED):
                continue
            with suppress(FileNotFoundError):  # sealed just now, under its other name
                status = file.lstat()
                if stat.S_ISREG(status.st_mode):  # no folder, e.g. a log that was moved here
                    sizes[file] = status.st_size
        parts: dict[SegmentName, list[Path]] = {}
        for file in sizes:
            parts.setdefault(SegmentName.of(file), []).append(file)
        left = sum(sizes.values())
        deleted: list[dict[str, Any]] = []
        for name, files in sorted(parts.items()):
            if any(file.name.endswith(OPEN) for file in files):
                continue
            if left > max_bytes:
                reason = f"LOG_MAX_BYTES={max_bytes}"
            elif max_age is not None and _is_older(files, max_age.total_seconds(), longest):
                reason = f"LOG_MAX_AGE={max_age}"
            else:
                break
            due += files
            size = sum(sizes[file] for file in files)
            left -= size
            deleted.append({"segment": str(name), "bytes": size, "because": reason})
    if due:
        tell(deleted)  # without the lock, as the note may need a new segment
        with lock_file(folder / LOCK):
            for file in due:
                file.unlink(missing_ok=True)


def _is_older(files: list[Path], seconds: float, longest: float) -> bool:
    """Whether all lines of a segment are older than so many seconds.

    The clock must say so, and within one boot of the machine the time since must
    agree: a clock that jumped ahead makes nothing old.
    """
    if any(time.time() - file.stat().st_mtime <= seconds for file in files):
        return False
    boot, now = uptime()
    for file in files:
        with file.open("rb") as opened, suppress(orjson.JSONDecodeError, KeyError, TypeError):
            first = opened.readline(MOST_NOTE)
            details = orjson.loads(first)["details"]  # else damaged, or of 0.2.0
            if boot and details["boot"] == boot:
                return bool(now - details["uptime"] > seconds + longest)
    return True
