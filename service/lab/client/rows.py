"""Rows: what a notebook passes to `Lab.predict`, in the form in which the API is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from service.contract.errors import SignatureError
from service.contract.json_columns import as_columns
from service.contract.table import Table, as_objects

SHOWN = 50
COUNTED = "rows are counted"  # an attribute of predictions: the index was made here
LISTS = (list, tuple, np.ndarray, pd.Series)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows for the API.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_features)
        Its rows are counted from 0.
    index : Index of shape (n_rows,)
        What the rows were called.
    named : bool
        Whether the columns have names; otherwise they are in the order of training.
    keys : list of list of str, shape (n_rows,), optional
        The names that each row has, if these are dicts.
    is_counted : bool
        Whether the index was made here, because the rows had none.
    """

    frame: pd.DataFrame
    index: pd.Index
    named: bool = True
    keys: list[list[str]] | None = None
    is_counted: bool = False

    @classmethod
    def of(cls, X: Any, features: Callable[[], list[str]], drop_extra: bool = False) -> Self:
        """Read rows of any form.

        Parameters
        ----------
        X : DataFrame, ndarray, Series, list or dict
            See `Lab.predict`.
        features : callable
            Returns the names of the model's features; called only where the form does not say
            enough.
        drop_extra : bool
            Whether to leave out columns that are no features.

        Raises
        ------
        SignatureError
            `X` is no table, or a Series that fits neither as a row nor as a column.

        Examples
        --------
        >>> Rows.of({"size": 1.5, "colour": "red"}, list).frame
           size colour
        0   1.5    red
        >>> Rows.of([[1.5, "red"]], list).content(0, 1)
        {'columns': [[1.5], ['red']]}
        >>> Rows.of([{"size": 1.5}, {}], list).content(0, 2)
        {'rows': [{'size': 1.5}, {}]}
        """
        known = frozenset(features()) if drop_extra else None
        if isinstance(X, Mapping):
            lists = all(isinstance(values, LISTS) for values in X.values())
            X = pd.DataFrame(X if X and lists else {name: [value] for name, value in X.items()})
        if isinstance(X, pd.Series):
            X = _of_series(X, features(), drop_extra)
        if _is_list_of_rows(X):
            X = as_objects(X)  # one array of numbers would make floats of all
        table = Table.of(X)
        frame = table.frame
        if known is not None and table.named and known & {*frame.columns}:
            frame = frame[[name for name in frame.columns if name in known]]
        keys = None
        if table.form == "dicts":
            keys = [[str(name) for name in row if str(name) in frame] for row in X]
        is_pandas = isinstance(X, pd.DataFrame)
        index = X.index if is_pandas else frame.index
        return cls(frame, index, table.named, keys, is_counted=not is_pandas)

    def content(self, start: int, stop: int) -> dict[str, Any]:
        """Return some rows as the API takes them: by name, or in the order of training."""
        columns = as_columns(self.frame.iloc[start:stop])
        if self.keys is not None:  # what a dict does not have is not what it has as null
            rows = enumerate(self.keys[start:stop])
            return {"rows": [{name: columns[name][row] for name in keys} for row, keys in rows]}
        return {"columns": columns if self.named else [*columns.values()]}


def _is_list_of_rows(X: Any) -> bool:
    is_list = isinstance(X, list | tuple) and len(X) > 0
    return is_list and not isinstance(X[0], str | Mapping | None) and hasattr(X[0], "__len__")


def _of_series(X: pd.Series, features: list[str], drop_extra: bool) -> pd.DataFrame:
    """Take a Series as a row of a table, or as the only column."""
    names, known = {*map(str, X.index)}, {*features}
    if names == known or (drop_extra and names > known):
        return pd.DataFrame({str(name): [value] for name, value in X.items()})
    if len(features) == 1:
        return X.to_frame(features[0])
    is_nameless = isinstance(X.index, pd.RangeIndex) or features == [
        f"x{place}" for place in range(len(features))
    ]
    if is_nameless and len(X) == len(features):
        return pd.DataFrame({str(name): [value] for name, value in zip(features, X, strict=True)})
    raise SignatureError(
        f"X is a Series of {len(X)} values, whose index is neither the model's features nor is "
        "there only one feature. Pass rows as a DataFrame with these columns: "
        f"{', '.join(features[:SHOWN])}."
    )
