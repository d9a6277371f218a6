"""A line of the prediction log: what was asked, and what was answered."""

import os
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

FOLDER = "predictions"  # under LOGS_DIR
SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One prediction, in the order in which the fields are written.

    `time` is UTC, RFC 3339 with microseconds. `sequence` counts within one
    segment. `latency_ms` is the time from the parsed request to the answer;
    the rows of a batch share it, and `batch` is their number. `marks` lists what
    was unusual about the inputs: ``unseen:<feature>``, ``out_of_range:<feature>``.
    """

    id: str
    time: str
    sequence: int
    model: str
    version: int
    image: str
    inputs: dict[str, Any]
    prediction: Any
    probabilities: dict[str, float] | None
    latency_ms: float
    batch: int
    client: str
    marks: list[str]


_lock = threading.Lock()
_last = 0


def prediction_id() -> str:
    """Give a UUID of version 7 (RFC 9562): it sorts by the time at which it was given.

    Within a process each is greater than the one before, even if the clock
    steps back.

    Examples
    --------
    >>> first, second = prediction_id(), prediction_id()
    >>> first < second
    True
    """
    global _last
    with _lock:
        # 48 bits of milliseconds, then 12 bits of their 4096th parts.
        tick = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
        _last = tick
    value = (tick >> 12) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64
    value |= 0b10 << 62 | int.from_bytes(os.urandom(8), "big") >> 2
    return str(uuid.UUID(int=value))
