"""Segments: the files of the prediction log, and their names.

::

    predictions/000042-9f31c2aa-000081234.open.jsonl        being written
    predictions/000041-9f31c2aa-000000000.4e5b2e3f.jsonl    sealed: it never changes again
    predictions/000040-17be0c55-000000000.torn              the end that a crash cut off
    predictions/000039-17be0c55-000000000.shipped           empty: the last one that was archived

A segment's name holds its number, which is higher than that of any segment opened before,
whatever the clock says; its writer; how many lines that writer had written before; and, once it
is sealed, the CRC-32 of its content.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from zlib import crc32

FOLDER = "predictions"  # under LOGS_DIR
OPEN, SEALED, TORN, SHIPPED = ".open.jsonl", ".jsonl", ".torn", ".shipped"
NAME = re.compile("([0-9]{1,18})-([0-9a-f]+)-([0-9]{1,18})")
HIGHEST = 10**18 - 1  # number of a segment
MOST_BYTES = 1_000_000_000  # of a segment: LOG_SEGMENT_BYTES is at most half; a request follows


@dataclass(frozen=True, order=True)
class SegmentName:
    """A segment's name without its suffix. Names sort in the order in which segments were opened.

    Examples
    --------
    >>> str(SegmentName(42, "9f31c2aa", 1))
    '000042-9f31c2aa-000000001'
    >>> SegmentName.of(Path("000042-9f31c2aa-000000001.open.jsonl")).number
    42
    """

    number: int
    writer: str
    before: int
    is_sealed: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, file: Path) -> Self:
        """Read the name of a segment's file; a file with another name gets the number 0."""
        match = NAME.fullmatch(stem(file))
        if match is None:
            return cls(0, stem(file), 0)
        return cls(int(match[1]), match[2], int(match[3]), not file.name.endswith(OPEN))

    def __str__(self) -> str:
        return f"{self.number:06}-{self.writer}-{self.before:09}"


def stem(file: Path) -> str:
    """Return the name of the segment that a file belongs to."""
    return file.name.split(".")[0]


def all_segments(folder: Path) -> list[Path]:
    """List open segments, then sealed ones, so that one that is sealed now is not missed."""
    return [*open_segments(folder), *sealed_segments(folder)]


def open_segments(folder: Path) -> list[Path]:
    """List the segments that are being written, or whose writer died, oldest first."""
    return sorted(folder.glob(f"*{OPEN}"), key=SegmentName.of)


def sealed_segments(folder: Path) -> list[Path]:
    """List the segments that never change again, oldest first."""
    found = (file for file in folder.glob(f"*{SEALED}") if not file.name.endswith(OPEN))
    return sorted(found, key=SegmentName.of)


def torn_ends(folder: Path) -> list[Path]:
    """List what crashes cut off, oldest first."""
    return sorted(folder.glob(f"*{TORN}"), key=SegmentName.of)


def sealed_name(file: Path, checksum: int) -> Path:
    """Return the name that an open segment gets when it is sealed."""
    return file.with_name(f"{stem(file)}.{checksum:08x}{SEALED}")


def is_as_sealed(file: Path, content: bytes) -> bool:
    """Whether a sealed segment still holds what it held when it was sealed."""
    return file.name.split(".")[1] == f"{crc32(content):08x}"
