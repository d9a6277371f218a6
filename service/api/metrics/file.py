"""Metric file: one of prometheus_client's, which takes its room on the disk before it uses it.

It is mapped into memory, and a page for which the disk has no room would end the process.
"""

import json
import logging
import mmap
import time
from contextlib import suppress
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

from service.contract.files import reserve

AGAIN_SECONDS = 1.0
RECORD = 20  # bytes that a value takes beside its key
MOST_VALUES = 100  # that belong together, as a histogram's buckets: none is told without the others

Series = tuple[str, ...]

logger = logging.getLogger("uvicorn.error")


class MetricFile(MmapedDict):
    """A file of values that grows only where the disk has room.

    Metrics for which there is none are kept in memory, where nobody but this process sees them,
    until there is.

    Parameters
    ----------
    filename : str
    read_mode : bool

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> file = MetricFile(f"{mkdtemp()}/counter_1.db")
    >>> key = '["rows", "rows_total", {}, "Rows."]'
    >>> file.read_value(key)
    (0.0, 0.0)
    >>> file.write_value(key, 3.0, 0.0)
    >>> file.read_value(key)
    (3.0, 0.0)
    >>> file.close()
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
        self._kept = set(map(_series, self._positions))
        self._in_memory: dict[str, tuple[float, float]] = {}
        self._again = 0.0  # when to try again

    def read_value(self, key: str) -> tuple[float, float]:
        """Return a value and its time; one that is new is 0."""
        if key in self._in_memory:
            return self._in_memory[key]
        if key not in self._positions and not self._add(key):
            return 0.0, 0.0
        value: tuple[float, float] = super().read_value(key)  # type: ignore[no-untyped-call]
        return value

    def _add(self, key: str) -> bool:
        """Find a new value its place in the file; False where it goes to memory."""
        series = _series(key)
        try:
            if series not in self._kept:
                self._make_room(MOST_VALUES * _size(key))
                self._bring_back()
            self._make_room(_size(key))
        except OSError as error:
            if not self._in_memory:
                logger.warning(
                    "New metrics cannot be kept in %s (%s), so /metrics does not tell them. Make "
                    "room there; it is tried again each second.",
                    Path(self._fname).parent,
                    error.strerror,
                )
                # Only now, so that a value costs nothing more while all are in the file.
                self.write_value = self._write_either  # type: ignore[method-assign]
            self._in_memory[key] = 0.0, 0.0
            return False
        self._init_value(key)  # type: ignore[no-untyped-call]
        self._kept.add(series)
        return True

    def _write_either(self, key: str, value: float, timestamp: float) -> None:
        if key in self._in_memory:
            self._in_memory[key] = value, timestamp
            if time.monotonic() > self._again:
                with suppress(OSError):  # it was said
                    self._bring_back()
        else:
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]

    def _bring_back(self) -> None:
        """Put into the file what is in memory, or raise."""
        if not self._in_memory:
            return
        self._again = time.monotonic() + AGAIN_SECONDS
        sizes = [*map(_size, self._in_memory)]
        self._make_room(sum(sizes) + MOST_VALUES * max(sizes))  # or the next one goes to memory
        for key, (value, timestamp) in self._in_memory.items():
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]
            self._kept.add(_series(key))
        self._in_memory.clear()
        del self.write_value

    def _make_room(self, size: int) -> None:
        capacity = self._capacity
        while capacity < self._used + size:
            capacity *= 2
        if capacity > self._capacity:
            reserve(self._f.fileno(), capacity)
            self._m = mmap.mmap(self._f.fileno(), capacity)
            self._capacity = capacity


def _series(key: str) -> Series:
    """Name the metric and the labels that a value belongs to; a histogram's buckets are one."""
    metric, _, labels, _ = json.loads(key)
    return metric, *(f"{name}={value}" for name, value in labels.items() if name != "le")


def _size(key: str) -> int:
    length = len(key.encode())
    return RECORD + length + 8 - (length + 4) % 8
