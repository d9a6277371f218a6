"""Retention: the prediction log keeps within its bounds, the oldest sealed segments go first."""

import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from service.contract.segments import TORN, sealed_segments, stem

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Linux; containers see their host's


def uptime() -> tuple[str, float]:
    """Name this boot of the machine, and give the seconds since; no change of the clock moves them.

    Where a system has neither, the name is empty, which is no boot.
    """
    if not BOOT_ID.exists():
        return "", 0.0
    return BOOT_ID.read_text().strip(), time.clock_gettime(time.CLOCK_BOOTTIME)


def delete_oldest(
    folder: Path, max_bytes: int, max_age: timedelta | None, longest: float
) -> list[dict[str, Any]]:
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

    Returns
    -------
    deleted : list of dict
        One entry a segment: its name, its size in bytes, and the reason.
    """
    sizes: dict[Path, int] = {}
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # another worker is at it as well
            sizes[file] = file.stat().st_size
    left = sum(sizes.values())
    deleted: list[dict[str, Any]] = []
    for file in sealed_segments(folder):
        if left > max_bytes:
            reason = f"LOG_MAX_BYTES={max_bytes}"
        elif max_age is not None and _is_older(file, max_age.total_seconds(), longest):
            reason = f"LOG_MAX_AGE={max_age}"
        else:
            break
        torn = file.with_name(stem(file) + TORN)
        for each in (file, torn):
            each.unlink(missing_ok=True)
            left -= sizes.get(each, 0)
        deleted.append({"segment": stem(file), "bytes": sizes.get(file, 0), "because": reason})
    return deleted


def _is_older(file: Path, seconds: float, longest: float) -> bool:
    """Whether all lines of a sealed segment are older than so many seconds.

    The clock must say so, and within one boot of the machine the time since must
    agree: a clock that jumped ahead makes nothing old.
    """
    try:
        if time.time() - file.stat().st_mtime <= seconds:
            return False
        with file.open("rb") as opened:
            details = orjson.loads(opened.readline())["details"]
    except FileNotFoundError:
        return False
    except (orjson.JSONDecodeError, KeyError, TypeError):  # of version 0.2.0, or damaged
        return True
    boot, now = uptime()
    return details["boot"] != boot or not boot or now - details["uptime"] > seconds + longest
