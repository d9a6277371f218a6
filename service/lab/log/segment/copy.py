"""Copy: the lines of one segment as Parquet, each line checked before it is used."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import duckdb
import orjson

from service.contract.files import sync_path
from service.contract.log.kinds import microseconds
from service.contract.log.line import LineError, RequestLine
from service.contract.log.segment import SegmentName, stem
from service.contract.text import printable
from service.lab.client.client import collector_paused
from service.lab.log.columns import (
    OBJECT_BYTES,
    Database,
    Source,
    feature_columns,
    write_feedback,
    write_requests,
)
from service.lab.log.copy_files import DAMAGE, DONE, FEEDBACK, PARQUET, TIMED, key
from service.lab.log.line_check import read_request
from service.lab.log.sample import Sample, layout, one_of_each_form
from service.lab.log.segment.lines import Line, OneVersion, Place, SegmentLines
from service.lab.log.wide import folded, is_wide

# What is raised on lines that do not have the form of the sample.
MISFIT = (
    *(duckdb.DataError, duckdb.ProgrammingError, duckdb.NotSupportedError),
    *(LookupError, TypeError, ValueError),
)
# The first and last time of the predictions, in microseconds since 1970, then the number of
# requests. After the clock was set back, ids still rise; so times in ids count, too.
SPAN = """
    SELECT epoch_us(min(least(time, given))), epoch_us(max(greatest(time, given))),
        count(DISTINCT sequence)
    FROM (
        SELECT time, uuid_extract_timestamp(prediction_id) AS given, sequence
        FROM read_parquet($file) WHERE sequence BETWEEN $first AND $last
    ) ANTI JOIN (SELECT unnest($others::BIGINT[]) AS sequence) USING (sequence)"""
FEEDBACK_SPAN = """
    SELECT epoch_us(min(least(time, given))), epoch_us(max(greatest(time, given))) FROM (
        SELECT time, uuid_extract_timestamp(prediction_id) AS given FROM read_parquet($file)
    )"""


@dataclass
class SegmentCopy:
    """The copy of one segment, while it is made.

    Parameters
    ----------
    database : DuckDBPyConnection
    file : Path
        The segment, under the name that messages use.
    path : Path
        The same file, under a name that DuckDB does not take for a pattern.
    content : bytes
        What the segment holds.
    staging, home : Path
        Where the copy is written, and where it goes when it is complete.
    place : Place, optional
        Where in the segment the content begins, if not at its beginning.
    """

    database: Database
    file: Path
    path: Path
    content: bytes
    staging: Path
    home: Path
    place: Place | None = None
    parts: list[tuple[Path, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = key(stem(self.file))
        self.writer = printable(SegmentName.of(self.file).writer)

    def write(self) -> SegmentLines:
        """Write the files in `staging`, then move them to `home`, the `.done` file last."""
        lines = self._as_it_is()
        if lines is None:
            place = self.place or Place.first(self.file)
            lines = SegmentLines.of(self.file, self.content, place)
            for found in lines.requests.values():
                self._write_publication(lines, found)
        if lines.feedback:
            staged = self.staging / f"{self.name}.{FEEDBACK}"
            with self._file(lines.feedback) as source:
                write_feedback(self.database, source, staged)
            ((start, end),) = self.database.execute(FEEDBACK_SPAN, {"file": str(staged)}).fetchall()
            self._keep(staged, f"{FEEDBACK}.0", start, end)
        for staged, name in self.parts:
            sync_path(staged)
            staged.rename(self.home / name)
        marks = {f"{self.name}.{lines.after.last}.{len(self.parts)}.{lines.deleted}{DONE}": ""}
        if lines.damage:
            marks = {f"{self.name}{DAMAGE}": json.dumps(lines.damage)} | marks
        for name, text in marks.items():
            (self.staging / name).write_text(text)
            (self.staging / name).rename(self.home / name)
        return lines

    def _as_it_is(self) -> SegmentLines | None:
        """Let DuckDB read and check the whole segment; return None if it finds a fault."""
        one = OneVersion.of(self.file, self.content)
        if one is None or self.name != stem(self.file):
            return None
        try:
            sample = Sample.of(map(_read_plain, one.samples))
            first = SegmentName.of(self.file).before + 1
            source = Source(self.path)
            self._write(source, sample, one.count, first, one.lines.after.last, one.others)
        except MISFIT:
            return None
        return one.lines

    def _write_publication(self, lines: SegmentLines, found: list[Line]) -> None:
        """Write requests to one publication; name and leave out those that do not fit."""
        texts = [line.text for line in found]
        try:
            forms = one_of_each_form(b"\n".join([*texts, b""]))
            sample = Sample.of(map(_read_plain, forms))
            with self._file(texts) as source:
                self._write(source, sample, len(texts))
            return
        except MISFIT:  # so each line is checked below
            pass
        alike: dict[bytes, list[tuple[int, RequestLine]]] = defaultdict(list)
        names: dict[bytes, dict[str, str]] = {}
        with collector_paused():
            for line in found:
                try:
                    record = read_request(line.text)
                except LineError as error:
                    lines.leave_out(line.number, error)
                    continue
                form = orjson.dumps(layout(record))
                record = _in_seconds(record)
                if is_wide(record):
                    if form not in names:
                        names[form] = feature_columns(record, record["inputs"])
                    record = folded(record, names[form])
                alike[form].append((line.number, record))
        for each in alike.values():
            self._write_checked(lines, each)

    def _write_checked(self, lines: SegmentLines, found: list[tuple[int, RequestLine]]) -> None:
        """Write requests of one layout; if DuckDB does not accept all, find those that it does."""
        keys = {name: str(number) for number, name in enumerate(found[0][1]["inputs"])}
        texts = [
            orjson.dumps(record | {"inputs": {keys[n]: v for n, v in record["inputs"].items()}})
            for _, record in found
        ]
        try:
            sample = Sample.of((record for _, record in found), keys)
            with self._file(texts) as source:
                self._write(source, sample, len(texts))
        except MISFIT as error:
            if len(found) == 1:
                lines.leave_out(found[0][0], printable(" ".join(str(error).split()))[:200])
                return
            half = len(found) // 2
            self._write_checked(lines, found[:half])
            self._write_checked(lines, found[half:])

    def _write(
        self,
        source: Source,
        sample: Sample,
        count: int,
        first: int = 1,
        last: int = 2**63 - 1,
        others: Iterable[int] = (),
    ) -> None:
        """Write requests, all or none.

        Raises
        ------
        ValueError
            Some do not have the form of the sample, or have a number that is used or too high.
        """
        timed = TIMED if sample.record.get("kinds") else ""
        version = f"{sample.record['model']}.{sample.record['version']}.{len(self.parts)}{timed}"
        staged = self.staging / f"{self.name}.{version}"
        write_requests(self.database, source, sample, self.writer, staged)
        values = {"file": str(staged), "first": first, "last": last, "others": [*others]}
        ((start, end, written),) = self.database.execute(SPAN, values).fetchall()
        if written != count:
            raise ValueError(f"{count - written} of {count} lines have another form")
        self._keep(staged, version, start, end)

    def _keep(self, staged: Path, name: str, start: int, end: int) -> None:
        self.parts.append((staged, f"{self.name}.{name}.{start}_{end}{PARQUET}"))

    @contextmanager
    def _file(self, lines: list[bytes]) -> Iterator[Source]:
        """Write lines to a file of their own, and delete it afterwards."""
        file = self.staging / f"{self.name}.lines"
        file.write_bytes(b"".join(line + b"\n" for line in lines))
        try:
            yield Source(file, max(OBJECT_BYTES, 2 * max(map(len, lines))))
        finally:
            file.unlink()


def _read_plain(text: bytes) -> RequestLine:
    """Read a request that DuckDB can read, too."""
    record = read_request(text)
    if is_wide(record) or "timedelta" in record.get("kinds", {}):
        raise ValueError("DuckDB reads no wide requests, and no lengths of time")
    return record


def _in_seconds(record: RequestLine) -> RequestLine:
    """Write lengths of time as seconds, which DuckDB can read."""
    names = record.get("kinds", {}).get("timedelta", [])
    lengths = {name: [*map(_seconds, record["inputs"][name])] for name in names}
    return record | {"inputs": record["inputs"] | lengths}


def _seconds(duration: str | None) -> str | None:
    return None if duration is None else f"{Decimal(microseconds(duration)).scaleb(-6):f}"
