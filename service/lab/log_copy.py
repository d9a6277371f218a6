"""Log copy: the prediction log in columns, so that each segment is read from JSON once.

::

    <segment>.<model>.<version>.<part>.<from>-<to>.parquet    its predictions; microseconds, UTC
    <segment>.feedback.0.0.<from>-<to>.parquet                what it was told
    <segment>.damage                                          what is wrong with it, if anything
    <segment>.<last>.<parts>.done                             the copy is whole: its last line's
                                                              number, how many Parquet files

All of it can be deleted at any time: it is made again from the log.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from urllib.parse import quote

import orjson
from tqdm.auto import tqdm

from service.contract.errors import LabloopError
from service.contract.files import is_locked, locked, sync_path
from service.contract.segments import (
    FOLDER,
    TORN,
    SegmentName,
    open_segments,
    sealed_segments,
    stem,
)
from service.lab.log_columns import (
    REQUEST,
    UNLIKE,
    Database,
    alike,
    connect,
    write_feedback,
    write_requests,
)
from service.lab.segment_lines import SegmentLines

PARQUET, DAMAGE, DONE = ".parquet", ".damage", ".done"
SHOWN = 8  # new segments that take long enough for a progress bar
FORMAT = 1  # rises when a copy that was made before cannot be used any more
FEEDBACK = "feedback.0"  # versions of a model that has this name begin with 1
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
        first, last = span.split("-")
        return cls(file, model, int(version), int(first), int(last))


@dataclass(frozen=True)
class LogFiles:
    """The whole log at one moment, as Parquet files, with a database to read them.

    `damage` says what is wrong with the log; `torn` counts lines that crashes cut off.
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
        `LOG_COPY_DIR`; a folder in it is named for the log.
    """

    def __init__(self, logs: Path, copies: Path) -> None:
        self.folder = logs / FOLDER
        self.home = copies / f"{FORMAT}-{quote(str(logs.resolve()), safe='')}"

    @contextmanager
    def files(self) -> Iterator[LogFiles]:
        """Bring the copy up to date, and lend its files and those of the open segments.

        Raises
        ------
        LabloopError
            The copy cannot be written.
        """
        with TemporaryDirectory() as folder, connect() as database:
            now = Path(folder)
            opened = [*self._open_segments()]  # before the sealed ones: none is missed
            copied = self._listed()  # as well: none is taken for one whose segment is gone
            sealed = sealed_segments(self.folder)
            names = {stem(file) for file in sealed}
            opened = [(file, content) for file, content in opened if stem(file) not in names]
            for file, content in opened:
                _copy(database, file, content, now, now)
            try:
                self._refresh(database, copied, sealed)
            except OSError as error:
                raise LabloopError(
                    f"The copy of the log at {self.home} cannot be written ({error.strerror}). "
                    "Make room there, or set LOG_COPY_DIR to another folder."
                ) from error
            found = [*now.iterdir(), *self._listed()]
            parts = [Part.of(file) for file in _whole(found) if file.suffix == PARQUET]
            yield LogFiles(
                database=database,
                predictions=[part for part in parts if part.version],
                feedback=[part for part in parts if not part.version],
                damage=[*_damage(found)],
                torn=self._torn(opened),
            )

    def _open_segments(self) -> Iterator[tuple[Path, bytes]]:
        """Read what open segments hold now; the API goes on writing to them."""
        for file in open_segments(self.folder):
            with suppress(FileNotFoundError):  # it was sealed just now
                yield file, file.read_bytes()

    def _torn(self, opened: list[tuple[Path, bytes]]) -> int:
        """Count the lines that a crash cut off: those set aside, and those of writers just dead."""
        torn = {stem(file) for file in self.folder.glob(f"*{TORN}")}
        for file, content in opened:
            if not content.endswith(b"\n"):
                with suppress(FileNotFoundError):
                    if content and not is_locked(file):
                        torn.add(stem(file))
        return len(torn)

    def _listed(self) -> list[Path]:
        if not self.home.is_dir():
            return []
        return [file for file in self.home.iterdir() if not file.name.startswith(".")]

    def _refresh(self, database: Database, copied: list[Path], sealed: list[Path]) -> None:
        """Copy the segments that are new, and drop the copies of those that are gone."""
        names = {stem(file) for file in sealed}
        for file in copied:
            if stem(file) not in names:
                file.unlink(missing_ok=True)
        whole = {stem(file) for file in _whole(copied)}
        new = [file for file in sealed if stem(file) not in whole]
        if not new:
            return
        self.home.mkdir(parents=True, exist_ok=True)
        with self._staging() as staging, ThreadPoolExecutor(WORKERS) as pool:

            def copy(file: Path) -> None:
                try:
                    content = file.read_bytes()
                except FileNotFoundError:  # deleted just now, to keep the log in its bounds
                    return
                _copy(database.cursor(), file, content, staging, self.home)

            progress = pool.map(copy, new)
            for _ in tqdm(progress, "log", len(new), unit="segment", disable=len(new) < SHOWN):
                pass

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """Give a hidden folder to write to; what killed ones left is cleared away."""
        with ExitStack() as held:
            with locked(self.home):
                for leftover in self.home.glob(".staging-*"):
                    if not is_locked(leftover):
                        rmtree(leftover)
                staging = held.enter_context(TemporaryDirectory(prefix=".staging-", dir=self.home))
                held.enter_context(locked(Path(staging)))
            yield Path(staging)


def _copy(database: Database, file: Path, content: bytes, staging: Path, home: Path) -> None:
    """Write a segment's files under hidden names, then show them, the mark that it is done last."""
    segment, writer = stem(file), SegmentName.of(file).writer
    lines = SegmentLines.of(file, content)
    parts: list[tuple[Path, str]] = []

    def write(found: Iterable[bytes], source: Path | None = None, wide: bool = False) -> None:
        first = orjson.loads(next(line for line in found if line.startswith(REQUEST)))
        name = f"{first['model']}.{first['version']}.{len(parts)}"
        staged = staging / f"{segment}.{name}"
        write_requests(database, found, writer, staged, source, lines.marked, wide)
        parts.append((staged, name))

    for found in lines.requests:
        try:
            write(found, lines.source)
        except UNLIKE:
            for each in alike(found):
                write(each, wide=True)
    if lines.feedback:
        staged = staging / f"{segment}.{FEEDBACK}"
        write_feedback(database, lines.feedback, staged)
        parts.append((staged, f"{FEEDBACK}.0"))
    for staged, name in parts:
        sync_path(staged)
        staged.rename(home / f"{segment}.{name}.{_span(database, staged)}{PARQUET}")
    marks = {f"{segment}.{lines.last}.{len(parts)}{DONE}": ""}
    if lines.damage:
        marks = {f"{segment}{DAMAGE}": "\n".join(lines.damage)} | marks
    for name, text in marks.items():
        (staging / name).write_text(text)
        (staging / name).rename(home / name)


def _span(database: Database, file: Path) -> str:
    """Say from when to when the rows of a Parquet file are, in microseconds since 1970."""
    query = "SELECT epoch_us(min(time)), epoch_us(max(time)) FROM read_parquet(?)"
    ((first, last),) = database.execute(query, [str(file)]).fetchall()
    return f"{first}-{last}"


def _whole(files: list[Path]) -> list[Path]:
    """Leave out the copies that are not complete."""
    parts = Counter(stem(file) for file in files if file.suffix == PARQUET)
    done = {stem(file): int(file.name.split(".")[2]) for file in files if file.suffix == DONE}
    return [file for file in files if done.get(stem(file)) == parts[stem(file)]]


def _damage(files: list[Path]) -> Iterator[str]:
    """Say what is wrong within segments, and which lines are missing between them."""
    for file in files:
        if file.suffix == DAMAGE:
            yield from file.read_text().splitlines()
    done = sorted((SegmentName.of(f), int(f.name.split(".")[1])) for f in files if f.suffix == DONE)
    for (earlier, last), (later, _) in pairwise(sorted(done, key=lambda each: each[0].writer)):
        if earlier.writer == later.writer and earlier.number and last < later.before:
            missing = later.before - last
            yield f"{missing} lines between segments {earlier} and {later} are missing."
