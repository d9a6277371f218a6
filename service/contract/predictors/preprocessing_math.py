"""Preprocessing math: what transformers do to a table, as operations on their fitted arrays.

The fast path uses it; `service.contract.predictors.fast_path` says why.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn import compose
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from service.contract.predictors.no_fast_path import NoFastPathError
from service.contract.predictors.words import VECTORIZERS, Wide, counter, side_by_side, weigher

UNKNOWN = object()  # stands in an encoder's table for every category that is not in it

Step = Callable[[Any], Any]
"""A block of columns, shape (n_rows, n), to another; of float64, or of objects before encoding."""


def preparation(transformers: list[Any], names: list[str]) -> Step:
    """Return the arithmetic of some steps, one after the other.

    Parameters
    ----------
    transformers : list of fitted transformers
    names : list of str
        The columns' names; after one of scikit-learn's own transformers they have none.

    Raises
    ------
    NoFastPathError
        One of them is not known here.
    """
    steps = []
    for each in transformers:
        steps.append(_step(each, names))
        names = [*each.get_feature_names_out()] if hasattr(each, "transform_array") else []

    def run(X: np.ndarray) -> np.ndarray:
        for step in steps:
            X = step(X)
        return X

    return run


def _step(transformer: Any, names: list[str]) -> Step:
    """Return a fitted transformer's arithmetic; `names` are its input columns, if they have any."""
    kind = type(transformer)
    if transformer in ("passthrough", None) or (
        kind is FunctionTransformer and transformer.func is None and not transformer.validate
    ):
        return lambda X: X
    if hasattr(transformer, "fit_resample") and not hasattr(transformer, "transform"):
        # imbalanced-learn's samplers change what is trained on, and nothing else
        return lambda X: X
    if hasattr(transformer, "transform_array"):  # the user's own; see service/features.py
        own: Step = transformer.transform_array
        return own
    if isinstance(transformer, Pipeline):
        return preparation([each for _, each in transformer.steps], names)
    if kind in VECTORIZERS:
        return counter(transformer)
    if kind is TfidfTransformer:
        return weigher(transformer)
    if kind is compose.ColumnTransformer:
        return _side_by_side(transformer, names)
    if kind is SimpleImputer:
        return _imputer(transformer)
    if kind in (OneHotEncoder, OrdinalEncoder):
        return _encoder(transformer)
    if kind is StandardScaler:
        shift = transformer.mean_ if transformer.with_mean else 0.0
        scale = transformer.scale_ if transformer.with_std else 1.0
        return lambda X: (finite(X) - shift) / scale
    if kind is RobustScaler:
        shift = transformer.center_ if transformer.with_centering else 0.0
        scale = transformer.scale_ if transformer.with_scaling else 1.0
        return lambda X: (finite(X) - shift) / scale
    if kind is MaxAbsScaler and not transformer.clip:
        scale = transformer.scale_
        return lambda X: finite(X) / scale
    if kind is MinMaxScaler and not transformer.clip:
        scale, shift = transformer.scale_, transformer.min_
        return lambda X: finite(X) * scale + shift
    raise NoFastPathError(f"{kind.__name__} has none")


def _side_by_side(transformer: Any, names: list[str]) -> Step:
    if transformer.transformer_weights:
        raise NoFastPathError("a ColumnTransformer with weights has none")
    parts: list[tuple[list[int], Step]] = []
    for _, each, columns in transformer.transformers_:
        if isinstance(columns, str | int):
            if type(each) not in VECTORIZERS:
                raise NoFastPathError("a ColumnTransformer gives a single column")
            columns = [columns]
        if isinstance(columns, slice) or any(type(c) not in (str, int) for c in columns):
            raise NoFastPathError("a ColumnTransformer selects columns by slice or mask")
        chosen = [names.index(c) if isinstance(c, str) else c for c in columns]
        if chosen and not (isinstance(each, str) and each == "drop"):
            parts.append((chosen, _step(each, [names[i] for i in chosen] if names else [])))

    def run(X: np.ndarray) -> Any:
        beside = side_by_side([step(X[:, chosen]) for chosen, step in parts])
        # Many estimators take a missing value in a dense table, and refuse it in a sparse one.
        block = beside.block if isinstance(beside, Wide) else beside
        if transformer.sparse_output_ and np.isnan(block.astype(float)).any():
            raise NoFastPathError("a value is missing in a sparse table")
        return beside

    return run


def _imputer(imputer: Any) -> Step:
    missing = imputer.missing_values
    plain = isinstance(missing, float) and math.isnan(missing) and not imputer.add_indicator
    if not plain or any(value != value for value in imputer.statistics_):
        raise NoFastPathError(
            "a SimpleImputer with other missing values, or an indicator, has none"
        )
    values = imputer.statistics_
    if values.dtype != object:
        return lambda X: np.where(np.isnan(X := finite(X)), values, X)

    def fill(X: np.ndarray) -> np.ndarray:
        return np.where(pd.isna(X), values, X)

    return fill


def _encoder(encoder: Any) -> Step:
    """Look each category up; its row of `codes` is what the encoder gives for it."""
    if getattr(encoder, "_infrequent_enabled", False):
        raise NoFastPathError(f"{type(encoder).__name__} with infrequent categories has none")
    if np.dtype(encoder.dtype) != np.float64:
        raise NoFastPathError(f"{type(encoder).__name__} to {np.dtype(encoder.dtype)} has none")
    tables = []
    for number, categories in enumerate(encoder.categories_):
        known = [None if value != value else value for value in categories.tolist()]
        if type(encoder) is OneHotEncoder:
            codes = np.eye(len(known))
            dropped = None if encoder.drop_idx_ is None else encoder.drop_idx_[number]
            if dropped is not None:
                codes = np.delete(codes, dropped, axis=1)
            unknown = np.zeros(codes.shape[1])
        else:
            codes = np.arange(len(known), dtype=float).reshape(-1, 1)
            if None in known:
                codes[known.index(None)] = encoder.encoded_missing_value
            unknown = np.array([encoder.unknown_value], dtype=float)
        tables.append({value: codes[row] for row, value in enumerate(known)})
        if encoder.handle_unknown != "error":
            tables[-1][UNKNOWN] = unknown

    def encode(X: np.ndarray) -> np.ndarray:
        if X.dtype == float:
            finite(X)
        try:
            return np.hstack(
                [
                    [
                        table[UNKNOWN] if (found := table.get(_plain(v))) is None else found
                        for v in X[:, number].tolist()
                    ]
                    for number, table in enumerate(tables)
                ]
            )
        except KeyError:
            raise NoFastPathError("a category is unknown") from None

    return encode


def _plain(value: Any) -> Any:
    return None if value != value else value


def finite(X: Any) -> Any:
    """Return numbers; scikit-learn refuses infinity at each step."""
    if isinstance(X, Wide):
        finite(X.block)
        return X
    numbers = X if X.dtype == float else X.astype(float)
    if np.isinf(numbers).any():
        raise NoFastPathError("a value is infinite")
    return numbers
