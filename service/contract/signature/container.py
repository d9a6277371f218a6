"""Container: checked columns, put into the form in which an estimator was fitted."""

from typing import Any

import numpy as np
import pandas as pd

from service.contract.signature.feature import Feature
from service.contract.table import Form

TEXTS = ("series", "vector", "list")

Columns = dict[str, list[Any]]
"""Checked columns of plain Python values, None if one is missing; in the order of training."""


def fill(form: Form, features: list[Feature], columns: Columns, integer_names: bool = False) -> Any:
    """Turn checked columns into the form and the dtypes of training.

    Parameters
    ----------
    form : Form
    features : list of Feature, shape (n_features,)
    columns : dict of str to list, each of shape (n_rows,)
    integer_names : bool
        Whether the columns of a DataFrame are called by integers.

    Returns
    -------
    DataFrame or ndarray of shape (n_rows, n_features); or Series, ndarray or list of texts, or \
list of dict, of shape (n_rows,)

    Examples
    --------
    >>> size = Feature.from_column("size", pd.Series([1.0, 2.0]))
    >>> fill("array", [size], {"size": [3.0]})
    array([[3.]])
    >>> fill("dicts", [size], {"size": [3.0, None]})
    [{'size': 3.0}, {}]
    """
    names: list[Any] = [feature.name for feature in features]
    labels = [int(name) for name in names] if integer_names else names
    if form in ("frame", "array") and all(feature.is_plain for feature in features):
        block = np.array([columns[name] for name in names], dtype=np.float64).T
        return block if form == "array" else pd.DataFrame(block, columns=labels)
    if form == "dicts":
        rows = zip(*(columns[name] for name in names), strict=True)
        return [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in rows
        ]
    filled = [feature.column(columns[feature.name]) for feature in features]
    if form == "frame":
        return pd.DataFrame(dict(zip(labels, filled, strict=True)))
    if form in TEXTS:
        [texts] = filled
        if form == "series":
            return texts.rename(names[0])
        return texts.tolist() if form == "list" else texts.to_numpy(dtype=object)
    return pd.DataFrame(dict(zip(names, filled, strict=True))).to_numpy()
