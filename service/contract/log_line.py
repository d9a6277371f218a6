"""A line of the prediction log: what was asked, and what was answered."""

import os
import threading
import time
from typing import Any, NotRequired, TypedDict

FOLDER = "predictions"  # under LOGS_DIR
SUFFIX = ".jsonl"


class LogLine(TypedDict):
    """One prediction, in the order in which the fields are written.

    `time` is UTC, RFC 3339 with microseconds. `sequence` counts within one
    segment. `latency_ms` is the time from the parsed request to the answer, and
    `batch` the number of rows in the request. With several targets, `prediction`
    and `probabilities` hold an object with an entry a target. `marks` lists what
    was unusual about the inputs: ``unseen:<feature>``, ``out_of_range:<feature>``.
    """

    sequence: NotRequired[int]  # given by the segment, as it writes the line
    id: str
    time: str
    model: str
    version: int
    image: str
    inputs: dict[str, Any]
    prediction: Any
    probabilities: dict[str, Any] | None
    latency_ms: float
    batch: int
    client: str
    marks: list[str]


_lock = threading.Lock()
_last = 0


def prediction_ids(count: int) -> list[str]:
    """Give UUIDs of version 7 (RFC 9562): they sort by the time at which they were given.

    Within a process each is greater than the one before, even if the clock
    steps back.

    Examples
    --------
    >>> first, second = prediction_ids(2)
    >>> first < second
    True
    """
    global _last
    with _lock:
        # 48 bits of milliseconds, then 12 bits of their 4096th parts.
        tick = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
        _last = tick + count - 1
    random = os.urandom(8 * count).hex()
    ids = []
    for number in range(count):
        stamp = f"{tick + number:015x}"
        rest = random[16 * number : 16 * number + 16]
        variant = "89ab"[int(rest[0], 16) & 3]  # the two highest bits are 10
        ids.append(f"{stamp[:8]}-{stamp[8:12]}-7{stamp[12:]}-{variant}{rest[1:4]}-{rest[4:]}")
    return ids
