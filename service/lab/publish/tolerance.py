"""Tolerance: which values an estimator answers though its training had none of them.

An imputer fills a missing value in any column, and a model of whole numbers mostly takes 12.5. So
the estimator is asked, once, before it is published.
"""

import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from service.contract.signature.feature import Feature
from service.contract.signature.predictions import predict
from service.contract.signature.signature import Columns, Signature

MOST_TABLES, MOST_CELLS = 200, 1_000_000  # that are asked about, for each kind of value
MOST_ROWS = 50  # of such a table; in a wide one, a row asks about several features


def tolerant(estimator: Any, signature: Signature, columns: Columns) -> Signature:
    """Return the signature with what the estimator answers: missing values, parts of integers.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
    signature : Signature
    columns : dict of str to list, each of shape (n_rows,)
        Some rows of training, checked.

    Returns
    -------
    Signature
        A feature that may be missing now, and was not in training, is `nullable` and
        `never_missing`; an integer feature that need not be whole is `fractional`.

    Examples
    --------
    >>> from sklearn.impute import SimpleImputer
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from service.contract.signature.output import Output
    >>> X = pd.DataFrame({"size": [1.0, 2.0, 3.0]})
    >>> signature = Signature.from_table(X, Output(task="regression"))
    >>> columns = signature.parse_columns({"size": [1.0, 2.0, 3.0]})
    >>> for estimator in (Ridge(), make_pipeline(SimpleImputer(), Ridge())):
    ...     found = tolerant(estimator.fit(X, [1.0, 2.0, 3.0]), signature, columns)
    ...     print(found.features[0].nullable)
    False
    True
    """
    row = {name: values[:1] for name, values in columns.items()}
    for wanted, change, value in QUESTIONS:
        changed = {f.name: f.model_copy(update=change) for f in signature.features if wanted(f)}
        offered = signature.with_features([changed.get(f.name, f) for f in signature.features])
        answered = _answered(estimator, offered, row, [*changed.values()], value)
        signature = signature.with_features(
            [changed[f.name] if f.name in answered else f for f in signature.features]
        )
    return signature


Value = Callable[[Any, Any], Any]
"""Turns a feature's value in a row of training into the one that is asked about."""

QUESTIONS: list[tuple[Callable[[Any], bool], dict[str, bool], Value]] = [
    (
        lambda feature: not feature.nullable,
        {"nullable": True, "never_missing": True},
        lambda feature, known: None,
    ),
    (
        lambda feature: feature.kind == "integer" and feature.minimum is not None,
        {"fractional": True},
        lambda feature, known: float(feature.minimum if known is None else known) + 0.5,
    ),
]


def _answered(
    estimator: Any, signature: Signature, row: Columns, features: list[Feature], value: Value
) -> set[str]:
    """Find the features which may have the value, asked about all at once, then about halves.

    Those that are left when it takes long count as answered: the estimator itself decides then.
    """
    answered: set[str] = set()
    waiting = deque([features] if features else [])
    tables = cells = 0
    while waiting:
        some = waiting.popleft()
        tables, cells = tables + 1, cells + min(len(some), MOST_ROWS) * len(row)
        if (
            tables > MOST_TABLES
            or cells > MOST_CELLS
            or _answers(estimator, signature, row, some, value)
        ):
            answered |= {feature.name for feature in some}
        elif len(some) > 1:
            waiting += [some[: len(some) // 2], some[len(some) // 2 :]]
    return answered


def _answers(
    estimator: Any, signature: Signature, row: Columns, features: list[Feature], value: Value
) -> bool:
    """Whether the estimator answers the row, with the value in one feature after the other."""
    rows = min(len(features), MOST_ROWS)
    table = {name: values * rows for name, values in row.items()}
    for number, feature in enumerate(features):
        table[feature.name][number % rows] = value(feature, row[feature.name][0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            given = predict(estimator, signature, signature.table(table))
        except Exception:  # whatever an estimator raises at a value that it does not take
            return False
    return not pd.isna(np.array(given.predictions, dtype=object)).any()
