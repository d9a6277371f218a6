"""Wide: requests with more features than a table has columns, and back.

The time that DuckDB takes for a query rises with the square of its columns. So the features of a
wide model are one column of the copy, `INPUTS`: a JSON object for each prediction. Whoever reads
such a model's predictions gets a column for each feature as with any other.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NotRequired, cast

import numpy as np
import orjson
import pandas as pd

from service.contract.log.line import RequestLine
from service.lab.client.client import collector_paused

WIDE = 200  # features from which on they share a column
INPUTS = "inputs"
BLOCK = 256  # rows


class WideLine(RequestLine):
    """A request to a wide model: `rows` has the features of each row as JSON."""

    rows: NotRequired[list[str]]


def is_wide(record: RequestLine) -> bool:
    """Whether a request has too many features for a column each."""
    return len(record["inputs"]) > WIDE


def folded(record: RequestLine, names: dict[str, str]) -> WideLine:
    """Put the features of each row into one text; times stay apart.

    Parameters
    ----------
    record : RequestLine
    names : dict of str to str
        What the column of each feature is called.

    Examples
    --------
    >>> record = {"inputs": {"size": [1.5, 2.5], "time": [7, 8]}}
    >>> folded(record, {"size": "size", "time": "input.time"})["rows"]
    ['{"size":1.5,"input.time":7}', '{"size":2.5,"input.time":8}']
    """
    times = {name for each in record.get("kinds", {}).values() for name in each}
    folded = {names[name]: each for name, each in record["inputs"].items() if name not in times}
    rows = zip(*folded.values(), strict=True)
    texts = [orjson.dumps(dict(zip(folded, row, strict=True))).decode() for row in rows]
    apart = {name: each for name, each in record["inputs"].items() if name in times}
    return cast(WideLine, record | {"inputs": apart, "rows": texts})


def unfolded(table: pd.DataFrame) -> pd.DataFrame:
    """Give each feature of wide models a column of its own, in place of `INPUTS`.

    Examples
    --------
    >>> unfolded(pd.DataFrame({"version": [1, 2], "inputs": ['{"a":1,"b":"x"}', '{"a":2.5}']}))
       version    a    b
    0        1  1.0    x
    1        2  2.5  NaN
    """
    if INPUTS not in table:
        return table
    is_folded = table[INPUTS].notna().to_numpy()
    places, texts = np.flatnonzero(is_folded), table[INPUTS][is_folded].tolist()
    rest = table.drop(columns=INPUTS)
    parts: dict[str, list[tuple[np.ndarray, Any]]] = defaultdict(list)
    types: dict[str, set[type]] = defaultdict(set)

    def add(name: str, where: np.ndarray, values: Sequence[Any]) -> None:
        kinds = {*map(type, values)}
        types[name] |= kinds
        parts[name].append((where, np.array(values) if kinds == {float} else values))

    for start in range(0, len(texts), BLOCK):  # all rows at once would take too much memory
        where = places[start : start + BLOCK]
        with collector_paused():
            for name, values in _columns(texts[start : start + BLOCK]):
                add(name, where, values)
    for name in parts.keys() & {*rest.columns}:
        values = rest[name][~is_folded]
        plain = values.astype(object).where(values.notna(), None).tolist()
        add(name, np.flatnonzero(~is_folded), plain)
        rest = rest.drop(columns=name)
    features = {name: _joined(len(table), parts[name], types[name]) for name in parts}
    return pd.concat([rest, pd.DataFrame(features, index=table.index)], axis=1)


def _columns(texts: list[str]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Read rows of JSON; a name that a row does not have is None there."""
    rows = [orjson.loads(text) for text in texts]
    names = [*rows[0]]
    if any([*row] != names for row in rows):
        names = [*dict.fromkeys(name for row in rows for name in row)]
        rows = [{name: row.get(name) for name in names} for row in rows]
    return zip(names, zip(*(row.values() for row in rows), strict=True), strict=True)


def _joined(rows: int, parts: list[tuple[np.ndarray, Any]], types: set[type]) -> Any:
    """Make one column of values at some rows, of the type that holds all of them."""
    kinds = types - {type(None)}
    if kinds == {float} or kinds == {int, float}:
        numbers = np.full(rows, np.nan)
        for where, values in parts:
            numbers[where] = values
        return numbers
    column = np.full(rows, None, dtype=object)
    for where, values in parts:
        column[where] = values
    known = [value for value in column if value is not None]
    if kinds <= {bool}:
        return pd.array(column, dtype="boolean") if len(known) < rows else column.astype(bool)
    if kinds == {int}:
        if min(known) < 0 and max(known) >= 2**63:
            return column.astype(float)
        exact, nullable = ("uint64", "UInt64") if max(known) >= 2**63 else ("int64", "Int64")
        return pd.array(column, dtype=nullable if len(known) < rows else exact)
    texts = [v if v is None or isinstance(v, str) else _text(v) for v in column]
    return pd.Series(texts, dtype="str")


def _text(value: Any) -> str:
    """Write a value as the copy does where it becomes text."""
    return value.isoformat() if hasattr(value, "isoformat") else orjson.dumps(value).decode()
