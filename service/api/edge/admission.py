"""Admission: how much is taken in and not answered yet. What would be too much is turned away.

To turn a request away costs nearly nothing, so what was taken in is answered in time, whatever
comes.
"""

import os
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from service.contract.errors import OverloadedError, TooLargeError
from service.contract.settings import Settings

LARGE = 20_000  # bytes; reading more is left to a thread, and counted
LARGE_BODIES = 16  # of the largest size, that a worker has in memory at once

S = TypeVar("S")
T = TypeVar("T")


class Admission:
    """Counts a worker's pending requests, each in a ``with`` of its own, and their bodies' bytes.

    Parameters
    ----------
    limits : Settings
        `MAX_WAITING`, `MAX_BODY_BYTES` and `MAX_ROWS`.

    Attributes
    ----------
    threads : CapacityLimiter
        For large requests, which are read and computed off the event loop, one a core.

    Examples
    --------
    >>> admission = Admission(Settings(max_waiting=1))
    >>> with admission, admission:
    ...     pass
    Traceback (most recent call last):
        ...
    service.contract.errors.OverloadedError: 1 requests are pending already. ...
    """

    def __init__(self, limits: Settings) -> None:
        self.limits = limits
        self.most_bytes = LARGE_BODIES * limits.max_body_bytes
        self.requests = 0
        self.bytes = 0
        self.threads = CapacityLimiter(os.cpu_count() or 1)

    @property
    def is_full(self) -> bool:
        """Whether all places are taken."""
        return self.requests >= self.limits.max_waiting

    def enter(self) -> None:
        """Take a place, from the complete request to its response.

        Raises
        ------
        OverloadedError
            All places are taken.
        """
        if self.is_full:
            raise OverloadedError(
                f"{self.requests} requests are pending already. Try again in a second; "
                "MAX_WAITING and API_WORKERS say how much is taken in."
            )
        self.requests += 1

    def leave(self) -> None:
        """Free the place."""
        self.requests -= 1

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *error: object) -> None:
        self.leave()

    async def read(
        self, reader: Callable[[bytes, S, "Admission"], T], body: bytes, signature: S
    ) -> T:
        """Have a body read by `reader(body, signature, admission)`; a large one in a thread."""
        if len(body) <= LARGE:
            return reader(body, signature, self)
        return await to_thread.run_sync(reader, body, signature, self, limiter=self.threads)

    def check_size(self, size: int) -> None:
        """Refuse a body that is too large.

        Raises
        ------
        TooLargeError
            It has more bytes than `MAX_BODY_BYTES`.
        """
        if size > self.limits.max_body_bytes:
            raise TooLargeError(
                f"The body is larger than {self.limits.max_body_bytes} bytes. "
                "Send fewer rows at once, or raise MAX_BODY_BYTES."
            )

    def check_rows(self, rows: int) -> None:
        """Refuse more rows than are read at once.

        Raises
        ------
        TooLargeError
            There are more than `MAX_ROWS`.
        """
        if rows > self.limits.max_rows:
            raise TooLargeError(
                f"The request has {rows} rows; at most {self.limits.max_rows} are read at once. "
                "Send them in parts, or raise MAX_ROWS."
            )

    def hold(self, size: int) -> None:
        """Keep so many bytes more in memory; whoever does calls `release` in the end.

        Raises
        ------
        OverloadedError
            There is no room for them.
        """
        if self.bytes + size > self.most_bytes:
            raise OverloadedError(
                f"{self.bytes} bytes of requests are being read already. Try again in a second."
            )
        self.bytes += size

    def release(self, size: int) -> None:
        """Release what was held."""
        self.bytes -= size
