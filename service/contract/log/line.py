"""A line of the prediction log: what one request asked and was answered, or what came after.

The types say what a reader may rely on, once it has checked a line against them
(`service.lab.log.line_check`): whoever can write to the log can write anything.
"""

import os
import re
import threading
import time
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, NotRequired

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from service.contract.model.entries import NAME

UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})"
CRC = "[0-9a-f]{8}"
YEARS = range(1900, 9999)
PLAIN = (bool, int, float, str, type(None))
_exact = with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))


def _real(moment: str) -> str:
    if re.fullmatch(TIME, moment) is None or datetime.fromisoformat(moment).year not in YEARS:
        raise ValueError("a time as in 2026-11-25T12:00:00.000000+00:00 is expected")
    return moment


def _plain(values: list[Any]) -> list[Any]:
    if not all(type(value) in PLAIN for value in values):
        raise ValueError("plain values are expected")
    return values


Positive = Annotated[int, Field(gt=0, lt=2**63)]
Time = Annotated[str, AfterValidator(_real)]
Id = Annotated[str, Field(pattern=f"^{UUID7}$")]
Ids = Annotated[list[Id], Field(min_length=1)]
Values = Annotated[list[Any], AfterValidator(_plain)]
Crc = Annotated[str, Field(pattern=f"^{CRC}$")]


@_exact
class LogLine(TypedDict):
    """One answered request, of one row or many, in the order in which the fields are written.

    `digest` tells what was published from what is published anew under the same number
    (`service.contract.model.checksums.digest`): lines with one digest have the same features and
    types.
    `time` is UTC, RFC 3339 with microseconds. `latency_ms` is the time from the
    parsed request to the answer. `inputs` holds a list of values a feature, without
    the private ones; `ids` and what follows are as in the answer to
    ``POST /models/{name}/predict``. `marks` says in which rows, counted from 0, the
    inputs were unusual: ``unseen:<feature>``, ``out_of_range:<feature>``. `sequence`
    counts the lines of one writer, and `crc` is the CRC-32 of all that stands before it.
    """

    model: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    version: Positive
    digest: NotRequired[str]  # not in 0.2.0 and before
    time: Time
    image: str
    client: str
    latency_ms: float
    inputs: dict[str, Values]
    ids: Ids
    predictions: list[Any]
    classes: list[Any] | None
    probabilities: list[Any] | None
    targets: list[str] | None
    marks: dict[str, list[Annotated[int, Field(ge=0)]]]
    sequence: Positive
    crc: NotRequired[Crc]  # not in 0.2.0 and before


@_exact
class FeedbackLine(TypedDict):
    """The truth about some predictions, told later. `told` sorts by when, as prediction ids do."""

    feedback: Positive
    time: Time
    told: Id
    client: str
    about: Ids
    truth: list[Any]
    sequence: Positive
    crc: Crc


@_exact
class NoteLine(TypedDict):
    """What happened to the log itself.

    `note` says what: ``opened``, ``deleted``, ``recovered``, or ``disturbed``, where somebody
    moved, deleted or changed a segment while it was written.
    """

    note: str
    time: NotRequired[Time]
    details: dict[str, Any]
    sequence: Positive
    crc: Crc


_lock = threading.Lock()
_last = 0


def prediction_ids(count: int) -> list[str]:
    """Return UUIDs of version 7 (RFC 9562): they sort by the time at which they were given.

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
