"""JSON columns: a table as columns of plain Python values, which JSON and the log can hold."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd


def as_columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Turn a table into JSON columns: plain Python values, None if one is missing.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_features)

    Returns
    -------
    columns : dict of str to list, each of shape (n_rows,)
        Moments and lengths of time as text; see `service.contract.signature.kinds.times`.

    Examples
    --------
    >>> as_columns(pd.DataFrame({"size": [1.0, None], "when": pd.to_datetime(["2024-02-03"] * 2)}))
    {'size': [1.0, None], 'when': ['2024-02-03T00:00:00', '2024-02-03T00:00:00']}
    """
    return {str(name): _plain(column) for name, column in table.items()}


def _plain(column: pd.Series) -> list[Any]:
    types = pd.api.types
    if types.is_datetime64_any_dtype(column.dtype):
        zone = getattr(column.dtype, "tz", None)
        moments = column if zone is None else column.dt.tz_convert("UTC")
        return [None if moment is pd.NaT else moment.isoformat() for moment in moments]
    if types.is_timedelta64_dtype(column.dtype):
        return [None if length is pd.NaT else length.isoformat() for length in column]
    if types.is_numeric_dtype(column.dtype) and not column.hasnans:
        return column.tolist()  # type: ignore[no-any-return]
    objects = column.astype(object)
    values = objects.where(objects.notna(), None).tolist()
    return values if types.is_numeric_dtype(column.dtype) else [_value(each) for each in values]


def _value(value: Any) -> Any:
    """Turn one of NumPy's, pandas' or Python's other values into one of JSON."""
    if isinstance(value, np.datetime64 | pd.Timestamp | datetime):
        return pd.Timestamp(value).isoformat()
    if isinstance(value, np.timedelta64 | timedelta):
        return pd.Timedelta(value).isoformat()
    if isinstance(value, np.str_):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    return float(value) if isinstance(value, Decimal) else value
