"""Log copy: the prediction log in columns, so that each segment is read from JSON once.

::

    <segment>.<model>.<version>.<part>.<from>_<to>.parquet    its predictions; microseconds, UTC
    <segment>.feedback.0.0.<from>_<to>.parquet                what it was told
    <segment>.damage                                          what is wrong with it, if anything
    <segment>.<last>.<parts>.<deleted>.done                   the copy is whole: its last line's
                                                              number, how many Parquet files, the
                                                              highest segment it says was deleted

All of it can be deleted at any time: it is made again from the log. The last kind stays when its
segment is gone and nobody knows why.
"""

import json
import os
import re
from collections import Counter
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
from service.lab.log.gaps import missing_lines, missing_segments
from service.lab.log.segment_copy import DAMAGE, DONE, PARQUET, SegmentCopy, key
from service.lab.log.segment_file import content_of, one_each

SHOWN = 8  # new segments that take long enough for a progress bar
FORMAT = 2  # rises when a copy that was made before cannot be used any more
LOOKS = 3  # at a log that changes while segments seem to be missing
WORKERS = os.cpu_count() or 1


@dataclass(frozen=True)
class Part:
    """A Parquet file of the copy, by its name: what it is about, and from when to when."""

    file: Path
    model: str
    version: int
    first: int
    last: int

    @classmethod
    def of(cls, file: Path) -> "Part":
        """Read a file's name."""
        _, model, version, _, span, _ = file.name.split(".")
        first, last = span.split("_")
        return cls(file, model, int(version), int(first), int(last))


@dataclass(frozen=True)
class LogFiles:
    """The whole log at one moment, as Parquet files, with a database to read them.

    The database reads nothing else. `damage` says what is wrong with the log; `torn` counts lines
    that crashes cut off.
    """

    database: Database
    predictions: list[Part]
    feedback: list[Part]
    damage: list[str]
    torn: int


@dataclass(frozen=True)
class Done:
    """The mark that a segment's copy is whole, by its name."""

    segment: str
    last: int
    parts: int
    deleted: int

    @classmethod
    def of(cls, file: Path) -> "Done":
        """Read a file's name."""
        segment, last, parts, deleted, _ = file.name.split(".")
        return cls(segment, int(last), int(parts), int(deleted))

    @property
    def name(self) -> SegmentName:
        """The segment's name."""
        return SegmentName.of(Path(self.segment))


class LogCopy:
    """The copy of one log.

    Parameters
    ----------
    logs : Path
        `LOGS_DIR`; it is only read.
    copies : Path
        `LOG_COPY_DIR`; a folder in it is named for the log.
    """

    def __init__(self, logs: Path, copies: Path) -> None:
        self.folder = logs / FOLDER
        digest = sha256(os.fsencode(os.path.realpath(logs))).hexdigest()[:8]
        name = f"{re.sub(r'[^A-Za-z0-9_-]', '_', logs.name[:20])}-{digest}"
        self.home = copies / f"{FORMAT}-{name}"
        self._outdated = [copies / f"{number}-{name}" for number in range(1, FORMAT)]

    @contextmanager
    def files(self) -> Iterator[LogFiles]:
        """Bring the copy up to date, and lend its files and those of the open segments.

        Raises
        ------
        LabloopError
            The copy cannot be written.
        """
        for look in range(1, LOOKS + 1):
            with ExitStack() as held:
                present = self._present()
                files, missing = held.enter_context(self._files(present))
                if missing and present != self._present() and look < LOOKS:
                    continue  # retention deletes just now: its note may be in what came since
                yield files
                return

    @contextmanager
    def _files(self, present: set[SegmentName]) -> Iterator[tuple[LogFiles, list[str]]]:
        self._check()
        with ExitStack() as held:
            # Names that DuckDB takes for nothing but names, whatever the folders are called.
            root = Path(held.enter_context(TemporaryDirectory(prefix="labloop-"))).resolve()
            now, home, log = root / "open", root / "copy", root / "log"
            now.mkdir()
            home.symlink_to(self.home.absolute())
            log.symlink_to(self.folder.absolute())
            database = held.enter_context(connect(root, self.home, self.folder))
            unread: dict[Path, str] = {}  # what is no segment, and why
            opened = [*self._open_segments(unread)]  # before the sealed ones: none is missed
            copied = _listed(home)  # as well: none is taken for one whose segment is gone
            opened, sealed = one_each(opened, sealed_segments(self.folder), unread)
            names = {key(stem(file)) for file in sealed}
            for file, content in opened:
                SegmentCopy(database, file, log / file.name, content, now, now).write()
            try:
                self._refresh(database, copied, sealed, home, log, unread)
            except (OSError, duckdb.IOException) as error:
                raise LabloopError(
                    f"The copy of the log at {self.home} cannot be written ({error}). "
                    "Make room there, or set LOG_COPY_DIR to another folder."
                ) from error
            listed = _listed(home)
            found = [*now.iterdir(), *(file for file in listed if stem(file) in names)]
            parts = [Part.of(file) for file in _whole(found) if file.suffix == PARQUET]
            done = [Done.of(file) for file in found if file.suffix == DONE]
            deleted = max((each.deleted for each in done), default=0)
            gone = self._gone(listed, {*(each.segment for each in done)}, deleted)
            present = {*present, *(each.name for each in done)}
            missing = missing_segments(present, gone, deleted, self.home)
            spans = [(each.name, each.last) for each in done]
            damage = [*sorted(unread.values()), *_damage(found), *missing]
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
        """Refuse a log that may not be read; none at all is an empty one."""
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
        """List the segments that are there, those of which only a torn end is left as well."""
        files = all_segments(self.folder)
        return {SegmentName.of(file) for file in [*files, *self.folder.glob(f"*{TORN}")]}

    def _gone(self, listed: list[Path], there: set[str], deleted: int) -> list[SegmentName]:
        """List the segments that were copied and are gone; what retention deleted is forgotten."""
        gone = []
        for file in listed:
            if file.suffix == DONE and (done := Done.of(file)).segment not in there:
                if done.name.number > deleted:
                    gone.append(done.name)
                else:
                    file.unlink(missing_ok=True)
        return gone

    def _open_segments(self, unread: dict[Path, str]) -> Iterator[tuple[Path, bytes]]:
        """Read what open segments hold now; the API goes on writing to them."""
        for file in open_segments(self.folder):
            if (content := content_of(file, unread)) is not None:
                yield file, content

    def _torn(self, opened: list[tuple[Path, bytes]]) -> int:
        """Count the lines that a crash cut off: those set aside, and those of writers just dead."""
        torn = {stem(file) for file in self.folder.glob(f"*{TORN}")}
        for file, content in opened:
            if not content.endswith(b"\n"):
                with suppress(FileNotFoundError):
                    if content and not is_locked(file):
                        torn.add(stem(file))
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
        """Copy the segments that are new, and drop the copies of those that are gone."""
        names = {key(stem(file)) for file in sealed}
        for file in copied:
            if stem(file) not in names and file.suffix != DONE:
                file.unlink(missing_ok=True)
        whole = {stem(file) for file in _whole(copied)}
        new = [file for file in sealed if key(stem(file)) not in whole]
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
        """Return a hidden folder to write to; what killed ones left is cleared away."""
        with ExitStack() as held:
            with locked(self.home):
                for leftover in self.home.glob(".staging-*"):
                    with suppress(FileNotFoundError):  # its builder has just finished
                        if not is_locked(leftover):
                            rmtree(leftover, ignore_errors=True)
                staging = held.enter_context(TemporaryDirectory(prefix=".staging-", dir=home))
                held.enter_context(locked(Path(staging)))
            yield Path(staging)


def _listed(home: Path) -> list[Path]:
    if not home.is_dir():
        return []
    return [file for file in home.iterdir() if not file.name.startswith(".")]


def _whole(files: list[Path]) -> list[Path]:
    """Leave out the copies that are not complete."""
    parts = Counter(stem(file) for file in files if file.suffix == PARQUET)
    done = {stem(file): Done.of(file).parts for file in files if file.suffix == DONE}
    return [file for file in files if done.get(stem(file)) == parts[stem(file)]]


def _damage(files: list[Path]) -> Iterator[str]:
    """Say what is wrong within segments."""
    for file in sorted(files, key=lambda each: each.name):
        if file.suffix == DAMAGE:
            yield from json.loads(file.read_text())
