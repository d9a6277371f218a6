"""Ids: what each logged prediction is called."""

import os
import threading
import time
from itertools import pairwise

import numpy as np

MANY = 8  # that NumPy writes sooner than Python

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
    random = os.urandom(8 * count)
    if count < MANY:
        return [_text(tick + n, random[8 * n : 8 * n + 8]) for n in range(count)]
    ticks = np.arange(tick, tick + count, dtype=np.uint64)
    halves = np.empty((count, 2), dtype=">u8")
    halves[:, 0] = ticks >> 12 << 16 | 0x7000 | ticks & 0xFFF
    halves[:, 1] = np.frombuffer(random, dtype=np.uint64) >> 2 | 1 << 63
    digits = np.frombuffer(halves.tobytes().hex().encode(), dtype=np.uint8).reshape(count, 32)
    text = np.full((count, 37), ord("-"), dtype=np.uint8)
    for dashes, (start, stop) in enumerate(pairwise((0, 8, 12, 16, 20, 32))):
        text[:, start + dashes : stop + dashes] = digits[:, start:stop]
    text[:, 36] = ord(" ")
    return text.tobytes().decode().split()


def _text(tick: int, random: bytes) -> str:
    low = int.from_bytes(random) >> 2 | 1 << 63
    digits = f"{tick >> 12:012x}7{tick & 0xFFF:03x}{low:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
