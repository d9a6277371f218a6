"""Descriptors: a process may have only so many files and connections open (`ulimit -n`).

Connections take what is left beside the API's own files, so that whoever connects cannot keep it
from its log and its models. Should descriptors run out all the same, that is said once a second.
"""

import errno
import logging
import os
import resource
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SHORTAGE = (errno.EMFILE, errno.ENFILE)
OWN = 24  # more than what is open at the start: segments, versions, validations
OPEN = Path("/dev/fd")

logger = logging.getLogger("uvicorn.error")


@cache
def most_connections(wanted: int) -> int:
    """Say how many connections this process can have, up to `MAX_CONNECTIONS`.

    The limit of descriptors is raised for them where the system lets us.

    Parameters
    ----------
    wanted : int

    Returns
    -------
    most : int
        At least 1.

    Examples
    --------
    >>> most_connections(1)
    1
    """
    needed = len([*OPEN.iterdir()]) + OWN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed + wanted:
        soft = needed + wanted
        if hard != resource.RLIM_INFINITY:
            soft = min(soft, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed + wanted:
        return wanted
    most = max(1, soft - needed)
    logger.warning(
        "Only %d connections are kept open at once, and not MAX_CONNECTIONS=%d: this process may "
        "have %d descriptors. Raise ulimit -n, or lower MAX_CONNECTIONS.",
        most,
        wanted,
        soft,
    )
    return most


def is_shortage(error: BaseException | None) -> bool:
    """Whether an error, or what led to it, is that no more can be opened.

    Examples
    --------
    >>> is_shortage(OSError(errno.EMFILE, "Too many open files"))
    True
    >>> is_shortage(OSError(errno.ENOSPC, "No space left on device"))
    False
    """
    return any(isinstance(each, OSError) and each.errno in SHORTAGE for each in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _chain(each)
        error = error.__cause__ or error.__context__


class ShortageFilter(logging.Filter):
    """Lets through one line a second about a shortage, without its traceback."""

    def __init__(self) -> None:
        super().__init__()
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is written; shorten it if it is about a shortage."""
        error = record.exc_info[1] if record.exc_info else None
        message = record.getMessage()
        if not is_shortage(error) and not any(os.strerror(each) in message for each in SHORTAGE):
            return True
        now = time.monotonic()
        if now < self._quiet_until:
            return False
        self._quiet_until = now + 1
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        first = message.strip().splitlines()[0]
        record.msg = f"{first} No more files can be opened: ulimit -n is {limit}."
        record.args, record.exc_info = (), None
        return True


def say_once_a_second() -> None:
    """Keep what is logged about a shortage to a line a second altogether."""
    one = ShortageFilter()
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).addFilter(one)
