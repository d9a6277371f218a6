"""Files: locks, writes that survive a power cut, space on the disk, careful reading."""

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

CHUNK = 1 << 16  # bytes that are read at once
NOT_REGULAR = "This is no regular file"
LOCK = ".lock"  # in a folder that several machines share: NFS knows locks on files alone


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on a file, or on a folder of this machine's; wait for it."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # so that a pipe does not block
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def lock_file(file: Path) -> Iterator[None]:
    """Hold a lock on a file that exists only for this; wait for it.

    Raises
    ------
    OSError
        Something else has this name: a pipe would block.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    handle = _open_regular(file, flags, "A lock belongs here. Move it away")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def lock_now(file: Path) -> int | None:
    """Take the lock of `lock_file` and keep it until the handle is closed; None if it is held.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> file = Path(mkdtemp()) / "lock"
    >>> handle = lock_now(file)
    >>> lock_now(file) is None
    True
    >>> os.close(handle)
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    handle = _open_regular(file, flags, "A lock belongs here. Move it away")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def is_locked(path: Path) -> bool:
    """Whether a running process holds a lock on this.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> with locked(folder):
    ...     is_locked(folder)
    True
    >>> is_locked(folder)
    False
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared, so that others can ask, too
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def make_folder(folder: Path) -> None:
    """Make a folder, and missing ones above it, so that they survive a power cut.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp()) / "logs" / "predictions"
    >>> make_folder(folder)
    >>> make_folder(folder)
    >>> folder.is_dir()
    True
    """
    missing = []
    for each in (folder, *folder.parents):
        if each.is_dir():
            break
        missing.append(each)
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        sync_path(each.parent)


def sync_path(path: Path) -> None:
    """Write a file's content, or a folder's names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(file: Path, content: bytes, prefix: str) -> None:
    """Replace a file at once: readers see the old one or the new one, also after a power cut.

    Parameters
    ----------
    file : Path
    content : bytes
    prefix : str
        What the name of the file begins with that is renamed to this one.
    """
    handle, temporary = tempfile.mkstemp(prefix=prefix, dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fchmod(handle, 0o644)
            os.fsync(handle)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_path(file.parent)


def reserve(handle: int, size: int) -> None:
    """Extend a file with zeros to a size, or leave it as it was.

    Raises
    ------
    OSError
        The disk is full.
    """
    before = os.fstat(handle).st_size
    try:
        while (end := os.fstat(handle).st_size) < size:
            os.pwrite(handle, bytes(size - end), end)
    except OSError:
        os.ftruncate(handle, before)
        raise


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; refuse anything else, such as a pipe, without waiting.

    Raises
    ------
    OSError
        It cannot be opened, or is not a regular file.
    """
    return os.fdopen(_open_regular(path, os.O_RDONLY, NOT_REGULAR), "rb")


def _open_regular(path: Path | str, flags: int, otherwise: str) -> int:
    """Open a regular file; for anything else, raise OSError with this message."""
    handle = os.open(path, flags | os.O_NONBLOCK, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, otherwise, str(path))
    except BaseException:
        os.close(handle)
        raise
    return handle


def read_regular(path: Path | str, most: int) -> bytes:
    """Read a regular file of at most `most` bytes.

    Raises
    ------
    OSError
        It cannot be read, is not a regular file, or is larger.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> pipe = Path(mkdtemp()) / "pipe"
    >>> os.mkfifo(pipe)
    >>> read_regular(pipe, 100)
    Traceback (most recent call last):
        ...
    OSError: [Errno 22] This is no regular file: ...
    """
    handle = _open_regular(path, os.O_RDONLY, NOT_REGULAR)
    try:
        parts, left = [], most + 1
        while left and (part := os.read(handle, min(left, CHUNK))):
            parts.append(part)
            left -= len(part)
    finally:
        os.close(handle)
    content = b"".join(parts)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"This has more than {most} bytes", str(path))
    return content
