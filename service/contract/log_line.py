"""A line of the prediction log: what one request asked and was answered, or what came after."""

import os
import threading
import time
from itertools import pairwise
from typing import Any, TypedDict

import numpy as np


class LogLine(TypedDict):
    """One answered request, of one row or many, in the order in which the fields are written.

    `digest` tells what was published from what is published anew under the same number
    (`service.contract.checksums.digest`): lines with one digest have the same features and types.
    `time` is UTC, RFC 3339 with microseconds. `latency_ms` is the time from the
    parsed request to the answer. `inputs` holds a list of values a feature, without
    the private ones; `ids` and what follows are as in the answer to
    ``POST /models/{name}/predict``. `marks` says in which rows, counted from 0, the
    inputs were unusual: ``unseen:<feature>``, ``out_of_range:<feature>``. `sequence`
    counts the lines of one writer, and `crc` is the CRC-32 of all that stands before it.
    """

    model: str
    version: int
    digest: str
    time: str
    image: str
    client: str
    latency_ms: float
    inputs: dict[str, list[Any]]
    ids: list[str]
    predictions: list[Any]
    classes: list[Any] | None
    probabilities: list[Any] | None
    targets: list[str] | None
    marks: dict[str, list[int]]
    sequence: int
    crc: str


class FeedbackLine(TypedDict):
    """The truth about some predictions, told later. `told` sorts by when, as prediction ids do."""

    feedback: int
    time: str
    told: str
    client: str
    about: list[str]
    truth: list[Any]
    sequence: int
    crc: str


class NoteLine(TypedDict):
    """What happened to the log itself.

    `note` says what: ``opened``, ``deleted``, ``recovered``, or ``disturbed``, where somebody
    moved, deleted or changed a segment while it was written.
    """

    note: str
    time: str
    details: dict[str, Any]
    sequence: int
    crc: str


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
    ticks = np.arange(tick, tick + count, dtype=np.uint64)
    halves = np.empty((count, 2), dtype=">u8")
    halves[:, 0] = ticks >> 12 << 16 | 0x7000 | ticks & 0xFFF
    halves[:, 1] = np.frombuffer(os.urandom(8 * count), dtype=np.uint64) >> 2 | 1 << 63
    digits = np.frombuffer(halves.tobytes().hex().encode(), dtype=np.uint8).reshape(count, 32)
    text = np.full((count, 37), ord("-"), dtype=np.uint8)
    for dashes, (start, stop) in enumerate(pairwise((0, 8, 12, 16, 20, 32))):
        text[:, start + dashes : stop + dashes] = digits[:, start:stop]
    text[:, 36] = ord(" ")
    return text.tobytes().decode().split()
