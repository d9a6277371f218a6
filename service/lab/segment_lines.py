"""Segment lines: what a segment holds, each line checked, sorted by what it is about."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson

from service.contract.errors import EstimatorError
from service.contract.log_line import LogLine
from service.contract.model_store import check_name
from service.contract.segments import OPEN, SegmentName, is_as_sealed, is_whole
from service.lab.log_columns import REQUEST

FEEDBACK, NOTE = b'{"feedback"', b'{"note"'
NO_MARKS = b'"marks":{},"sequence"'
OLD_FIELDS = [*LogLine.__annotations__][:-1]  # version 0.2.0 had no checksum


@dataclass
class SegmentLines:
    """The whole lines of a segment.

    `requests` has a list of lines for each publication, so that one list has one
    layout. `damage` says in words what is wrong, with file and line.
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
        as_sealed = is_as_sealed(file, content)
        if as_sealed and (lines := cls._of_one_version(file, content)):
            return lines
        lines = cls()
        *pieces, tail = content.split(b"\n")
        by_kind: dict[bytes, list[bytes]] = defaultdict(list)
        name = SegmentName.of(file)
        last, unknown = name.before, 0
        head, same = b"\n", by_kind[b"\n"]
        for number, line in enumerate(pieces, 1):
            if is_whole(line):
                sequence = _sequence(line)
                missing = sequence - last - unknown - 1
                if sequence <= last:
                    lines.damage.append(f"{file}, line {number} is there twice; one is left out.")
                    continue
                if missing > 0:
                    lines.damage.append(f"{file}, line {number}: {missing} before it are missing.")
                last, unknown = sequence, 0
            elif not name.number and (old := _of_old_version(line)) is not None:
                line = old
            else:
                lines.damage.append(f"{file}, line {number} is damaged and left out.")
                unknown += 1
                continue
            if not line.startswith(head):  # mostly it is about what the line before was about
                head = _head(line)
                same = by_kind[head]
            same.append(line)
        del by_kind[b"\n"]
        if tail and not file.name.endswith(OPEN):
            lines.damage.append(f"{file}, line {len(pieces) + 1} is cut off and left out.")
        if name.is_sealed and not as_sealed and not lines.damage:
            lines.damage.append(f"{file} is not what was sealed: its end is missing.")
        for found in by_kind.values():
            if found[0].startswith(REQUEST):
                lines.requests.append(found)
            elif found[0].startswith(FEEDBACK):
                lines.feedback += found
        lines.last = last + unknown
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
        lines = content.count(b"\n")
        feedback: list[bytes] = []
        if requests + 1 < lines:  # there is something else as well
            feedback = [line for line in _Lines(content) if line.startswith(FEEDBACK)]
            if requests + len(feedback) + content.count(b"\n" + NOTE) + 1 < lines:
                return None
        return cls(
            requests=[_Lines(content)],
            feedback=feedback,
            last=SegmentName.of(file).before + lines,
            source=file,
            marked=content.count(NO_MARKS) < requests,
        )


@dataclass(frozen=True)
class _Lines:
    """The lines of a segment, parted only as far as somebody reads them."""

    content: bytes

    def __iter__(self) -> Iterator[bytes]:
        return (line[:-1] for line in BytesIO(self.content))


def _head(line: bytes) -> bytes:
    """Give what all requests to one publication begin with."""
    return line[: line.find(b',"time"') + 7]


def _sequence(line: bytes) -> int:
    """Read a whole line's number."""
    return int(line[line.rindex(b'"sequence":') + 11 : line.rindex(b",")])


def _of_old_version(line: bytes) -> bytes | None:
    """Read a line of version 0.2.0, which had no checksum, or of 0.1.0, one prediction a line."""
    try:
        record = orjson.loads(line)
        if "crc" in record:
            return None
        if "id" in record:
            record = _of_one_prediction(record)
        check_name(record["model"])
        datetime.fromisoformat(record["time"])
        layout = [record["classes"], record["targets"], [*record["inputs"]]]
        record["digest"] = f"{crc32(orjson.dumps(layout)):08x}"
        return orjson.dumps({name: record[name] for name in OLD_FIELDS})
    except (EstimatorError, KeyError, TypeError, ValueError, AttributeError):
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
