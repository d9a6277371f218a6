"""pandas parts: a column, a table, an index or a type of pandas, as plain values for a model file.

Transformers of other libraries keep what they learned in them.
"""

from typing import Any

import numpy as np
import pandas as pd

KINDS = (pd.DataFrame, pd.Series, pd.Index, pd.api.extensions.ExtensionDtype)
REFUSED = (pd.MultiIndex, pd.CategoricalDtype, pd.IntervalDtype, pd.SparseDtype)


class PandasParts:
    """Stands in a model file for an object of pandas.

    Parameters
    ----------
    kind : str
    values : ndarray or list
        Of a table, the values of each column.
    dtype : str or list of str
    names : list
        Of the object itself, or of a table's columns.
    index : ndarray, or None
    index_dtype, index_name
        Of the index.
    """

    def __init__(
        self,
        kind: str,
        values: Any,
        dtype: Any,
        names: Any = None,
        index: Any = None,
        index_dtype: Any = None,
        index_name: Any = None,
    ) -> None:
        self.kind = kind
        self.values = values
        self.dtype = dtype
        self.names = names
        self.index = index
        self.index_dtype = index_dtype
        self.index_name = index_name


def is_whole(value: Any) -> bool:
    """Whether an object of pandas can be taken apart; those of several levels cannot."""
    indexes = [value.index] if isinstance(value, pd.Series | pd.DataFrame) else [value]
    indexes += [value.columns] if isinstance(value, pd.DataFrame) else []
    return isinstance(value, KINDS) and not any(isinstance(each, REFUSED) for each in indexes)


def take_apart(value: Any) -> PandasParts:
    """Return the parts of an object of pandas.

    Examples
    --------
    >>> parts = take_apart(pd.Series([0.5, 2.0], index=["a", "b"], name="x"))
    >>> put_together(parts)
    a    0.5
    b    2.0
    Name: x, dtype: float64
    """
    if isinstance(value, pd.api.extensions.ExtensionDtype):
        return PandasParts("dtype", None, str(value))
    if isinstance(value, pd.Index):
        return PandasParts("index", _plain(value), str(value.dtype), value.name)
    index = value.index
    of_index = (_plain(index), str(index.dtype), index.name)
    if isinstance(value, pd.Series):
        return PandasParts("series", _plain(value), str(value.dtype), value.name, *of_index)
    columns = [value.iloc[:, number] for number in range(value.shape[1])]
    return PandasParts(
        "frame",
        [_plain(each) for each in columns],
        [str(each.dtype) for each in columns],
        take_apart(value.columns),
        *of_index,
    )


def put_together(parts: PandasParts) -> Any:
    """Return the object of pandas that was taken apart."""
    if parts.kind == "dtype":
        return pd.api.types.pandas_dtype(parts.dtype)
    if parts.kind == "index":
        return pd.Index(parts.values, dtype=parts.dtype, name=parts.names)
    index = pd.Index(parts.index, dtype=parts.index_dtype, name=parts.index_name)
    if parts.kind == "series":
        return pd.Series(parts.values, index=index, dtype=parts.dtype, name=parts.names)
    columns = [
        pd.Series(values, index=index, dtype=dtype)
        for values, dtype in zip(parts.values, parts.dtype, strict=True)
    ]
    table = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=index)
    table.columns = put_together(parts.names)
    return table


def _plain(value: Any) -> np.ndarray:
    """Return values as an array that a model file can hold: of numbers, or of single objects."""
    array: np.ndarray = value.to_numpy()
    return array if array.dtype.kind in "biuf" else value.to_numpy(dtype=object)
