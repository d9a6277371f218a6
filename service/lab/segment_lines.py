"""Segment lines: what a segment holds, each line checked, sorted by what it is about."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson

from service.contract.log_line import LogLine
from service.contract.segments import OPEN, SegmentName, is_as_sealed, is_whole
from service.lab.log_columns import REQUEST

FEEDBACK, NOTE = b'{"feedback"', b'{"note"'
NO_MARKS = b'"marks":{},"sequence"'
OLD_FIELDS = [*LogLine.__annotations__][:-1]  # version 0.2.0 had no checksum


@dataclass
class SegmentLines:
    """The whole lines of a segment.

    `requests` has a list of lines for each model version, so that one list has one
    kind of answer. `damage` says in words what is wrong, with file and line.
    `last` is the number of the writer's last line. `source` is the file itself,
    where it holds requests to one version alone, besides what is not a request.
    `marked` says whether a request may have marks.
    """

    requests: list[Iterable[bytes]] = field(default_factory=list)
    feedback: list[bytes] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    last: int = 0
    source: Path | None = None
    marked: bool = True

    @classmethod
    def of(cls, file: Path, content: bytes) -> "SegmentLines":
        """Check and sort the lines of a segment; what follows the last line's end is left out."""
        if is_as_sealed(file, content) and (lines := cls._of_one_version(file, content)):
            return lines
        *pieces, tail = content.split(b"\n")
        by_kind: dict[bytes, list[bytes]] = defaultdict(list)
        damaged = []
        head, same = b"\n", by_kind[b"\n"]
        for number, line in enumerate(pieces, 1):
            if not is_whole(line):
                old = _of_old_version(line)
                if old is None:
                    damaged.append(number)
                    continue
                line = old
            if not line.startswith(head):  # mostly it is about what the line before was about
                head = _head(line)
                same = by_kind[head]
            same.append(line)
        del by_kind[b"\n"]
        lines = cls(damage=[f"{file}, line {n} is damaged and left out." for n in damaged])
        if tail and not file.name.endswith(OPEN):
            lines.damage.append(f"{file}, line {len(pieces) + 1} is cut off and left out.")
        for found in by_kind.values():
            first = orjson.loads(found[0])
            if "model" in first:
                lines.requests.append(found)
            elif "feedback" in first:
                lines.feedback += found
        name = SegmentName.of(file)
        lines.last = _sequence(pieces[-1]) if pieces else name.before
        if name.number and lines.last - name.before != len(pieces):
            lines._find_gaps(file, pieces, name.before)
        return lines

    @classmethod
    def _of_one_version(cls, file: Path, content: bytes) -> "SegmentLines | None":
        """Take a whole segment as it is, if it has requests to one version alone: the usual case.

        Nothing is done for each line, which is what makes it quick.
        """
        start = content.find(b"\n" + REQUEST) + 1
        if not start or not content.startswith(NOTE):  # each segment's first line is one
            return None
        requests = content.count(b"\n" + _head(content[start : content.index(b"\n", start)]))
        feedback = content.count(b"\n" + FEEDBACK)
        lines = content.count(b"\n")
        if requests + feedback + content.count(b"\n" + NOTE) + 1 < lines:
            return None
        return cls(
            requests=[_Lines(content)],
            feedback=[line for line in _Lines(content) if line.startswith(FEEDBACK)]
            if feedback
            else [],
            last=SegmentName.of(file).before + lines,
            source=file,
            marked=content.count(NO_MARKS) < requests,
        )

    def _find_gaps(self, file: Path, pieces: list[bytes], last: int) -> None:
        """Say where lines are missing."""
        for number, line in enumerate(pieces, 1):
            sequence = _sequence(line) or last + 1
            if sequence != last + 1:
                missing = sequence - last - 1
                self.damage.append(f"{file}, line {number}: {missing} before it are missing.")
            last = sequence
        self.last = last


@dataclass(frozen=True)
class _Lines:
    """The lines of a segment, parted only as far as somebody reads them."""

    content: bytes

    def __iter__(self) -> Iterator[bytes]:
        return (line[:-1] for line in BytesIO(self.content))


def _head(line: bytes) -> bytes:
    """Give what all requests to one version begin with."""
    return line[: line.find(b',"time"') + 7]


def _sequence(line: bytes) -> int:
    """Read a whole line's number; 0 where it is not whole."""
    if not is_whole(line):
        return 0
    digits = line[line.rindex(b'"sequence":') + 11 : line.rindex(b",")]
    return int(digits)


def _of_old_version(line: bytes) -> bytes | None:
    """Read a line of version 0.2.0, which had no checksum, or of 0.1.0, one prediction a line."""
    try:
        record = orjson.loads(line)
        if "id" in record:
            record = _of_one_prediction(record)
        return (
            None if "crc" in record else orjson.dumps({name: record[name] for name in OLD_FIELDS})
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None


def _of_one_prediction(old: dict[str, Any]) -> dict[str, Any]:
    """Give a line of version 0.1.0 lists in place of values."""
    prediction, by_class, targets = old["prediction"], old["probabilities"], None
    classes, chances = (None, None) if by_class is None else ([*by_class], [*by_class.values()])
    if isinstance(prediction, dict):
        targets, prediction, classes = [*prediction], [*prediction.values()], None
        if chances and isinstance(chances[0], dict):
            classes = [[*each] for each in chances]
            chances = [[*each.values()] for each in chances]
    return old | {
        "ids": [old["id"]],
        "inputs": {name: [value] for name, value in old["inputs"].items()},
        "predictions": [prediction],
        "classes": classes,
        "probabilities": None if chances is None else [chances],
        "targets": targets,
        "marks": {mark: [0] for mark in old["marks"]},
    }
