"""Sealed: the copies of the sealed segments of one log, each made once."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TypeAlias

import duckdb
from tqdm.auto import tqdm

from service.contract.errors import LabloopError
from service.contract.files import is_locked, locked
from service.contract.log.segment import SegmentName, stem
from service.lab.log.columns import Database
from service.lab.log.copy_files import DONE, PARQUET, Done, Part, damage_in, key, listed, whole
from service.lab.log.gaps import missing_lines, missing_segments
from service.lab.log.segment.copy import SegmentCopy

SHOWN = 8  # new segments from which on a progress bar is shown
WORKERS = os.cpu_count() or 1

Elsewhere: TypeAlias = Callable[[list[Path], Path], Iterator[None] | None]


@dataclass(frozen=True)
class SealedText:
    """A sealed segment: the name that messages use, one that is plain for DuckDB, its content."""

    file: Path
    path: Path
    content: bytes


@dataclass(frozen=True)
class Found:
    """What the copies of a log hold.

    `inside` has a sentence for each thing that is wrong within a segment, `missing` for each gap
    between segments, and `between` for these and for lines that are missing between segments.
    """

    predictions: list[Part]
    feedback: list[Part]
    inside: list[str]
    missing: list[str]
    between: list[str]


class Sealed:
    """The copies of the sealed segments of one log.

    Parameters
    ----------
    home : Path
        The folder that has them.
    outdated : iterable of Path
        Folders of older formats, to be deleted when something is copied.
    """

    def __init__(self, home: Path, outdated: Iterable[Path] = ()) -> None:
        self.home = home
        self._outdated = outdated

    def refresh(
        self,
        database: Database,
        copied: list[Path],
        sealed: list[Path],
        home: Path,
        text_of: Callable[[Path], AbstractContextManager[SealedText | None]],
        elsewhere: Elsewhere = lambda files, staging: None,
    ) -> None:
        """Copy the new segments, and delete the copies of those that are gone.

        Parameters
        ----------
        database : DuckDBPyConnection
        copied : list of Path
            The files of the copy, listed before the segments.
        sealed : list of Path
            The segments; only their names count.
        home : Path
            The folder of the copy, under a name that DuckDB does not take for a pattern.
        text_of : callable
            Gives a segment for as long as it is copied; None if it is none, or went just now.
        elsewhere : callable
            Has others copy the segments, from the folder that is given next, and yields for each;
            None if there is nobody.

        Raises
        ------
        LabloopError
            The copy cannot be written.
        """
        try:
            self._refresh(database, copied, sealed, home, text_of, elsewhere)
        except (OSError, duckdb.IOException) as error:
            raise LabloopError(
                f"The copy of the log at {self.home} cannot be written ({error}). "
                "Make room there, or set LOG_COPY_DIR to another folder."
            ) from error

    def _refresh(
        self,
        database: Database,
        copied: list[Path],
        sealed: list[Path],
        home: Path,
        text_of: Callable[[Path], AbstractContextManager[SealedText | None]],
        elsewhere: Elsewhere,
    ) -> None:
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
                with text_of(file) as text:
                    if text is None:
                        return
                    cursor = database.cursor()
                    try:
                        SegmentCopy(
                            cursor, text.file, text.path, text.content, staging, home
                        ).write()
                    except duckdb.IOException:
                        if text.path.exists():
                            raise

            progress = elsewhere(new, staging) or pool.map(copy, new)
            for _ in tqdm(progress, "log", len(new), unit="segment", disable=len(new) < SHOWN):
                pass

    def found(
        self,
        home: Path,
        sealed: list[Path],
        more: list[Path],
        present: set[SegmentName],
        awaited: Collection[SegmentName] = (),
        deleted: int = 0,
    ) -> Found:
        """Say what is there now, and what is not.

        Parameters
        ----------
        home : Path
            The folder of the copy, as for `refresh`.
        sealed : list of Path
            The segments.
        more : list of Path
            Files of copies that are elsewhere: those of open segments.
        present : set of SegmentName
            Segments that are there, even if only a torn end is left.
        awaited : collection of SegmentName
            Segments that cannot be read, and are named elsewhere.
        deleted : int
            Segments up to this number are known to be deleted.
        """
        names = {key(stem(file)) for file in sealed}
        copies = listed(home)
        found = [*whole([file for file in copies if stem(file) in names]), *more]
        parts = [Part.of(file) for file in found if file.suffix == PARQUET]
        done = [Done.of(file) for file in found if file.suffix == DONE]
        deleted = max([deleted, *(each.deleted for each in done)])
        gone = _gone(copies, {*(each.segment for each in done)}, deleted)
        there = {*present, *(each.name for each in done)}
        missing = missing_segments(there.union(awaited), gone, deleted, self.home)
        spans = [(each.name, each.last) for each in done]
        return Found(
            predictions=[part for part in parts if part.version],
            feedback=[part for part in parts if not part.version],
            inside=[*damage_in(found)],
            missing=missing,
            between=[*missing, *missing_lines(there, spans)],
        )

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


def _gone(copies: list[Path], there: set[str], deleted: int) -> list[SegmentName]:
    """Return the copied segments that are gone; forget those that are known to be deleted."""
    gone = []
    for file in copies:
        if file.suffix == DONE and (done := Done.of(file)).segment not in there:
            if done.name.number > deleted:
                gone.append(done.name)
            else:
                file.unlink(missing_ok=True)
    return gone
