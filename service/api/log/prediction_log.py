"""Prediction log: JSON Lines, written before the response."""

import errno
import logging
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from service.api.log.chores import Chores
from service.api.log.retention import delete_oldest, uptime
from service.api.log.segment import Harm, Segment, seal_dead
from service.api.metrics.metrics import metrics
from service.contract.build import build
from service.contract.errors import LogWriteError
from service.contract.files import make_folder
from service.contract.log.line import encode, finish_line, now
from service.contract.log.segment import FOLDER
from service.contract.settings import Settings

if TYPE_CHECKING:
    from service.api.log.shipper import Shipper

TICK_SECONDS = 1.0
SEGMENT_SECONDS = 3600  # then it is sealed, so that the lab copies it and LOG_MAX_AGE can delete it
REMEDY = {
    errno.ENOSPC: "Make room there",
    errno.EDQUOT: "Make room there",
    errno.EACCES: "Make it writable",
    errno.EROFS: "Make it writable",
    errno.EMFILE: "Raise `ulimit -n`",
    errno.ENFILE: "Raise `fs.file-max`",
}
MEANING: dict[Harm, str] = {
    "moved": "What was predicted until now is in it. To have all read, move it back.",
    "deleted": "What it held is gone.",
    "changed": "What it holds no more is named when it is read.",
}

logger = logging.getLogger("uvicorn.error")


class LogBusyError(Exception):
    """Another thread writes to the log just now."""


class PredictionLog:
    """One writer's segments, one after the other.

    A thread looks after the log each second: it sees whether the segment is still
    where it belongs, syncs, seals what is full or whose writer died, deletes what
    is beyond the bounds, and tries again where the disk failed.

    Parameters
    ----------
    settings : Settings
        `LOGS_DIR`; segments go to ``predictions/`` in it. `LOG_SYNC`: synced at least once a
        second, before each response, or never by us. `LOG_SEGMENT_BYTES`: when a segment is
        full. `LOG_MAX_BYTES` and `LOG_MAX_AGE`: what is kept. `ARCHIVE_URL`: where all goes
        instead.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.logs_dir / FOLDER
        self.sync = settings.log_sync
        self.sequence = 0
        self.problem: str | None = None
        self._settings = settings
        share = settings.log_max_bytes // (4 * settings.api_workers)
        self._full_size = min(settings.log_segment_bytes, share)
        self._writer = os.urandom(4).hex()
        self._segment: Segment | None = None
        self._number = 0  # of the last segment
        self._retired: list[Segment] = []
        self._owed: list[bytes] = []  # notes of what happened, not written yet
        self._noted: set[str] = set()  # segments whose deletion has its note, or is owed one
        self._chores = Chores("Prediction log")
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._look_after, name="prediction-log", daemon=True)
        self.shipper = self._new_shipper()

    def start(self) -> None:
        """Seal what dead writers left; the segment itself is opened by the first line."""
        metrics.log_writable.set(1)
        try:
            make_folder(self.folder)
            if not os.access(self.folder, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            self._fail(error)
        self._tend()
        self._thread.start()
        if self.shipper is not None:
            self.shipper.start()

    def stop(self) -> None:
        """Sync and seal, and ship."""
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._chores.do(self._look)
        self._chores.do(self._tell)
        with self._lock:
            self._retire()
        self._chores.do(self._seal)
        if self.shipper is not None:
            self.shipper.stop()

    def _new_shipper(self) -> "Shipper | None":
        if not (url := self._settings.archive_url):
            return None
        # The client library is imported only by those who have an object store.
        from service.api.log.shipper import Shipper

        return Shipper(url, self.folder, self._wake.set)

    def write(self, lines: list[bytes], wait: bool = True) -> None:
        """Append lines, all or none.

        Parameters
        ----------
        lines : list of bytes
            As `line.encode` writes them: the log counts.
        wait : bool
            Whether to wait while another thread writes.

        Raises
        ------
        LogWriteError
            Disk full or failing; nothing was written.
        LogBusyError
            Another thread writes just now; nothing was written.
        """
        if not self._lock.acquire(blocking=wait):
            raise LogBusyError
        try:
            self._append(lines)
        except OSError as error:
            self._fail(error)
            raise LogWriteError(f"{self.problem} No prediction is given.") from error
        finally:
            self._lock.release()

    def _append(self, lines: list[bytes]) -> None:
        if self._segment is not None and self._segment.is_deleted:
            self._look_at(self._segment)
            self._retire()
        if self._segment is None:
            self._segment = Segment(self.folder, self._writer, self.sequence, self._number)
            self._number = self._segment.name.number
        segment = self._segment
        if self.problem:
            lines = [self._note("recovered", {"from": self.problem}), *lines]
        if not segment.size:
            lines = [self._note("opened", self._origin()), *lines]
        numbered = [finish_line(line, n) for n, line in enumerate(lines, self.sequence + 1)]
        durable = self.sync == "always" or (self.sync == "interval" and self.problem is not None)
        data = b"".join(numbered)
        segment.append(data, durable)
        metrics.log_lines.inc(len(lines))
        metrics.log_bytes.inc(len(data))
        self.sequence += len(lines)
        if self.problem:
            self.problem = None
            metrics.log_writable.set(1)
        if segment.size >= self._full_size:
            self._retire()

    def _fail(self, error: OSError) -> None:
        """Say why nothing is written."""
        self.problem = (
            f"The prediction log at {self.folder} cannot be written ({error.strerror}). "
            f"{REMEDY.get(error.errno or 0, 'Look after its disk')}; it is tried again each second."
        )
        metrics.log_writable.set(0)
        if self._segment is not None and self._segment.broken:
            self._retire()

    def _retire(self) -> None:
        """Let a segment be sealed, and the next line open another."""
        if self._segment is not None:
            self._retired.append(self._segment)
            self._segment = None
            self._wake.set()

    def _look_at(self, segment: Segment) -> None:
        """See whether a segment is where it belongs and as it was left; else say so, once."""
        if segment.harm is not None:
            return
        segment.look()
        if segment.harm is None:
            return
        now_at = segment.whereabouts()
        details = {"segment": str(segment.name), "harm": segment.harm, "now_at": now_at}
        self._owed.append(self._note("disturbed", details))
        logger.warning(
            "Segment %s of the prediction log was %s by somebody (%s). %s The next one is opened "
            "in %s.",
            segment.name,
            segment.harm,
            now_at or segment.file,
            MEANING[segment.harm],
            self.folder,
        )

    def _look_after(self) -> None:
        while not self._stopping:
            self._wake.wait(TICK_SECONDS)
            self._wake.clear()
            self._tend()

    def _tend(self) -> None:
        for due in (self._look, self._sync, self._seal, self._delete, self._tell, self._probe):
            self._chores.do(due)

    def _look(self) -> None:
        """Leave the segment where somebody has laid hands on it; the next line opens another."""
        with self._lock:
            if self._segment is not None:
                self._look_at(self._segment)
                if self._segment.harm is not None:
                    self._retire()

    def _sync(self) -> None:
        with self._lock:
            segment = self._segment
            age = 0.0 if segment is None else time.monotonic() - segment.opened
            is_wanted = self.shipper is not None and self.shipper.disk.is_called()
            if age > SEGMENT_SECONDS or is_wanted:
                self._retire()
        if segment is None or self.sync != "interval":
            return
        try:
            segment.sync()
        except OSError as error:
            with self._lock:
                self._fail(error)
            raise

    def _seal(self) -> None:
        """Seal what is due; one that fails holds up no other."""
        sync, failed = self.sync != "off", []
        for segment in [*self._retired]:
            try:
                self._look_at(segment)
                segment.seal(sync)
                self._retired.remove(segment)
            except OSError as error:
                failed.append(error)
        if self.folder.is_dir():
            failed += seal_dead(self.folder, sync)
        if failed:
            raise ExceptionGroup("segments that cannot be sealed", failed)

    def _delete(self) -> None:
        if self.shipper is not None or not self.folder.is_dir():
            return
        bounds = self._settings
        delete_oldest(
            self.folder,
            bounds.log_max_bytes,
            bounds.log_max_age,
            SEGMENT_SECONDS,
            self._note_deleted,
        )

    def _tell(self) -> None:
        """Write the notes of what happened."""
        owed = [*self._owed]
        if owed:
            self.write(owed)
            del self._owed[: len(owed)]

    def _note_deleted(self, segments: list[dict[str, Any]]) -> None:
        new = [each for each in segments if each["segment"] not in self._noted]
        for each in new:
            logger.warning("Deleted segment %(segment)s of the prediction log: %(because)s", each)
        self._owed += [self._note("deleted", each) for each in new]
        self._noted |= {each["segment"] for each in new}
        with suppress(LogWriteError):  # they are deleted all the same, which may make room for it
            self._tell()

    def _probe(self) -> None:
        """Try whether the disk takes a line again."""
        if self.problem:
            self.write([])

    def _origin(self) -> dict[str, Any]:
        boot, seconds = uptime()
        return {"image": build().image, "pid": os.getpid(), "boot": boot, "uptime": seconds}

    @staticmethod
    def _note(note: str, details: dict[str, Any]) -> bytes:
        return encode({"note": note, "time": now(), "details": details})
