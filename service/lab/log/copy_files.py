"""Copy files: what the files of the log's copy are called, and which of them are complete.

::

    <segment>.<model>.<version>.<part>.<from>_<to>.parquet    predictions; microseconds, UTC;
                                                              the part ends in t if it has times
    <segment>.feedback.0.0.<from>_<to>.parquet                feedback
    <segment>.damage                                          what is wrong with the segment
    <segment>.<last>.<parts>.<deleted>.done                   the copy is complete: the number of
                                                              its last line, how many Parquet
                                                              files, and the highest segment that
                                                              it says was deleted

The last kind stays when its segment is gone and nobody knows why.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from service.contract.log.segment import NAME, SegmentName, stem

PARQUET, DAMAGE, DONE = ".parquet", ".damage", ".done"
TIMED = "t"  # after the number of a part that has times
FEEDBACK = "feedback.0"  # no model has a version 0, so a model may be called feedback


@dataclass(frozen=True)
class Part:
    """A Parquet file of the copy, and what its name says.

    That is model, version, first and last time, and whether features are times.
    """

    file: Path
    model: str
    version: int
    first: int
    last: int
    has_times: bool

    @classmethod
    def of(cls, file: Path) -> "Part":
        """Read a file's name."""
        _, model, version, number, span, _ = file.name.split(".")
        first, last = span.split("_")
        return cls(file, model, int(version), int(first), int(last), number.endswith(TIMED))


@dataclass(frozen=True)
class Done:
    """The file that marks a segment's copy as complete, and what its name says."""

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


def key(segment: str) -> str:
    """Return what the names of a segment's copy files begin with.

    It is the segment's name, if the API can have given it. Other names are replaced by a hash:
    DuckDB would take some of them for a pattern.

    Examples
    --------
    >>> key("000042-9f31c2aa-000000001")
    '000042-9f31c2aa-000000001'
    >>> key("*")
    'other-684888c0ebb17f37'
    """
    if NAME.fullmatch(segment) and len(segment) < 100:
        return segment
    return f"other-{sha256(segment.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def listed(home: Path) -> list[Path]:
    """Return the files of a copy, without those that are still being written."""
    if not home.is_dir():
        return []
    return [file for file in home.iterdir() if not file.name.startswith(".")]


def whole(files: list[Path]) -> list[Path]:
    """Return the files of segments whose copy is complete."""
    parts = Counter(stem(file) for file in files if file.suffix == PARQUET)
    done = {stem(file): Done.of(file).parts for file in files if file.suffix == DONE}
    return [file for file in files if done.get(stem(file)) == parts[stem(file)]]


def damage_in(files: list[Path]) -> Iterator[str]:
    """Read from the files what is wrong within segments."""
    for file in sorted(files, key=lambda each: each.name):
        if file.suffix == DAMAGE:
            yield from json.loads(file.read_text())
