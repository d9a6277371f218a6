"""Segment: one file of the prediction log, written by this process alone until it is sealed."""

import errno
import fcntl
import os
import stat
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal
from zlib import crc32

from service.api.metrics.metrics import metrics
from service.contract.files import LOCK, lock_file, make_folder, sync_path
from service.contract.log.segment import (
    HIGHEST,
    MOST_BYTES,
    OPEN,
    TORN,
    SegmentName,
    open_segments,
    sealed_name,
    stem,
)

Harm = Literal["deleted", "moved", "changed"]


class Segment:
    """A file that is appended to, whole lines at a time.

    It is locked for as long as its writer lives, so that others can tell.

    Parameters
    ----------
    folder : Path
    writer : str
        Names this process, in hexadecimal digits.
    before : int
        How many lines the writer has written so far.
    above : int
        The number of the segment gets higher than this one, and than all in the folder.
    """

    def __init__(self, folder: Path, writer: str, before: int, above: int) -> None:
        self.size = 0
        self.checksum = 0
        self.synced = 0
        self.broken = False  # what it holds is not what was written, or not for sure on the disk
        self.harm: Harm | None = None  # what somebody has done to it, once that was found
        self.opened = time.monotonic()
        if not folder.is_dir():
            make_folder(folder)
        with lock_file(folder / LOCK), ExitStack() as opened:
            # By this handle the folder is found even when it has another name.
            self._folder = os.open(folder, os.O_RDONLY)
            opened.callback(os.close, self._folder)
            numbers = [SegmentName.of(file).number for file in folder.iterdir()]
            number = min(max(above, *numbers, 0) + 1, HIGHEST)
            self.name = SegmentName(number, writer, before)
            self.file = folder / f"{self.name}{OPEN}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._handle = os.open(self.file, flags, 0o644)
            opened.callback(os.close, self._handle)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            opened.pop_all()

    @property
    def is_deleted(self) -> bool:
        """Whether the file has no name any more."""
        return os.fstat(self._handle).st_nlink == 0

    def look(self) -> None:
        """See whether its path still leads to the file, and that nobody else has written to it."""
        if self.is_deleted:
            self.harm = "deleted"
        elif not self._is_at(self.file):
            self.harm = "moved"
        elif not self.broken and os.fstat(self._handle).st_size != self.size:
            self.harm = "changed"

    def whereabouts(self) -> str | None:
        """Return the path that the file has now, where the system tells."""
        link = Path(f"/proc/self/fd/{self._handle}")  # Linux
        return str(link.readlink()) if link.is_symlink() else None

    def append(self, data: bytes, sync: bool) -> None:
        """Write all of the data or, after an OSError, nothing.

        Raises
        ------
        OSError
            Disk full or failing. What was half written is taken back, so that the
            next line is never glued to it; where that fails too, the segment is
            `broken` and nothing more must be appended to it.
        """
        try:
            written = os.write(self._handle, data)
            while written < len(data):  # a nearly full disk takes a part
                written += os.write(self._handle, data[written:])
            if sync:
                self._sync()
        except OSError:
            with suppress(OSError):
                self._take_back()
            raise
        self.size += len(data)
        self.checksum = crc32(data, self.checksum)
        if sync:
            self.synced = self.size

    def sync(self) -> None:
        """Bring what is written to the disk."""
        if self.size > self.synced:
            size = self.size
            self._sync()
            self.synced = size

    def seal(self, sync: bool) -> None:
        """End the file: it never changes again.

        In a folder that was moved away it is sealed there; under another name it is left as it is.
        """
        if self.broken:
            self._take_back()
        if sync:
            self._sync()
        if self._is_at(self.file.name, self._folder):
            _seal(self.file.name, self.checksum, self._folder)
        if sync:
            os.fsync(self._folder)
        os.close(self._handle)
        os.close(self._folder)

    def _is_at(self, path: Path | str, folder: int | None = None) -> bool:
        try:
            there = os.stat(path, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return False
            raise
        return os.path.samestat(there, os.fstat(self._handle))

    def _sync(self) -> None:
        try:
            with metrics.log_sync_seconds.time():
                os.fdatasync(self._handle)
                if not self.synced:
                    os.fsync(self._folder)  # for the name
        except OSError:
            self.broken = True  # the system forgets what it could not bring to the disk
            raise

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._handle, self.size)
        except OSError:
            self.broken = True
            raise


def seal_dead(folder: Path, sync: bool) -> list[OSError]:
    """Seal the segments whose writer is gone; what a crash cut off is set aside.

    Returns
    -------
    failed : list of OSError
        E.g. there is no space to set a torn end aside, or a segment is no regular file; it stays
        as it is.
    """
    failed = []
    for file in open_segments(folder):
        try:
            handle = _inherit(file)
            if handle is None:
                continue
            try:
                _seal_dead(file, handle, sync)
            finally:
                os.close(handle)
        except OSError as error:
            failed.append(error)
    return failed


def _seal_dead(file: Path, handle: int, sync: bool) -> None:
    with open(handle, "rb", closefd=False) as opened:
        content = opened.read()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        torn = file.with_name(stem(file) + TORN)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOFOLLOW
        with os.fdopen(os.open(torn, flags, 0o644), "wb") as aside:
            aside.write(content[whole:])
        if sync:
            sync_path(torn)
            sync_path(file.parent)
        os.ftruncate(handle, whole)
        metrics.torn_lines.inc()
    if sync:
        os.fsync(handle)
    _seal(file, crc32(content[:whole]))
    if sync:
        sync_path(file.parent)


def _seal(file: Path | str, checksum: int, folder: int | None = None) -> None:
    """Rename a segment for good; an empty one stays, or its number would seem to be missing."""
    sealed = sealed_name(Path(file), checksum)
    os.rename(file, sealed, src_dir_fd=folder, dst_dir_fd=folder)


def _inherit(file: Path) -> int | None:
    """Lock a dead writer's segment; None where its writer lives, or another was quicker."""
    with lock_file(file.parent / LOCK):  # no segment is there without its lock
        try:
            handle = os.open(file, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
                raise OSError(errno.EINVAL, "This is no segment; take it away", str(file))
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if isinstance(error, BlockingIOError):
                return None
            raise
    return handle
