"""Log disk: the folder of a log, as what ships its segments sees it.

The file `archive.id` names the log, also in the hands of another API. Its lock says which worker
ships, and its time is when all workers were last asked to seal what they write. None of this needs
room, so that a full disk can be emptied.
"""

import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from service.contract.files import LOCK, lock_file, open_regular, read_regular, sync_path
from service.contract.log.archive import ID_FILE, LOG, SEGMENT
from service.contract.log.segment import (
    NAME,
    SHIPPED,
    SegmentName,
    open_segments,
    sealed_segments,
    stem,
    torn_ends,
)

ENDING = re.compile(rb'"sequence":(\d{1,18}),"crc":"[0-9a-f]{8}"\}\n$')
ENDING_BYTES = 100


class LogDisk:
    """The folder of a log.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = ""  # its id, known to the worker that ships
        self._file = folder / ID_FILE
        self._handle = -1
        self._heard = self._called()

    def lead(self) -> bool:
        """Be the worker that ships, if no other one is; it stays so until it leaves or dies."""
        if self._handle >= 0:
            with suppress(FileNotFoundError):
                if os.path.samestat(self._file.stat(), os.fstat(self._handle)):
                    return True
            self.leave()  # the folder was emptied: it is another log now
        if not self.folder.is_dir():
            return False
        self.log = self._id()
        handle = os.open(self._file, os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def _id(self) -> str:
        """Read the log's id; it gets one now if it has none."""
        with lock_file(self.folder / LOCK):
            if not self._file.exists():
                temporary = self._file.with_suffix(".new")
                temporary.write_text(os.urandom(8).hex())
                os.utime(temporary, (0, 0))  # nobody was asked to seal yet
                sync_path(temporary)
                temporary.replace(self._file)
                sync_path(self.folder)
        text = read_regular(self._file, 100).decode("ascii", "replace").strip()
        if not LOG.fullmatch(text):
            what = "This is no log's id. If nothing of this log was archived, delete it"
            raise OSError(errno.EINVAL, what, str(self._file))
        return text

    def leave(self) -> None:
        """Let another worker ship."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def call(self) -> None:
        """Ask all workers to seal what they write."""
        later = max(time.time_ns(), self._called() + 1_000_000_000)  # also by a disk's coarse clock
        os.utime(self._file, ns=(later, later))

    def is_called(self) -> bool:
        """Whether what is written is to be sealed now; true once for each call."""
        now = self._called()
        was, self._heard = self._heard, now
        return now != was

    def _called(self) -> int:
        try:
            return self._file.stat().st_mtime_ns
        except OSError:
            return 0

    def due(self) -> list[Path]:
        """List the files that are to be shipped, oldest first."""
        found = [*sealed_segments(self.folder), *torn_ends(self.folder)]
        named = [file for file in found if SEGMENT.fullmatch(file.name)]
        return sorted(named, key=SegmentName.of)

    def waiting(self) -> dict[str, int]:
        """Count the lines of each segment that is not shipped yet, open ones as well."""
        opened = [file for file in open_segments(self.folder) if NAME.fullmatch(stem(file))]
        counts: dict[str, int] = {}
        for file in [*opened, *self.due()]:
            counts.setdefault(stem(file), 0)  # also if it was sealed just now, under another name
            with suppress(OSError):
                counts[stem(file)] = max(counts[stem(file)], _lines_in(file))
        return counts

    def shipped(self) -> int:
        """Return the highest number of a segment that was shipped."""
        return max((SegmentName.of(file).number for file in self._marks()), default=0)

    def forget(self, file: Path) -> None:
        """Delete a file that was shipped.

        The name of the last one stays, empty, so that the numbers of segments go on rising. When
        this is killed between any two steps, the next call does the rest.
        """
        mark = file.with_name(stem(file) + SHIPPED)
        file.rename(mark)
        sync_path(self.folder)  # before it is emptied, or a power cut could leave it so, as sealed
        self.tidy()

    def tidy(self) -> None:
        """Keep one name of what was shipped, the last."""
        marks = sorted(self._marks(), key=SegmentName.of)
        for mark in marks[-1:]:
            if mark.stat().st_size:
                os.truncate(mark, 0)
        for mark in marks[:-1]:
            mark.unlink(missing_ok=True)

    def _marks(self) -> Iterator[Path]:
        return self.folder.glob(f"*{SHIPPED}")


def _lines_in(file: Path) -> int:
    """Count a segment's lines: its last one has a number."""
    with open_regular(file) as opened:
        opened.seek(max(0, os.fstat(opened.fileno()).st_size - ENDING_BYTES))
        match = ENDING.search(opened.read())
    return 0 if match is None else max(0, int(match[1]) - SegmentName.of(file).before)
