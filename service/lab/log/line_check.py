"""Line check: whether a line of the log holds what the types of the contract say.

Whoever can write to the log can write anything, with a right checksum. So a line that fails is
never used.
"""

from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from service.contract.log.kinds import is_time
from service.contract.log.line import (
    PLAIN,
    FeedbackLine,
    Heading,
    LineError,
    NoteLine,
    RequestLine,
    decode,
    head_of,
)
from service.contract.text import show

REQUESTS = TypeAdapter[RequestLine](RequestLine)
FEEDBACK = TypeAdapter[FeedbackLine](FeedbackLine)
NOTES = TypeAdapter[NoteLine](NoteLine)


def read_request(line: bytes) -> RequestLine:
    r"""Read the line of a request.

    Raises
    ------
    LineError
        A field is missing, of another kind, out of range, or of another length than the others;
        a key is there twice; or the line does not begin with its model, version and digest.

    Examples
    --------
    >>> read_request(b'{"model":"../iris"}')
    Traceback (most recent call last):
        ...
    service.contract.log.line.LineError: 'model' is '../iris': String should match pattern ...
    """
    record: RequestLine = _read(REQUESTS, line)
    first = {name: record[name] for name in Heading.__annotations__ if name in record}  # type: ignore[literal-required]
    begins = head_of(line) == orjson.dumps(first)[:-1] + b',"time"'
    _need(begins, "it does not begin with its model, version and digest")
    _check_times(record)
    rows, inputs, targets = len(record["ids"]), record["inputs"], record["targets"]
    classes, probabilities = record["classes"], record["probabilities"]
    _need({*map(len, inputs.values())} <= {rows}, "'inputs' differ in length")
    _need(len(record["predictions"]) == rows, "'predictions' and 'ids' differ in number")
    _need(
        probabilities is None or len(probabilities) == rows,
        "'probabilities' and 'ids' differ in number",
    )
    _need(len(record.get("scores", record["ids"])) == rows, "'scores' and 'ids' differ in number")
    _need(
        all(row < rows for marked in record["marks"].values() for row in marked),
        "'marks' name a row that is not there",
    )
    one: Any
    several: Any
    if targets is None:
        _need(all(map(_is_plain, record["predictions"])), "'predictions' are no plain values")
        _need(classes is None or all(map(_is_plain, classes)), "'classes' are no plain values")
        labels, one, several = classes or [], classes, None
    else:
        _need(len(targets) > 0, "'targets' is empty")
        sized = (_is_list(row, len(targets)) for row in record["predictions"])
        _need(all(sized), "'predictions' do not have a value for each target")
        _need(
            classes is None or (len(classes) == len(targets) and all(map(_is_list, classes))),
            "'classes' do not have a list for each target",
        )
        labels = [label for each in classes or [] for label in each]
        one, several = (targets, None) if classes is None else (None, classes)
    if probabilities is not None:
        fits = all(_is_probabilities(row, one, several) for row in probabilities)
        _need(fits, "'probabilities' do not have a number for each class")
    names = [*inputs, *(targets or []), *(label for label in labels if isinstance(label, str))]
    _need("" not in inputs and "\0" not in "".join(names), "a name is empty or has a NUL in it")
    return record


def _check_times(record: RequestLine) -> None:
    """Check the features that are said to be times."""
    kinds, inputs = record.get("kinds", {}), record["inputs"]
    names = [name for each in kinds.values() for name in each]
    _need({*names} <= inputs.keys(), "'kinds' name a feature that is not there")
    _need(len({*names}) == len(names), "'kinds' name a feature twice")
    for kind, each in kinds.items():
        for name in each:
            for value in inputs[name]:
                fits = value is None or (isinstance(value, str) and is_time(value, kind))
                _need(fits, f"{show(name)} is {show(value)}, which is no {kind}")


def read_feedback(line: bytes) -> FeedbackLine:
    """Read a line of feedback; raise `LineError` as `read_request` does."""
    record: FeedbackLine = _read(FEEDBACK, line)
    items = record["feedback"]
    _need(
        len(record["about"]) == len(record["truth"]) == items,
        "'truth' and 'about' differ in number",
    )
    for truth in record["truth"]:
        values = [*truth.values()] if isinstance(truth, dict) else [truth]
        values = truth if isinstance(truth, list) and len(truth) > 1 else values
        _need(
            all(map(_is_plain, values)),
            "'truth' is neither a plain value nor a value for each target",
        )
    return record


def read_note(line: bytes) -> NoteLine:
    """Read a note; raise `LineError` as `read_request` does."""
    record: NoteLine = _read(NOTES, line)
    return record


def _read(types: TypeAdapter[Any], line: bytes) -> Any:
    try:
        return types.validate_python(decode(line))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        raise LineError(f"{show(where)} is {show(first['input'])}: {reason}") from error


def _need(fits: bool, problem: str) -> None:
    if not fits:
        raise LineError(problem)


def _is_plain(value: Any) -> bool:
    return type(value) in PLAIN


def _is_list(values: Any, length: int | None = None) -> bool:
    """Whether this is a list of plain values, of this length if one is given."""
    right = isinstance(values, list) and length in (None, len(values))
    return right and all(map(_is_plain, values))


def _is_probabilities(row: Any, one: list[Any] | None, several: list[list[Any]] | None) -> bool:
    """Whether a row has a number for each class, or such a list for each target."""
    if not isinstance(row, list):
        return False
    if several is not None:
        pairs = zip(row, several, strict=False)
        return len(row) == len(several) and all(_is_probabilities(*pair, None) for pair in pairs)
    return len(row) == len(one or []) and all(
        type(each) in (int, float, type(None)) for each in row
    )
