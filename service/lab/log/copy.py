"""Log copy: the prediction log in columns, so that each segment is read from JSON only once.

It can be deleted at any time: it is made again from the log.
"""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import duckdb
from tqdm.auto import tqdm

from service.contract.errors import LabloopError
from service.contract.files import is_locked, locked
from service.contract.log.segment import (
    FOLDER,
    TORN,
    SegmentName,
    all_segments,
    open_segments,
    sealed_segments,
    stem,
)
from service.lab.log.columns import Database, connect
from service.lab.log.copy_files import DONE, PARQUET, Done, Part, damage_in, key, listed, whole
from service.lab.log.gaps import missing_lines, missing_segments
from service.lab.log.segment.copy import SegmentCopy
from service.lab.log.segment.file import content_of, superfluous
from service.lab.log.segment.opened import Opened, OpenSegment

SHOWN = 8  # new segments from which on a progress bar is shown
FORMAT = 3  # one higher when older copies cannot be used any more
LOOKS = 3  # at a log that changes, before a segment counts as missing
WORKERS = os.cpu_count() or 1


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
        self._outdated = [copies / f"{number}-{name}" for number in range(1, FORMAT)]

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
            names = {key(stem(file)) for file in sealed}
            pieces = self._opened.copied(database, opened)
            try:
                self._refresh(database, copied, sealed, home, log, unread)
            except (OSError, duckdb.IOException) as error:
                raise LabloopError(
                    f"The copy of the log at {self.home} cannot be written ({error}). "
                    "Make room there, or set LOG_COPY_DIR to another folder."
                ) from error
            copies = listed(home)
            found = whole([file for file in copies if stem(file) in names])
            found += [file for piece in pieces for file in piece.files]
            parts = [Part.of(file) for file in found if file.suffix == PARQUET]
            done = [Done.of(file) for file in found if file.suffix == DONE]
            deleted = max((each.deleted for each in done), default=0)
            gone = self._gone(copies, {*(each.segment for each in done)}, deleted)
            present = {*present, *(each.name for each in done)}
            missing = missing_segments(present, gone, deleted, self.home)
            spans = [(each.name, each.last) for each in done]
            damage = [*sorted(unread.values()), *damage_in(found), *missing]
            damage += missing_lines(present, spans)
            files = LogFiles(
                database=database,
                predictions=[part for part in parts if part.version],
                feedback=[part for part in parts if not part.version],
                damage=damage,
                torn=self._torn(opened),
            )
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
        files = all_segments(self.folder)
        return {SegmentName.of(file) for file in [*files, *self.folder.glob(f"*{TORN}")]}

    def _gone(self, copies: list[Path], there: set[str], deleted: int) -> list[SegmentName]:
        """Return the copied segments that are gone; forget those that retention deleted."""
        gone = []
        for file in copies:
            if file.suffix == DONE and (done := Done.of(file)).segment not in there:
                if done.name.number > deleted:
                    gone.append(done.name)
                else:
                    file.unlink(missing_ok=True)
        return gone

    def _open_segments(self, unread: dict[Path, str]) -> list[OpenSegment]:
        """Read what open segments hold now; the API is still writing to them."""
        found = (self._opened.read(file, unread) for file in open_segments(self.folder))
        return [segment for segment in found if segment is not None]

    def _torn(self, opened: list[OpenSegment]) -> int:
        """Count the lines that a crash cut off: those set aside, and those of dead writers."""
        torn = {stem(file) for file in self.folder.glob(f"*{TORN}")}
        for segment in opened:
            if segment.rest and not segment.rest.endswith(b"\n"):
                with suppress(FileNotFoundError):
                    if not is_locked(segment.file):
                        torn.add(stem(segment.file))
        return len(torn)

    def _refresh(
        self,
        database: Database,
        copied: list[Path],
        sealed: list[Path],
        home: Path,
        log: Path,
        unread: dict[Path, str],
    ) -> None:
        """Copy the new segments, and delete the copies of those that are gone."""
        names = {key(stem(file)) for file in sealed}
        for file in copied:
            if stem(file) not in names and file.suffix != DONE:
                file.unlink(missing_ok=True)
        complete = {stem(file) for file in whole(copied)}
        new = [file for file in sealed if key(stem(file)) not in complete]
        if not new:
            return
        self.home.mkdir(parents=True, exist_ok=True)
        for folder in self._outdated:
            rmtree(folder, ignore_errors=True)
        with self._staging(home) as staging, ThreadPoolExecutor(WORKERS) as pool:

            def copy(file: Path) -> None:
                content = content_of(file, unread)
                if content is None:
                    return
                cursor = database.cursor()
                try:
                    SegmentCopy(cursor, file, log / file.name, content, staging, home).write()
                except duckdb.IOException:
                    if file.exists():
                        raise

            progress = pool.map(copy, new)
            for _ in tqdm(progress, "log", len(new), unit="segment", disable=len(new) < SHOWN):
                pass

    @contextmanager
    def _staging(self, home: Path) -> Iterator[Path]:
        """Yield a hidden folder to write to; delete those that killed processes left."""
        with ExitStack() as held:
            with locked(self.home):
                for leftover in self.home.glob(".staging-*"):
                    with suppress(FileNotFoundError):  # its owner has just finished
                        if not is_locked(leftover):
                            rmtree(leftover, ignore_errors=True)
                staging = held.enter_context(TemporaryDirectory(prefix=".staging-", dir=home))
                held.enter_context(locked(Path(staging)))
            yield Path(staging)
