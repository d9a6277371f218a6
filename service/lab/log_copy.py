"""Log copy: the prediction log in columns, so that each segment is read from JSON once.

::

    <segment>.<model>.<version>.<part>.<from>_<to>.parquet    its predictions; microseconds, UTC
    <segment>.feedback.0.0.<from>_<to>.parquet                what it was told
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
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import duckdb
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
    Database,
    connect,
    write_feedback,
    write_requests,
)
from service.lab.segment_lines import SegmentLines

PARQUET, DAMAGE, DONE = ".parquet", ".damage", ".done"
SHOWN = 8  # new segments that take long enough for a progress bar
FORMAT = 1  # rises when a copy that was made before cannot be used any more
FEEDBACK = "feedback.0"  # versions of a model that has this name begin with 1
# What a line that was not written by the API, although it looks so, may lead to.
UNREADABLE = (duckdb.DataError, duckdb.ProgrammingError, LookupError, TypeError, ValueError)
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
        digest = sha256(str(logs.resolve()).encode()).hexdigest()[:8]
        self.home = copies / f"{FORMAT}-{logs.name[:20]}-{digest}"

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
            self._check()
            opened = [*self._open_segments()]  # before the sealed ones: none is missed
            copied = self._listed()  # as well: none is taken for one whose segment is gone
            sealed = sealed_segments(self.folder)
            names = {stem(file) for file in sealed}
            opened = [(file, content) for file, content in opened if stem(file) not in names]
            for file, content in opened:
                _copy(database, file, content, now, now)
            try:
                self._refresh(database, copied, sealed)
            except (OSError, duckdb.IOException) as error:
                raise LabloopError(
                    f"The copy of the log at {self.home} cannot be written ({error}). "
                    "Make room there, or set LOG_COPY_DIR to another folder."
                ) from error
            found = [*now.iterdir(), *(f for f in self._listed() if stem(f) in names)]
            parts = [Part.of(file) for file in _whole(found) if file.suffix == PARQUET]
            yield LogFiles(
                database=database,
                predictions=[part for part in parts if part.version],
                feedback=[part for part in parts if not part.version],
                damage=[*_damage(found)],
                torn=self._torn(opened),
            )

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

    def _open_segments(self) -> Iterator[tuple[Path, bytes]]:
        """Read what open segments hold now; the API goes on writing to them."""
        for file in open_segments(self.folder):
            if (content := _content(file)) is not None:
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
                content = _content(file)
                if content is None:
                    return
                try:
                    _copy(database.cursor(), file, content, staging, self.home)
                except duckdb.IOException:
                    if file.exists():
                        raise

            progress = pool.map(copy, new)
            for _ in tqdm(progress, "log", len(new), unit="segment", disable=len(new) < SHOWN):
                pass

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """Give a hidden folder to write to; what killed ones left is cleared away."""
        with ExitStack() as held:
            with locked(self.home):
                for leftover in self.home.glob(".staging-*"):
                    with suppress(FileNotFoundError):  # its builder has just finished
                        if not is_locked(leftover):
                            rmtree(leftover, ignore_errors=True)
                staging = held.enter_context(TemporaryDirectory(prefix=".staging-", dir=self.home))
                held.enter_context(locked(Path(staging)))
            yield Path(staging)


def _content(file: Path) -> bytes | None:
    """Read a segment; None where it was sealed, or deleted, just now."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LabloopError(f"{file} cannot be read ({error.strerror}).") from error


def _copy(database: Database, file: Path, content: bytes, staging: Path, home: Path) -> None:
    """Write a segment's files under hidden names, then show them, the mark that it is done last."""
    segment, writer = stem(file), SegmentName.of(file).writer
    lines = SegmentLines.of(file, content)
    parts: list[tuple[Path, str]] = []

    def write(found: Iterable[bytes], source: Path | None = None, exact: bool = False) -> None:
        first = orjson.loads(next(line for line in found if line.startswith(REQUEST)))
        name = f"{first['model']}.{first['version']}.{len(parts)}"
        staged = staging / f"{segment}.{name}"
        write_requests(database, found, writer, staged, source, lines.marked, exact)
        parts.append((staged, name))

    for found in lines.requests:
        try:
            write(found, lines.source)
        except UNREADABLE:
            try:
                write(found, exact=True)
            except UNREADABLE as error:
                count = sum(line.startswith(REQUEST) for line in found)
                reason = " ".join(str(error).split())[:200]
                lines.damage.append(f"{file}: {count} lines cannot be read: {reason}")
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
    """Say from when to when the predictions of a Parquet file are, in microseconds since 1970.

    When the clock is set back, ids go on from where they were; both count.
    """
    query = """
        SELECT epoch_us(min(least(time, given))), epoch_us(max(greatest(time, given))) FROM (
            SELECT time, uuid_extract_timestamp(prediction_id) AS given FROM read_parquet(?))"""
    ((first, last),) = database.execute(query, [str(file)]).fetchall()
    return f"{first}_{last}"


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
