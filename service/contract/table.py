"""Table: the forms in which rows are passed around, a DataFrame and JSON columns."""

from typing import Any

import numpy as np
import pandas as pd

from service.contract.errors import SignatureError


def as_frame(X: pd.DataFrame | np.ndarray) -> pd.DataFrame:
    """Turn a table into a DataFrame whose rows are counted from 0.

    Parameters
    ----------
    X : DataFrame or ndarray, shape (n_rows, n_features)

    Returns
    -------
    DataFrame of shape (n_rows, n_features)
        The columns of an array are called x0, x1, ….

    Raises
    ------
    SignatureError
        `X` is not a table of this shape.

    Examples
    --------
    >>> as_frame(np.array([[1.0, 2.0]]))
        x0   x1
    0  1.0  2.0
    """
    if isinstance(X, pd.DataFrame):
        return X.reset_index(drop=True)
    array = np.asarray(X)
    if array.ndim != 2:
        raise SignatureError(
            f"A table of shape (n_rows, n_features) is needed, not {type(X).__name__} "
            f"of shape {array.shape}."
        )
    return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])


def as_columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Turn a table into JSON columns: plain Python values, None if one is missing.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_features)

    Returns
    -------
    columns : dict of str to list, each of shape (n_rows,)

    Examples
    --------
    >>> as_columns(pd.DataFrame({"size": [1.0, None]}))
    {'size': [1.0, None]}
    """
    return {
        str(name): column.astype(object).where(column.notna(), None).tolist()
        if column.hasnans or column.dtype == object
        else column.tolist()
        for name, column in table.items()
    }
