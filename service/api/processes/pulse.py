"""Pulse: what a worker shows its supervisor, in memory that both of them map.

The supervisor reads it whatever holds the worker up, a C function that keeps Python's lock for
ever included. It holds no times: the supervisor counts for how long it has seen the same.
"""

import asyncio
import io
import mmap
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from ctypes import Array, Structure, c_char, c_uint64, sizeof
from itertools import count
from typing import NamedTuple

SEATS = 256  # computations at once; what is beyond is not watched
BEAT_SECONDS = 0.25


class SharedSeat(Structure):
    """A computation in progress, or none: then its number is 0."""

    _fields_ = (("number", c_uint64), ("thread", c_uint64), ("label", c_char * 344))

    number: int
    thread: int
    label: bytes


class Shared(Structure):
    """The memory: how often the event loop has been round, and the computations.

    `error` is a checksum of what ended the worker before this one at its start; 0 is nothing.
    `fork_server` is the process that makes forks. `start` counts the starts; a worker of an earlier
    one, which the fork server made too late, ends.
    """

    _fields_ = (
        ("error", c_uint64),
        ("fork_server", c_uint64),
        ("start", c_uint64),
        ("beats", c_uint64),
        ("seats", SharedSeat * SEATS),
    )

    error: int
    fork_server: int
    start: int
    beats: int
    seats: Array[SharedSeat]


def new_memory() -> io.FileIO:
    """Return memory that can be passed to another process."""
    if sys.platform == "linux":
        memory = io.FileIO(os.memfd_create("labloop-pulse"), "r+")
    else:
        with tempfile.TemporaryFile(buffering=0) as file:
            memory = io.FileIO(os.dup(file.fileno()), "r+")
    memory.truncate(sizeof(Shared))
    return memory


def in_memory(memory: io.FileIO) -> Shared:
    """Return what all who have a memory share."""
    return Shared.from_buffer(mmap.mmap(memory.fileno(), sizeof(Shared)))


class Computation(NamedTuple):
    """What a worker computes: its number, rising from 1; its thread; the version's label."""

    number: int
    thread: int
    label: str


class Seat:
    """The place in which a thread shows its computation, which lasts as long as the `with` does."""

    __slots__ = ("_free", "_numbers", "_shared", "label")

    def __init__(self, free: list[SharedSeat], numbers: Iterator[int]) -> None:
        try:
            self._shared = free.pop()
        except IndexError:
            self._shared = SharedSeat()
        self._free = free
        self._numbers = numbers
        self._shared.thread = threading.get_native_id()
        self.label = b""

    def __enter__(self) -> None:
        self._shared.label = self.label
        self._shared.number = next(self._numbers)  # last: it makes the rest valid

    def __exit__(self, *_: object) -> None:
        self._shared.number = 0

    def __del__(self) -> None:
        self._free.append(self._shared)  # the thread has ended


class Pulse:
    """A worker's side: its event loop beats, and each computation takes its thread's seat.

    Examples
    --------
    >>> pulse = Pulse()
    >>> shared = Shared()
    >>> pulse.show_in(shared)
    >>> with pulse.computing(b"iris/3/0123456789ab"):
    ...     [each.label for each in computations(shared)]
    ['iris/3/0123456789ab']
    >>> [*computations(shared)]
    []
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self.show_in(Shared())  # nobody looks, until a supervisor's memory takes its place

    def show_in(self, shared: Shared) -> None:
        """Show everything in the supervisor's memory from now on."""
        self._shared = shared
        self._free = [*shared.seats]
        self._of_thread = threading.local()

    def computing(self, label: bytes) -> Seat:
        """Show a computation by this thread; it costs about a quarter of a microsecond."""
        try:
            seat: Seat = self._of_thread.seat
        except AttributeError:
            seat = self._of_thread.seat = Seat(self._free, self._numbers)
        seat.label = label
        return seat

    async def beat(self) -> None:
        """Beat for as long as the event loop turns."""
        while True:
            self._shared.beats += 1
            await asyncio.sleep(BEAT_SECONDS)


pulse = Pulse()
"""Of this process."""


def computations(shared: Shared) -> Iterator[Computation]:
    """List what a worker computes now, or did when it ended."""
    for seat in shared.seats:
        if number := seat.number:
            yield Computation(number, seat.thread, seat.label.decode())
