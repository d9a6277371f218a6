"""Lines: what a segment holds, sorted by publication."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson

from service.contract.log.line import LineError, RequestLine, decode, head_of, is_whole, sequence_of
from service.contract.log.segment import OPEN, SegmentName, is_as_sealed
from service.contract.text import printable
from service.lab.log.line_check import read_feedback, read_note, read_request
from service.lab.log.sample import one_of_each_form

REQUEST, FEEDBACK, NOTE = b'{"model"', b'{"feedback"', b'{"note"'  # what lines begin with
OLD_FIELDS = [*RequestLine.__annotations__][:-1]  # version 0.2.0 had no checksum


@dataclass(frozen=True)
class Line:
    """A line, and where it is in its segment, counted from 1."""

    number: int
    text: bytes


@dataclass(frozen=True)
class Place:
    """A place in a segment: the line's number there, and the highest number before it."""

    line: int
    last: int

    @classmethod
    def first(cls, file: Path) -> "Place":
        """Return where a segment begins."""
        return cls(1, SegmentName.of(file).before)


@dataclass
class SegmentLines:
    """The whole lines of a segment.

    `requests` holds the lines of each publication, by what they begin with; they are not checked
    yet. Feedback and notes are. `damage` has a sentence for each thing that is wrong, with file
    and line. `after` is the place after them, with the number of the writer's last line.
    `deleted` is the highest number of a segment that retention deleted, as a note in this segment
    says.
    """

    file: Path
    requests: dict[bytes, list[Line]] = field(default_factory=dict)
    feedback: list[bytes] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    after: Place = Place(1, 0)
    deleted: int = 0

    @classmethod
    def of(cls, file: Path, content: bytes, place: Place) -> "SegmentLines":
        """Check and sort lines from a place on, without what follows the last line end."""
        lines, shown = cls(file), printed(file)
        *pieces, tail = content.split(b"\n")
        by_head: dict[bytes, list[Line]] = defaultdict(list)
        others: list[Line] = []
        name = SegmentName.of(file)
        last, unknown = place.last, 0
        begin, same = b"\n", others
        for number, text in enumerate(pieces, place.line):
            if is_whole(text):
                sequence = sequence_of(text)
                missing = sequence - last - unknown - 1
                if sequence <= last:
                    lines.damage.append(f"{shown}, line {number} is there twice; one is left out.")
                    continue
                if missing > 0:
                    lines.damage.append(f"{shown}, line {number}: {missing} before it are missing.")
                last, unknown = sequence, 0
            elif not name.number and (old := _of_old_version(text)) is not None:
                text = old
            else:
                lines.leave_out(number)
                unknown += 1
                continue
            if not text.startswith(
                begin
            ):  # mostly it is of the same publication as the line before
                is_request = text.startswith(REQUEST)
                begin = head_of(text) if is_request else b"\n"
                same = by_head[begin] if is_request else others
            same.append(Line(number, text))
        if tail and not file.name.endswith(OPEN):
            lines.damage.append(
                f"{shown}, line {place.line + len(pieces)} is cut off and left out."
            )
        if name.is_sealed and not is_as_sealed(file, content) and not lines.damage:
            lines.damage.append(f"{shown} is not what was sealed: its end is missing.")
        lines.requests = dict(by_head)
        lines.after = Place(place.line + len(pieces), last + unknown)
        for line in others:
            lines._add(line)
        return lines

    def leave_out(self, number: int, reason: object = "") -> None:
        """Note that a line is damaged and not used."""
        why = f": {reason}" if reason else ""
        self.damage.append(f"{printed(self.file)}, line {number} is damaged and left out{why}.")

    def _add(self, line: Line) -> None:
        """Read a line of feedback, or a note."""
        try:
            if line.text.startswith(FEEDBACK):
                self.feedback.append(orjson.dumps(read_feedback(line.text)))
            elif line.text.startswith(NOTE):
                note = read_note(line.text)
                segment = SegmentName.of(Path(str(note["details"].get("segment"))))
                if note["note"] == "deleted" and segment.number < SegmentName.of(self.file).number:
                    self.deleted = max(self.deleted, segment.number)
            else:
                raise LineError("it is neither a request nor feedback nor a note")
        except LineError as error:
            self.leave_out(line.number, error)


@dataclass
class OneVersion:
    """A whole segment whose requests are all to one publication.

    This is the usual case. It is fast because hardly anything is done for each request here.
    `count` is the number of requests, and `samples` holds one of each form. `others` holds the
    numbers of the other lines: feedback and notes.
    """

    lines: SegmentLines
    samples: list[bytes]
    count: int
    others: list[int]

    @classmethod
    def of(cls, file: Path, content: bytes) -> "OneVersion | None":
        """Read such a segment; return None for any other."""
        start = content.find(b"\n" + REQUEST) + 1
        is_whole_segment = content.startswith(NOTE) and content.endswith(b"\n")
        if not start or not is_whole_segment or not is_as_sealed(file, content):
            return None
        begin = head_of(content[start : content.index(b"\n", start)])
        count, total = content.count(b"\n" + begin), content.count(b"\n")
        lines = SegmentLines(file)
        texts = _lines(content) if count + 1 < total else iter([content[: start - 1]])
        others = []
        for number, text in enumerate(texts, 1):
            if text.startswith(begin):
                continue
            if not is_whole(text):
                return None
            others.append(sequence_of(text))
            lines._add(Line(number, text))
            if lines.damage:
                return None
        if len({*others}) + count < total:
            return None
        lines.after = Place(total + 1, SegmentName.of(file).before + total)
        samples = [line for line in one_of_each_form(content) if line.startswith(begin)]
        return cls(lines, samples, count, others)


def printed(file: Path) -> str:
    r"""Return a file's name for a sentence, with control characters escaped.

    Examples
    --------
    >>> print(printed(Path("a\nb")))
    'a\nb'
    """
    name = str(file)
    return name if name.isprintable() else printable(repr(name))


def _lines(content: bytes) -> Iterator[bytes]:
    return (line[:-1] for line in BytesIO(content))


def _of_old_version(line: bytes) -> bytes | None:
    """Read a line of Labloop 0.2.0, without a checksum, or 0.1.0, with a single prediction."""
    try:
        record = decode(line)
        if "crc" in record:
            return None
        if "id" in record:
            record = _of_one_prediction(record)
        layout = [record["classes"], record["targets"], [*record["inputs"]]]
        record["digest"] = f"{crc32(orjson.dumps(layout)):08x}"
        line = orjson.dumps({name: record[name] for name in OLD_FIELDS if name in record})
        read_request(line)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return line


def _of_one_prediction(old: dict[str, Any]) -> dict[str, Any]:
    """Turn the values of a line of Labloop 0.1.0 into lists."""
    prediction, by_class, targets = old["prediction"], old["probabilities"], None
    classes, probabilities = (
        (None, None) if by_class is None else ([*by_class], [*by_class.values()])
    )
    if isinstance(prediction, dict):
        targets, prediction, classes = [*prediction], [*prediction.values()], None
        if probabilities and isinstance(probabilities[0], dict):
            classes = [[*each] for each in probabilities]
            probabilities = [[*each.values()] for each in probabilities]
    return old | {
        "ids": [old["id"]],
        "inputs": {name: [value] for name, value in old["inputs"].items()},
        "predictions": [prediction],
        "classes": classes,
        "probabilities": None if probabilities is None else [probabilities],
        "targets": targets,
        "marks": {mark: [0] for mark in old["marks"]},
    }
