"""A line of the prediction log: a request with its predictions, feedback, or a note.

The writer fills a `Request`, `Feedback` or `Note`, and the line gets its number and checksum when
it is written. The types of whole lines say what a reader may rely on, after it has checked a line
against them (`service.lab.log.line_check`): whoever can write to the log can write anything.
"""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, NotRequired
from zlib import crc32

import orjson
from pydantic import AfterValidator, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from service.contract.log.kinds import TimeKind
from service.contract.model.entries import NAME
from service.contract.text import show

UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})"
CRC = "[0-9a-f]{8}"
TAIL = len(',"crc":"00000000"}')
YEARS = range(1900, 9999)
PLAIN = frozenset((bool, int, float, str, type(None)))
_exact = with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))


def _real(moment: str) -> str:
    if re.fullmatch(TIME, moment) is None or datetime.fromisoformat(moment).year not in YEARS:
        raise ValueError("a time as in 2026-11-25T12:00:00.000000+00:00 is expected")
    return moment


def _plain(values: list[Any]) -> list[Any]:
    if not PLAIN.issuperset(map(type, values)):
        raise ValueError("plain values are expected")
    return values


Positive = Annotated[int, Field(gt=0, lt=2**63)]
Time = Annotated[str, AfterValidator(_real)]
Id = Annotated[str, Field(pattern=f"^{UUID7}$")]
Ids = Annotated[list[Id], Field(min_length=1)]
Values = Annotated[list[Any], AfterValidator(_plain)]
Crc = Annotated[str, Field(pattern=f"^{CRC}$")]


@_exact
class Heading(TypedDict):
    """What the lines about one publication begin with; the fields are written in this order.

    `digest` differs if a version is published again under the same number
    (`service.contract.model.checksums.digest`): lines with one digest have the same features and
    types. `kinds` names the features whose texts are times, if there are any: ``datetime``
    (without a zone), ``datetime_utc`` or ``timedelta``, each as ISO 8601 has it.
    """

    model: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    version: Positive
    digest: NotRequired[str]  # not in 0.2.0 and before
    kinds: NotRequired[dict[TimeKind, list[str]]]


@_exact
class Request(Heading):
    """A request of one row or many, with its predictions; the fields are written in this order.

    `time` is in UTC, as in RFC 3339, with microseconds. `latency_ms` is the time from the
    parsed request to the response. `inputs` has a list of values for each feature that is not
    private. `ids` and what follows are as in the response of ``POST /models/{name}/predict``;
    `scores`, if the model gives any, come last. `marks` says in which rows, counted from 0, the
    inputs were unusual: ``unseen:<feature>``, ``out_of_range:<feature>``.
    """

    time: Time
    image: str
    client: str
    latency_ms: float
    inputs: dict[str, Values]
    ids: Ids
    predictions: list[Any]
    classes: list[Any] | None
    probabilities: list[Any] | None
    scores: NotRequired[list[float]]  # not in 0.4.0 and before
    targets: list[str] | None
    marks: dict[str, list[Annotated[int, Field(ge=0)]]]


@_exact
class RequestLine(Request):
    """A request as it is in the log.

    `sequence` counts the lines of one writer, and `crc` is the CRC-32 of all that is before it.
    """

    sequence: Positive
    crc: NotRequired[Crc]  # not in 0.2.0 and before


@_exact
class Feedback(TypedDict):
    """The truth about predictions, sent later. `told` sorts by time, as prediction ids do."""

    feedback: Positive
    time: Time
    told: Id
    client: str
    about: Ids
    truth: list[Any]


@_exact
class FeedbackLine(Feedback):
    """Feedback as it is in the log."""

    sequence: Positive
    crc: Crc


@_exact
class Note(TypedDict):
    """What happened to the log itself.

    `note` is ``opened``, ``deleted``, ``recovered``, or ``disturbed``: somebody moved, deleted or
    changed a segment while it was written.
    """

    note: str
    time: NotRequired[Time]
    details: dict[str, Any]


@_exact
class NoteLine(Note):
    """A note as it is in the log."""

    sequence: Positive
    crc: Crc


class LineError(ValueError):
    """A line is not what its types say; the text says why."""


def now() -> str:
    """Return the time as it is written in a line."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def encode(fields: Request | Feedback | Note) -> bytes:
    """Write a line's fields as JSON, in their order. `finish_line` adds the end."""
    return orjson.dumps(fields, option=orjson.OPT_SERIALIZE_NUMPY)


def finish_line(line: bytes, sequence: int) -> bytes:
    r"""Add a line's number, its checksum and its end.

    Examples
    --------
    >>> finish_line(b'{"model":"iris"}', 7)
    b'{"model":"iris","sequence":7,"crc":"f38a9949"}\n'
    """
    body = b'%b,"sequence":%d' % (line[:-1], sequence)
    return b'%b,"crc":"%08x"}\n' % (body, crc32(body))


def is_whole(line: bytes) -> bool:
    r"""Whether a line, given without its line end, is what was written.

    Examples
    --------
    >>> line = finish_line(b'{"model":"iris"}', 7)[:-1]
    >>> is_whole(line), is_whole(line.replace(b"iris", b"Iris"))
    (True, False)
    """
    return line[-TAIL:] == b',"crc":"%08x"}' % crc32(line[:-TAIL])


def sequence_of(line: bytes) -> int:
    """Read a whole line's number; 0 if it has none."""
    number = line[line.rfind(b'"sequence":') + 11 : line.rfind(b",")]
    return int(number) if number.isdigit() and len(number) < 19 else 0


def head_of(line: bytes) -> bytes:
    """Return the beginning that the requests to one publication share."""
    return line[: line.find(b',"time":') + 7]


def decode(line: bytes) -> Any:
    r"""Read JSON, but refuse a key that is there twice: readers differ in which one they take.

    Raises
    ------
    LineError
        It is not JSON, or has a key twice.

    Examples
    --------
    >>> decode(b'{"model":"iris","model":"other"}')
    Traceback (most recent call last):
        ...
    service.contract.log.line.LineError: the key 'model' is there twice
    """
    try:
        found = orjson.loads(line)
        if orjson.dumps(found) != line:  # not as the API writes it, so look closely
            json.loads(line, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError) as error:
        raise LineError(f"it is not JSON: {error}") from error
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict, if no key is there twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise LineError(f"the key {show(key)} is there twice")
        found[key] = value
    return found
