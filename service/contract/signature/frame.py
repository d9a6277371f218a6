"""Frame: a large table, read into checked columns without a Python value for each number.

What fits, and what is said of what does not, is as in a request; only the way is shorter.
"""

from typing import Any

import numpy as np
import pandas as pd

from service.contract.json_columns import as_columns
from service.contract.signature.feature import Feature
from service.contract.signature.kinds.numbers import LARGEST
from service.contract.signature.signature import Columns, Signature

Refused = dict[int, str]
"""Rows that do not fit, counted from 0, with the reason."""


def read_frame(signature: Signature, frame: pd.DataFrame) -> tuple[Columns, Refused]:
    """Read the features of a table into checked columns.

    Parameters
    ----------
    signature : Signature
    frame : DataFrame of shape (n_rows, …)
        With a column for each feature.

    Returns
    -------
    columns : dict of str to list or ndarray, each of shape (n_rows,)
        Numbers without a missing one are in an array of float64.
    refused : dict of int to str
        The rows that do not fit; what stands for them in `columns` is of no use.

    Examples
    --------
    >>> from service.contract.signature.output import Output
    >>> table = pd.DataFrame({"size": [1.0, 2.5], "colour": ["red", None]})
    >>> signature = Signature.from_table(table, Output(task="regression"))
    >>> columns, refused = read_frame(
    ...     signature, pd.DataFrame({"size": [3.0, None], "colour": ["red", "red"]})
    ... )
    >>> refused
    {1: "Feature 'size' is null, but was never missing in training, and the model refuses it."}
    """
    columns: Columns = {}
    reasons: dict[int, list[str]] = {}
    for feature in signature.features:
        columns[feature.name], problems = _read(feature, frame[feature.name])
        for row, problem in problems.items():
            reasons.setdefault(row, []).append(f"Feature {feature.name!r} {problem}.")
    return columns, {row: " ".join(reasons[row]) for row in sorted(reasons)}


def take(columns: Columns, rows: Any) -> Columns:
    """Choose rows of checked columns.

    Examples
    --------
    >>> take({"size": np.array([1.0, 2.0, 3.0]), "colour": ["red", "blue", "red"]}, [2, 0])
    {'size': array([3., 1.]), 'colour': ['red', 'red']}
    """
    return {
        name: values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
        for name, values in columns.items()
    }


def _read(feature: Feature, column: pd.Series) -> tuple[Any, dict[int, str]]:
    is_plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf"
    if feature.kind == "number" and is_plain:
        return _read_numbers(feature, column.to_numpy(dtype=np.float64))
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) != "string":
        return _parsed(feature, column)  # 1, 1.0 and True would be taken for one value
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    values, problems = _parsed(feature, pd.Series(distinct))
    spread = np.empty(len(values), dtype=object)
    spread[:] = values
    wrong = np.flatnonzero(np.isin(codes, [*problems]))
    return spread[codes].tolist(), {int(row): problems[codes[row]] for row in wrong}


def _parsed(feature: Feature, column: pd.Series) -> tuple[list[Any], dict[int, str]]:
    [values] = as_columns(column.to_frame()).values()
    parsed, problems = feature.parse(values)
    return parsed, {problem["row"]: problem["problem"] for problem in problems}


def _read_numbers(feature: Feature, numbers: np.ndarray) -> tuple[Any, dict[int, str]]:
    """Read numbers as `Number` does: what is missing, infinite or too large is looked at by it."""
    largest = LARGEST.get(feature.dtype.lower(), LARGEST["float64"])
    odd = np.flatnonzero(~(np.abs(numbers) <= largest))
    if not len(odd):
        return numbers, {}
    values, problems = _parsed(feature, pd.Series(numbers[odd]))
    found = numbers.astype(object)
    for row, value in zip(odd.tolist(), values, strict=True):
        found[row] = value
    return found.tolist(), {int(odd[place]): problem for place, problem in problems.items()}
