"""A line of the prediction log: what was asked, and what was answered."""

import os
import threading
import time
from typing import Any, TypedDict

import numpy as np
import orjson

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

    sequence: int
    time: str
    model: str
    version: int
    image: str
    client: str
    batch: int
    latency_ms: float
    id: str
    inputs: dict[str, Any]
    prediction: Any
    probabilities: dict[str, Any] | None
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
    random = np.frombuffer(os.urandom(8 * count), dtype=np.uint8).reshape(count, 8).copy()
    random[:, 0] = random[:, 0] & 0x3F | 0x80  # the variant
    text = random.tobytes().hex()
    heads = {}
    for high in range(tick >> 12, (tick + count - 1 >> 12) + 1):
        digits = f"{high:012x}"
        heads[high] = f"{digits[:8]}-{digits[8:]}-7"
    return [
        f"{heads[each >> 12]}{each & 0xFFF:03x}-{text[at : at + 4]}-{text[at + 4 : at + 16]}"
        for each, at in zip(range(tick, tick + count), range(0, 16 * count, 16), strict=True)
    ]


def fragments(values: list[Any]) -> list[str]:
    """Write each value as JSON.

    Examples
    --------
    >>> fragments([1.5, None, True])
    ['1.5', 'null', 'true']
    >>> fragments(["a,b", {"x": 1}])
    ['"a,b"', '{"x":1}']
    """
    if set(map(type, values)) <= {float, int, bool, type(None)}:  # no comma within a value
        return orjson.dumps(values).decode()[1:-1].split(",")
    return [orjson.dumps(value).decode() for value in values]
