"""Log sample: lines that show what all lines of one publication look like."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Self

from service.contract.log.kinds import TimeKind
from service.contract.log.line import Heading, RequestLine

TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
SECONDS = "DECIMAL(19,6)"  # of a length of time: Parquet's own type has milliseconds only
TIMES: dict[TimeKind, str] = {
    "datetime": "TIMESTAMP",
    "datetime_utc": "TIMESTAMP WITH TIME ZONE",
    "timedelta": SECONDS,
}
DIGITS = b"0123456789abcdef+-"  # of numbers, times, ids and checksums
ESCAPES = re.compile(rb"\\.")


def one_of_each_form(lines: bytes) -> list[bytes]:
    r"""Choose lines so that each other line differs from one of them only in digits and a to f.

    Two valid lines of one form have the same quotes, brackets, commas, points and words in the
    same order. So the chosen lines show which kinds of values there are, in which fields, and in
    lists of which length. Names of features may differ in a to f.

    Parameters
    ----------
    lines : bytes
        Whole lines, with their ends.

    Examples
    --------
    >>> one_of_each_form(b'{"n":[1.5]}\n{"n":[27.25]}\n{"n":["1.5"]}\n{"n":[1.5,2.5]}\n')
    [b'{"n":[1.5]}', b'{"n":["1.5"]}', b'{"n":[1.5,2.5]}']
    """
    plain = ESCAPES.sub(b"", lines) if b"\\" in lines else lines
    forms = plain.translate(None, DIGITS).split(b"\n")[:-1]
    first = dict(zip(reversed(forms), range(len(forms) - 1, -1, -1), strict=True))
    wanted, chosen = {*first.values()}, []
    for place, line in enumerate(BytesIO(lines)):
        if place in wanted:
            chosen.append(line[:-1])
            if len(chosen) == len(wanted):
                break
    return chosen


@dataclass(frozen=True)
class Sample:
    """One line of a publication, and the column types that hold the values of all its lines.

    `features`, `predictions` and `probabilities` are types of DuckDB. `keys` holds the features'
    names in the lines. `marked` says whether a request may have marks, and `folded` whether
    `rows` holds the features.
    """

    record: RequestLine
    features: dict[str, str]
    predictions: str
    probabilities: str | None
    keys: dict[str, str]
    marked: bool
    folded: bool

    @classmethod
    def of(cls, records: Iterable[RequestLine], keys: dict[str, str] | None = None) -> Self:
        """Read the types from checked lines that show all kinds of values.

        Raises
        ------
        ValueError
            The lines differ in publication, features, targets or classes; or two features differ
            only in capitals, which SQL ignores: then the lines need other `keys`.
        """
        features: dict[str, set[str]] = {}
        outputs: set[str] = set()
        layouts, marked = [], False
        for record in records:
            for name, values in record["inputs"].items():
                features.setdefault(name, set()).update(_types(values))
            outputs.update(_types(_flat([record["classes"], record["predictions"]])))
            layouts.append(layout(record))
            marked = marked or bool(record["marks"])
        if any(each != layouts[0] for each in layouts):
            raise ValueError("lines differ in publication, features, targets or classes")
        types = {name: _joined(each) for name, each in features.items()}
        for kind, names in record.get("kinds", {}).items():
            types |= dict.fromkeys(names, TIMES[kind])
        if keys is None:
            keys = {name: name for name in types}
            if len({name.casefold() for name in types}) < len(types):
                raise ValueError("names of features differ in capitals alone")
        several = record["targets"] is not None
        predictions = _joined(outputs) + ("[][]" if several else "[]")
        lists = 3 if several and record["classes"] is not None else 2
        probabilities = None if record["probabilities"] is None else "DOUBLE" + "[]" * lists
        return cls(record, types, predictions, probabilities, keys, marked, "rows" in record)


def layout(record: RequestLine) -> list[Any]:
    """Return what lines must share to become rows of one table: publication and columns."""
    publication = [record.get(name) for name in Heading.__annotations__]
    has_probabilities = record["probabilities"] is not None
    columns = [[*record["inputs"]], record["targets"], repr(record["classes"]), has_probabilities]
    return [publication, columns, "scores" in record]


def _types(values: Iterable[Any]) -> set[str]:
    """Return the types that values need in SQL; None needs none."""
    kinds = {type(value) for value in values} & TYPES.keys()
    types = {TYPES[kind] for kind in kinds}
    if int in kinds:
        numbers = [value for value in values if type(value) is int]
        types |= {"UBIGINT"} if max(numbers) >= 2**63 else set()
        types |= {"SIGNED"} if min(numbers) < 0 else set()
    return types


def _joined(types: set[str]) -> str:
    """Return the type that holds all of them.

    Examples
    --------
    >>> _joined({"BIGINT", "SIGNED"}), _joined({"BIGINT", "UBIGINT"}), _joined({"BIGINT", "DOUBLE"})
    ('BIGINT', 'UBIGINT', 'DOUBLE')
    >>> _joined({"BIGINT", "VARCHAR"}), _joined(set())
    ('VARCHAR', 'BOOLEAN')
    """
    if types <= {"BOOLEAN"}:
        return "BOOLEAN"  # also for a column without a value; it joins with any other type
    if types <= {"BIGINT", "SIGNED"}:
        return "BIGINT"
    if types <= {"BIGINT", "UBIGINT"}:
        return "UBIGINT"
    if types <= {"BIGINT", "UBIGINT", "SIGNED", "DOUBLE"}:
        return "DOUBLE"
    return "VARCHAR"


def _flat(values: Any) -> list[Any]:
    """Return all values of nested lists in one list."""
    return [v for each in values for v in (_flat(each) if isinstance(each, list) else [each])]
