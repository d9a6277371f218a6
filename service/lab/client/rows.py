"""Rows: what a notebook passes to `Lab.predict`, in the form in which the API is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from service.contract.errors import SignatureError
from service.contract.table import Table, as_columns

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
    """

    frame: pd.DataFrame
    index: pd.Index
    named: bool = True

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
        >>> Rows.of([[1.5, "red"]], list).columns(0, 1)
        [[1.5], ['red']]
        """
        if isinstance(X, Mapping):
            lists = all(isinstance(values, LISTS) for values in X.values())
            X = pd.DataFrame(X if X and lists else {name: [value] for name, value in X.items()})
        if isinstance(X, pd.Series):
            X = _of_series(X, features())
        table = Table.of(X)
        frame = table.frame
        if drop_extra and table.named:
            known = {*features()}
            frame = frame[[name for name in frame.columns if name in known]]
        is_pandas = isinstance(X, pd.DataFrame)
        return cls(frame, X.index if is_pandas else frame.index, table.named)

    def columns(self, start: int, stop: int) -> dict[str, list[Any]] | list[list[Any]]:
        """Return some rows as the API takes columns: by name, or in the order of training."""
        columns = as_columns(self.frame.iloc[start:stop])
        return columns if self.named else [*columns.values()]


def _of_series(X: pd.Series, features: list[str]) -> pd.DataFrame:
    """Take a Series as a row of a table, or as the only column."""
    if {*map(str, X.index)} == {*features}:
        return pd.DataFrame({str(name): [value] for name, value in X.items()})
    if len(features) == 1:
        return X.to_frame(features[0])
    raise SignatureError(
        f"X is a Series of {len(X)} values, whose index is neither the model's features nor is "
        "there only one feature. Pass rows as a DataFrame with these columns: "
        f"{', '.join(features)}."
    )
