"""Prediction log: JSON Lines, written before the answer is given."""

import logging
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

from service.contract.errors import LogWriteError
from service.contract.log_line import FOLDER, SUFFIX

SYNC_SECONDS = 1.0

logger = logging.getLogger("uvicorn.error")


class LogBusyError(Exception):
    """Another thread writes to the log just now."""


class PredictionLog:
    """One segment, one writer: a new file for each start of the API.

    Parameters
    ----------
    folder : Path
        `LOGS_DIR`; segments go to ``predictions/`` in it.
    sync : {"interval", "always", "off"}
        `LOG_SYNC`: synced at least once a second, before each answer, or never by us.
    """

    def __init__(self, folder: Path, sync: Literal["interval", "always", "off"]) -> None:
        self.folder = folder / FOLDER
        self.sync = sync
        self.sequence = 0
        self._handle: int | None = None
        self._size = 0
        self._synced = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sync_often, name="log-sync", daemon=True)

    def start(self) -> None:
        """Begin to sync; the segment itself is opened by the first line."""
        if self.sync == "interval":
            self._thread.start()

    def stop(self) -> None:
        """Sync and close."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            if self._handle is not None:
                if self.sync != "off":
                    os.fdatasync(self._handle)
                os.close(self._handle)
                self._handle = None

    def write(self, lines: list[bytes], wait: bool = True) -> None:
        """Append lines, all or none.

        Parameters
        ----------
        lines : list of bytes
            The JSON of `LogLine` without its first field: the segment counts.
        wait : bool
            Whether to wait while another thread writes.

        Raises
        ------
        LogWriteError
            Disk full or failing. What was half written is taken back, so that
            the next line is never glued to it.
        LogBusyError
            Another thread writes just now; nothing was written.
        """
        if not self._lock.acquire(blocking=wait):
            raise LogBusyError
        try:
            numbered = [
                b'{"sequence":%d,%b\n' % (number, line[1:])
                for number, line in enumerate(lines, self.sequence + 1)
            ]
            self._append(b"".join(numbered))
            self.sequence += len(lines)
        except OSError as error:
            raise LogWriteError(
                f"The prediction log at {self.folder} cannot be written "
                f"({error.strerror}), so no answer is given. Free space there and try again."
            ) from error
        finally:
            self._lock.release()

    def _append(self, data: bytes) -> None:
        if self._handle is not None and not os.fstat(self._handle).st_nlink:
            os.close(self._handle)  # somebody deleted the segment
            self._handle = None
        if self._handle is None:
            self._handle, self._size = self._open(), 0
        try:
            written = os.write(self._handle, data)
            while written < len(data):  # a nearly full disk takes a part
                written += os.write(self._handle, data[written:])
            if self.sync == "always":
                os.fdatasync(self._handle)
        except OSError:
            self._take_back()
            raise
        self._size += len(data)

    def _take_back(self) -> None:
        """Cut the segment to its last whole line; where even that fails, leave it for a new one."""
        assert self._handle is not None
        try:
            os.ftruncate(self._handle, self._size)
        except OSError:
            os.close(self._handle)
            self._handle = None

    def _open(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        file = self.folder / f"{stamp}-{uuid4().hex[:8]}{SUFFIX}"
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)

    def _sync_often(self) -> None:
        while not self._stop.wait(SYNC_SECONDS):
            with self._lock:
                handle, size = self._handle, self._size
                if handle is None or size == self._synced:
                    continue
                handle = os.dup(handle)
            try:
                os.fdatasync(handle)
                self._synced = size
            except OSError:
                logger.exception("The prediction log could not be synced; it is tried again.")
            finally:
                os.close(handle)
