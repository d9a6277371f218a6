"""Log copy: the prediction log in columns, so that each segment is read from JSON only once.

It can be deleted at any time: it is made again from the log.
"""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from service.contract.errors import LabloopError
from service.contract.files import is_locked
from service.contract.log.segment import (
    FOLDER,
    SegmentName,
    all_segments,
    open_segments,
    sealed_segments,
    stem,
    torn_ends,
)
from service.lab.log.columns import Database, connect
from service.lab.log.copy_files import Part, listed
from service.lab.log.segment.elsewhere import copied_elsewhere
from service.lab.log.segment.file import content_of, superfluous
from service.lab.log.segment.opened import Opened, OpenSegment
from service.lab.log.segment.sealed import Sealed, SealedText

FORMAT = 3  # one higher when older copies cannot be used any more
LOOKS = 3  # at a log that changes, before a segment counts as missing


@dataclass(frozen=True)
class LogFiles:
    """The whole log at one moment, as Parquet files, with a database to read them.

    The database reads no other files. `damage` has a sentence for each thing that is wrong with
    the log. `torn` counts the lines that crashes cut off.
    """

    database: Database
    predictions: list[Part]
    feedback: list[Part]
    damage: list[str]
    torn: int


class Log(Protocol):
    """A log that can be read, wherever it is."""

    def files(self) -> AbstractContextManager[LogFiles]:
        """Bring what was copied up to date; see `LogCopy.files`."""


class LogCopy:
    """The copy of one log.

    Parameters
    ----------
    logs : Path
        `LOGS_DIR`; it is only read.
    copies : Path
        `LOG_COPY_DIR`; the copy is a folder in it, named after the log.
    """

    def __init__(self, logs: Path, copies: Path) -> None:
        self.folder = logs / FOLDER
        digest = sha256(os.fsencode(os.path.realpath(logs))).hexdigest()[:8]
        name = f"{re.sub(r'[^A-Za-z0-9_-]', '_', logs.name[:20])}-{digest}"
        self.home = copies / f"{FORMAT}-{name}"
        self._opened = Opened()
        outdated = [copies / f"{number}-{name}" for number in range(1, FORMAT)]
        self._sealed = Sealed(self.home, outdated)

    @contextmanager
    def files(self) -> Iterator[LogFiles]:
        """Bring the copy up to date, and yield its files and those of the open segments.

        Yields
        ------
        LogFiles
            They can be read until the context ends.

        Raises
        ------
        LabloopError
            The log cannot be read, or the copy cannot be written.
        """
        for look in range(1, LOOKS + 1):
            with ExitStack() as held:
                present = self._present()
                files, missing = held.enter_context(self._files(present))
                if missing and present != self._present() and look < LOOKS:
                    continue  # retention may be deleting now: look again for its note
                yield files
                return

    @contextmanager
    def _files(self, present: set[SegmentName]) -> Iterator[tuple[LogFiles, list[str]]]:
        self._check()
        with ExitStack() as held:
            # DuckDB takes some names for patterns, so it sees the folders under plain names.
            root = Path(held.enter_context(TemporaryDirectory(prefix="labloop-"))).resolve()
            home, log = root / "copy", root / "log"
            home.symlink_to(self.home.absolute())
            log.symlink_to(self.folder.absolute())
            database = held.enter_context(
                connect(root, self.home, self.folder, self._opened.folder)
            )
            unread: dict[Path, str] = {}  # files that are no segments, with the reason
            opened = self._open_segments(unread)  # before the sealed ones: none is missed
            copied = listed(home)  # also before, so that no segment seems to be gone
            sealed = sealed_segments(self.folder)
            sizes = {segment.file: segment.size for segment in opened}
            dropped = superfluous(sizes, sealed, unread)
            opened = [segment for segment in opened if segment.file not in dropped]
            sealed = [file for file in sealed if file not in dropped]
            pieces = self._opened.copied(database, opened)

            @contextmanager
            def text_of(file: Path) -> Iterator[SealedText | None]:
                content = content_of(file, unread)
                yield None if content is None else SealedText(file, log / file.name, content)

            def elsewhere(files: list[Path], staging: Path) -> Iterator[None] | None:
                made = self.home / staging.name
                return copied_elsewhere(files, made, self.home, unread)

            self._sealed.refresh(database, copied, sealed, home, text_of, elsewhere)
            more = [file for piece in pieces for file in piece.files]
            found = self._sealed.found(home, sealed, more, present)
            files = LogFiles(
                database=database,
                predictions=found.predictions,
                feedback=found.feedback,
                damage=[*sorted(unread.values()), *found.inside, *found.between],
                torn=self._torn(opened),
            )
            missing = found.missing
            yield files, missing

    def _check(self) -> None:
        """Refuse a log that cannot be read; one that does not exist is empty."""
        try:
            with os.scandir(self.folder):
                pass
        except FileNotFoundError:
            pass
        except OSError as error:
            raise LabloopError(
                f"The prediction log at {self.folder} cannot be read ({error.strerror}). "
                "Set LOGS_DIR to where it is, or change its permissions."
            ) from error

    def _present(self) -> set[SegmentName]:
        """Return the segments that are there, even if only a torn end is left."""
        files = [*all_segments(self.folder), *torn_ends(self.folder)]
        return {SegmentName.of(file) for file in files}

    def _open_segments(self, unread: dict[Path, str]) -> list[OpenSegment]:
        """Read what open segments hold now; the API is still writing to them."""
        found = (self._opened.read(file, unread) for file in open_segments(self.folder))
        return [segment for segment in found if segment is not None]

    def _torn(self, opened: list[OpenSegment]) -> int:
        """Count the lines that a crash cut off: those set aside, and those of dead writers."""
        torn = {*map(stem, torn_ends(self.folder))}
        for segment in opened:
            if segment.rest and not segment.rest.endswith(b"\n"):
                with suppress(FileNotFoundError):
                    if not is_locked(segment.file):
                        torn.add(stem(segment.file))
        return len(torn)
