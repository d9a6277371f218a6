"""Result: the columns of what is written, each of one type in all parts.

First the number of the row, its file, and what is predicted, then what predicted it, and last the
columns of the data set. A part in which all values of a column are missing has its type, too.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from service.contract.signature.feature import Feature
from service.contract.signature.output import Output
from service.contract.signature.signature import Columns, Signature
from service.contract.text import printable
from service.lab.client.answer_table import input_names

OWN = ("row", "file", "model", "version", "digest", "time")
TYPES: dict[type, str] = {bool: "boolean", int: "Int64", float: "float64", str: "str"}
KINDS = {
    "number": "float64",
    "boolean": "boolean",
    "text": "str",
    "timedelta": "timedelta64[us]",
}
# DuckDB's types as pandas holds them; what is not listed is written as text.
DUCKDB = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT"), "Int64"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER"), "Int64"),
    "UBIGINT": "UInt64",
    **dict.fromkeys(("FLOAT", "DOUBLE", "DECIMAL", "HUGEINT", "UHUGEINT"), "float64"),
    "BOOLEAN": "boolean",
    **dict.fromkeys(("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"), "datetime64[us]"),
    "TIMESTAMP_NS": "datetime64[us]",
    "TIMESTAMP WITH TIME ZONE": "datetime64[us, UTC]",
    "INTERVAL": "timedelta64[us]",
}
NESTED = ("[", "STRUCT", "MAP", "UNION", "BLOB")


def names_of(columns: Iterable[str], outputs: Iterable[str]) -> dict[str, str]:
    """Find a name for each column of the data set, that is no other one's in capitals or not.

    Parameters
    ----------
    columns : iterable of str
    outputs : iterable of str
        The columns of predictions.

    Examples
    --------
    >>> names_of(["size", "Version"], ["prediction"])
    {'size': 'size', 'Version': 'input.Version'}
    """
    return input_names(columns, [*OWN, *outputs])


def typed_answers(answers: pd.DataFrame, output: Output) -> pd.DataFrame:
    """Give predictions the type of the classes, or that of numbers."""
    if output.targets is None:
        columns: dict[str, Any] = {"prediction": output.classes}
    else:
        classes: Iterable[Any] = output.classes or [
            [0, 1] if output.task == "classification" else None for _ in output.targets
        ]
        names = [f"prediction_{name}" for name in output.targets]
        columns = dict(zip(names, classes, strict=True))
    dtypes = {name: type_of(labels) for name, labels in columns.items() if labels is not None}
    found = {name: typed(each, dtypes.get(name, "float64")) for name, each in answers.items()}
    return pd.DataFrame(found, index=answers.index)


def type_of(values: Iterable[Any]) -> str:
    """Return the dtype that holds categories or classes; text, if they are of several types.

    Examples
    --------
    >>> type_of([0, 1]), type_of([0, 0.5]), type_of(["a", 1])
    ('Int64', 'float64', 'str')
    """
    kinds = {*map(type, values)}
    if kinds == {int, float}:
        return "float64"
    return TYPES.get(kinds.pop(), "str") if len(kinds) == 1 else "str"


def dtype_of(feature: Feature) -> str:
    """Return the dtype in which the values of a feature are written."""
    if feature.kind == "integer":
        whole = "UInt64" if feature.dtype.lower() == "uint64" else "Int64"
        return "float64" if feature.fractional else whole
    if feature.kind == "category":
        return type_of(feature.categories or [""])
    if feature.kind == "datetime":
        return "datetime64[us, UTC]" if feature.has_zone else "datetime64[us]"
    return KINDS[feature.kind]


def dtype_of_column(column: pd.Series) -> str:
    """Return the dtype in which a column of a table is written that is no feature."""
    dtype = column.dtype
    kinds = pd.api.types
    if kinds.is_bool_dtype(dtype):
        return "boolean"
    if kinds.is_unsigned_integer_dtype(dtype):
        return "UInt64"
    if kinds.is_integer_dtype(dtype):
        return "Int64"
    if kinds.is_float_dtype(dtype):
        return "float64"
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "datetime64[us, UTC]"
    if kinds.is_datetime64_dtype(dtype):
        return "datetime64[us]"
    return "timedelta64[us]" if kinds.is_timedelta64_dtype(dtype) else "str"


def dtype_in_duckdb(kind: str) -> str | None:
    """Return the dtype in which a column of a Parquet file is written; None if it is nested.

    Examples
    --------
    >>> dtype_in_duckdb("DECIMAL(10,2)"), dtype_in_duckdb("UUID"), dtype_in_duckdb("INTEGER[]")
    ('float64', 'str', None)
    """
    if kind.endswith("]") or kind.startswith(NESTED):
        return None
    return DUCKDB.get(kind.partition("(")[0], "str")


def typed(values: Any, dtype: str) -> pd.api.extensions.ExtensionArray | np.ndarray:
    """Return values of a column in a dtype; what is missing has a place in each.

    Examples
    --------
    >>> typed([1, None], "Int64").tolist()
    [1, <NA>]
    """
    if dtype == "float64":
        return pd.array(values, dtype="Float64").to_numpy("float64", na_value=np.nan)
    if dtype == "str":
        texts = [_text(value) for value in values]
        return pd.Series(texts, dtype="str").array
    if dtype.startswith("datetime64"):
        zoned = "UTC" in dtype
        moments = pd.to_datetime(pd.Series(values), format="ISO8601", utc=zoned)
        return moments.astype(dtype).array
    if dtype.startswith("timedelta64"):
        return pd.to_timedelta(pd.Series(values)).astype(dtype).array
    return pd.array(values, dtype=dtype)


def inputs_of(
    signature: Signature,
    columns: Columns,
    others: pd.DataFrame,
    dtypes: Mapping[str, str],
) -> dict[str, Any]:
    """Return the columns of a data set as they are written, without private features.

    Parameters
    ----------
    signature : Signature
    columns : dict of str to list or ndarray, each of shape (n_rows,)
        Checked ones.
    others : DataFrame of shape (n_rows, …)
        The columns that are no features.
    dtypes : mapping of str to str
        In which these are written.
    """
    shown = {
        feature.name: typed(columns[feature.name], dtype_of(feature))
        for feature in signature.features
        if not feature.private
    }
    return shown | {name: typed(others[name], dtype) for name, dtype in dtypes.items()}


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value.isascii() else printable(value)
    is_missing = value is None or (pd.api.types.is_scalar(value) and pd.isna(value))
    return None if is_missing else str(value)
