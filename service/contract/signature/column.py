"""Column: a column of a training table, described as a feature."""

from collections.abc import Callable
from math import isfinite
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from service.contract.errors import SignatureError
from service.contract.signature.kinds.kind import Value

FEW = 20  # values, which may be categories though none is there twice
MOST_CATEGORIES = 10_000
LONGEST_CATEGORY = 100
REMEDIES = {
    "date": "Convert it by pd.to_datetime.",
    "datetime": "Convert it by pd.to_datetime.",
    "Decimal": "Convert it by .astype(float).",
    "Period": "Convert it by .dt.to_timestamp().",
    "Timestamp": "Convert it by pd.to_datetime; for X.to_numpy(), pass the DataFrame itself.",
    "Timedelta": "Convert it by pd.to_timedelta; for X.to_numpy(), pass the DataFrame itself.",
    "Interval": "Convert it by .astype(str).",
    "list": "Give each part a column of its own.",
    "dict": "Give each part a column of its own, by pd.json_normalize.",
    "ndarray": "Give each part a column of its own.",
}


class Described(TypedDict, total=False):
    """What a training column tells; see `Feature`."""

    kind: str
    dtype: str
    nullable: bool
    missing_is_none: bool
    categories: list[Value]
    minimum: Any
    maximum: Any


def describe(name: str, column: pd.Series, kind: str | None = None) -> Described:
    """Find out a training column's kind, and what is known of its values.

    A column of text is a category while its values repeat: if it has at most 20 different ones,
    or at most 10,000 and half as many as rows; and if none is longer than 100 characters. Where no
    value is there twice, and one has three words or more, it is free text all the same. A column
    of pandas' dtype category is always one. Any other text is free text.

    Parameters
    ----------
    name : str
    column : Series of shape (n_rows,)
        Not backed by Arrow, and not sparse; see `service.contract.table`.
    kind : str, optional
        "text" or "category": what a column of text is, whatever its values are.

    Raises
    ------
    SignatureError
        No kind has such values, or the column is no text though `kind` says what text is.

    Examples
    --------
    >>> describe("size", pd.Series(["S", "M", None]))["categories"]
    ['M', 'S']
    >>> describe("size", pd.Series(["S", "M"]), "text")["kind"]
    'text'
    """
    present = column.dropna()
    dtype = column.dtype
    described = Described(
        dtype="category" if isinstance(dtype, pd.CategoricalDtype) else str(dtype),
        nullable=len(present) < len(column),
    )
    if pd.api.types.is_object_dtype(dtype):
        missing = {type(value) for value in column[column.isna()]}
        described["missing_is_none"] = missing == {type(None)}
    found = _kind(name, dtype, present)
    if kind is not None and kind != found:
        if kind not in ("text", "category") or found not in ("text", "category"):
            raise SignatureError(
                f"`kinds` says that feature {name!r} is {kind!r}, but its values are of the kind "
                f"{found!r}. Only a column of text can be called 'text' or 'category'."
            )
        found = kind
    described["kind"] = found
    return described | _known(name, found, present)


def _known(name: str, kind: str, present: pd.Series) -> Described:
    """Return the categories or the range of a column, without what is missing."""
    if kind == "category":
        return {"categories": _categories(present)}
    if kind in ("boolean", "text") or not len(present):
        return {}
    low, high = present.min(), present.max()
    if kind == "datetime":
        _check_microseconds(name, present)
        write: Callable[[Any], Any] = _moment
    elif kind == "timedelta":
        write = _length
    else:
        low, high = (each.item() if isinstance(each, np.generic) else each for each in (low, high))
        if not isfinite(low) or not isfinite(high):
            raise SignatureError(
                f"Feature {name!r} holds an infinite value. Replace it by a missing one first."
            )
        write = plain
    return {"minimum": write(low), "maximum": write(high)}


def _categories(present: pd.Series) -> list[Value]:
    values = [plain(value) for value in present.unique().tolist()]
    if isinstance(present.dtype, pd.CategoricalDtype):
        known = set(values)
        return [each for each in map(plain, present.cat.categories.tolist()) if each in known]
    return sorted(values, key=lambda value: (str(type(value)), value))


def plain(value: Any) -> Any:
    """Turn one of NumPy's values into Python's.

    Examples
    --------
    >>> plain(np.int64(3)), plain("a")
    (3, 'a')
    """
    return value.item() if isinstance(value, np.generic) else value


def _moment(value: Any) -> str:
    moment = pd.Timestamp(value)
    return (moment if moment.tz is None else moment.tz_convert("UTC")).isoformat()  # type: ignore[no-any-return]


def _length(value: Any) -> str:
    return pd.Timedelta(value).isoformat()  # type: ignore[no-any-return]


def _check_microseconds(name: str, present: pd.Series) -> None:
    if present.dt.nanosecond.any():
        raise SignatureError(
            f"Feature {name!r} has moments finer than a microsecond. "
            "Round it first: X[…].dt.round('us')."
        )


def _kind(name: str, dtype: Any, present: pd.Series) -> str:
    """Find out a column's kind by its dtype, or by the types of its values."""
    types = pd.api.types
    if types.is_bool_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype):
        return "boolean"
    if types.is_integer_dtype(dtype):
        return "integer"
    if types.is_float_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype):
        return "datetime"
    if types.is_timedelta64_dtype(dtype):
        return "timedelta"
    found = {type(plain(value)) for value in present}
    if not found:
        raise SignatureError(f"Feature {name!r} has no value at all. Drop the column first.")
    if (
        isinstance(dtype, pd.CategoricalDtype)
        and len(found) == 1
        and found <= {str, int, float, bool}
    ):
        return "category"
    elif found == {bool}:
        return "boolean"
    elif found <= {int, float}:
        return "integer" if found == {int} else "number"
    elif all(issubclass(each, str) for each in found):
        return "category" if _repeats(present) else "text"
    names = sorted(each.__name__ for each in found)
    remedies = [REMEDIES[each] for each in names if each in REMEDIES]
    raise SignatureError(
        f"Feature {name!r} (dtype {dtype}) holds {', '.join(names)}; a feature must be "
        f"all numbers, all true or false, all text, all dates or all lengths of time. "
        f"{remedies[0] if remedies else 'Convert the column first.'}"
    )


def _repeats(present: pd.Series) -> bool:
    """Whether the values of a column of text are categories; see `describe`."""
    different = present.unique()
    few = len(different) <= max(FEW, min(MOST_CATEGORIES, len(present) // 2))
    if len(different) == len(present) and any(len(value.split()) > 2 for value in different):
        return False
    return few and all(len(value) <= LONGEST_CATEGORY for value in different)
