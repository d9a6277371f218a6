"""Segment: one file of the prediction log, written by this process alone until it is sealed."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from service.api.metrics import metrics
from service.contract.files import locked, sync_path
from service.contract.segments import (
    OPEN,
    TORN,
    SegmentName,
    open_segments,
    sealed_name,
    stem,
)


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
    """

    def __init__(self, folder: Path, writer: str, before: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.size = 0
        self.checksum = 0
        self.synced = 0
        self.broken = False  # what it holds is not what was written, or not for sure on the disk
        self.opened = time.monotonic()
        with locked(folder):
            number = max((SegmentName.of(file).number for file in folder.iterdir()), default=0) + 1
            self.file = folder / f"{SegmentName(number, writer, before)}{OPEN}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._handle = os.open(self.file, flags, 0o644)
            fcntl.flock(self._handle, fcntl.LOCK_EX)

    @property
    def is_there(self) -> bool:
        """Whether nobody has deleted the file."""
        return os.fstat(self._handle).st_nlink > 0

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

    def sync(self) -> None:
        """Bring what is written to the disk."""
        if self.size > self.synced:
            size = self.size
            self._sync()
            self.synced = size

    def seal(self, sync: bool) -> None:
        """End the file: it never changes again."""
        if self.broken:
            self._take_back()
        if sync:
            self._sync()
        if self.is_there:
            _seal(self.file, self.size, self.checksum)
        os.close(self._handle)

    def _sync(self) -> None:
        try:
            with metrics.log_sync_seconds.time():
                os.fdatasync(self._handle)
        except OSError:
            self.broken = True  # the system forgets what it could not bring to the disk
            raise

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._handle, self.size)
        except OSError:
            self.broken = True
            raise


def seal_dead(folder: Path, sync: bool) -> None:
    """Seal the segments whose writer is gone; what a crash cut off is set aside.

    Raises
    ------
    OSError
        There is no space to set a torn end aside; the segment stays as it is.
    """
    for file in open_segments(folder):
        handle = _inherit(file)
        if handle is None:
            continue
        try:
            content = file.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                torn = file.with_name(stem(file) + TORN)
                torn.write_bytes(content[whole:])
                if sync:
                    sync_path(torn)
                os.ftruncate(handle, whole)
                metrics.torn_lines.inc()
            if sync:
                os.fsync(handle)
            _seal(file, whole, crc32(content[:whole]))
        finally:
            os.close(handle)
        if sync:
            sync_path(folder)


def _seal(file: Path, size: int, checksum: int) -> None:
    if size:
        file.rename(sealed_name(file, checksum))
    else:
        file.unlink()


def _inherit(file: Path) -> int | None:
    """Lock a dead writer's segment; None where its writer lives, or another was quicker."""
    with locked(file.parent):  # no segment is there without its lock
        try:
            handle = os.open(file, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
    return handle
