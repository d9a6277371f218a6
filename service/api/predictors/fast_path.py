"""Fast path: a loaded estimator's own arithmetic, without what it costs to call it.

scikit-learn spends milliseconds on checking a table and a thousandth of that on
the prediction. Here the common preprocessing steps are a few float64 operations on
their fitted arrays; `service.api.predictors.estimator_math` does the same for the estimator at the
end. What is not known here has no fast path. Whether the predictions are the
estimator's own is not believed but tried: see `service.api.predictors.predictor`.
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

from service.api.predictors.decision_trees import mean_of_many, own_trees
from service.api.predictors.estimator_math import read_forest, scorer, unwrap
from service.api.predictors.no_fast_path import NoFastPathError
from service.api.predictors.words import VECTORIZERS, Wide, counter, side_by_side, weigher
from service.contract.signature.container import TEXTS
from service.contract.signature.predictions import Predictions
from service.contract.signature.signature import Columns, Signature

FORMS = ("frame", "array", "objects", *TEXTS)
NUMERIC = ("number", "integer", "boolean")

NEAR = 1e-6  # a decision nearer than this is the estimator's own

EXACT = 2**53  # larger integers have no float64 of their own

UNKNOWN = object()  # stands in an encoder's table for every category that is not in it

Step = Callable[[Any], Any]
"""A block of columns, shape (n_rows, n), to another; of float64, or of objects before encoding."""


class FastPath:
    """Predicts small tables as the estimator would, and large ones if it is a forest.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
    signature : Signature
    trees : bytes, optional
        What `trees()` gave when it was made before; saves time.

    Raises
    ------
    NoFastPathError
        A step of it is not known here.
    """

    def __init__(self, estimator: Any, signature: Signature, trees: bytes | None = None) -> None:
        self._names = signature.names
        self._classes = signature.output.classes
        self._probabilities = signature.output.probabilities
        self._detects = signature.output.task == "outlier"
        for feature in signature.features:
            if feature.dtype.lower() in ("float16", "float32"):
                raise NoFastPathError(f"feature {feature.name!r} is {feature.dtype}")
        if signature.output.targets:
            raise NoFastPathError("it predicts several targets")
        *before, last = unwrap(estimator)
        if signature.container not in FORMS:
            raise NoFastPathError("its input is a list of dicts")
        self._dtype = float if all(f.kind in NUMERIC for f in signature.features) else object
        self._integers = [f.name for f in signature.features if f.kind == "integer"]
        try:
            self._prepare = _chain(_steps(before, self._names))
        except (ValueError, LookupError) as error:  # columns that are not there by this name
            raise NoFastPathError("its steps are not understood") from error
        self._forest = read_forest(last, trees)
        self._score = scorer(last, self._forest)
        is_bare = not before and last.get_params(deep=False).get("n_jobs") in (None, 1)
        own = own_trees(last) if is_bare else []
        self._mean = mean_of_many(own, len(self._classes or ())) if own else None

    def trees(self) -> bytes | None:
        """Return a forest as treelite writes it."""
        return None if self._forest is None else self._forest.serialize_bytes()

    def __call__(self, columns: Columns) -> Predictions:
        """Predict checked columns.

        Raises
        ------
        NoFastPathError
            These rows are the estimator's own: an unknown category that it may
            refuse, or a decision too near to call.
        """
        scores = self._score(_float(self._prepare(self._block(columns))))
        if not self._are_clear(scores):
            raise NoFastPathError("a decision is too near to call")
        return self._predictions(scores)

    def table(self, columns: Columns) -> Predictions:
        """Predict many rows by a forest's own trees: the estimator's sums, in its order.

        Raises
        ------
        NoFastPathError
            It is no forest, or these rows are the estimator's own.
        """
        if self._mean is None:
            raise NoFastPathError("many rows are the estimator's own")
        return self._predictions(self._mean(_float(self._block(columns))))

    def _block(self, columns: Columns) -> np.ndarray:
        """Put columns side by side, shape (n_rows, n_features)."""
        for name in self._integers:
            if any(value is not None and abs(value) > EXACT for value in columns[name]):
                raise NoFastPathError("an integer is too large for float64")
        return np.array([columns[name] for name in self._names], dtype=self._dtype).T

    def _are_clear(self, scores: np.ndarray) -> bool:
        """Whether no decision hangs on the last bits of a score; NaN decides nothing."""
        if self._detects:
            return bool((np.abs(scores) >= NEAR).all())
        if self._classes is None or scores.shape[1] == 1:
            return True
        two = np.partition(scores, -2, axis=1)[:, -2:]
        return bool((two[:, 1] - two[:, 0] >= NEAR).all())

    def _predictions(self, scores: np.ndarray) -> Predictions:
        if self._detects:
            labels = np.where(scores < 0, -1, 1).tolist()
            return Predictions.model_construct(predictions=labels, scores=scores)
        if self._classes is None:
            numbers = scores.tolist()
            if math.inf in numbers or -math.inf in numbers:
                raise NoFastPathError("a prediction is infinite")
            return Predictions.model_construct(predictions=numbers, probabilities=None)
        return Predictions.model_construct(
            predictions=[self._classes[best] for best in scores.argmax(axis=1).tolist()],
            probabilities=np.ascontiguousarray(scores) if self._probabilities else None,
        )


def _steps(transformers: list[Any], names: list[str]) -> list[Step]:
    """Return the arithmetic of some steps; after one of scikit-learn's, columns have no names."""
    steps = []
    for each in transformers:
        steps.append(_step(each, names))
        names = [*each.get_feature_names_out()] if hasattr(each, "transform_array") else []
    return steps


def _step(transformer: Any, names: list[str]) -> Step:
    """Return a fitted transformer's arithmetic; `names` are its input columns, if they have any."""
    kind = type(transformer)
    if transformer in ("passthrough", None) or (
        kind is FunctionTransformer and transformer.func is None and not transformer.validate
    ):
        return lambda X: X
    if hasattr(transformer, "fit_resample") and not hasattr(transformer, "transform"):
        return lambda X: (
            X
        )  # imbalanced-learn's samplers change what is trained on, and nothing else
    if hasattr(transformer, "transform_array"):  # the user's own; see service/features.py
        own: Step = transformer.transform_array
        return own
    if isinstance(transformer, Pipeline):
        return _chain(_steps([each for _, each in transformer.steps], names))
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
        return lambda X: (_float(X) - shift) / scale
    if kind is RobustScaler:
        shift = transformer.center_ if transformer.with_centering else 0.0
        scale = transformer.scale_ if transformer.with_scaling else 1.0
        return lambda X: (_float(X) - shift) / scale
    if kind is MaxAbsScaler and not transformer.clip:
        scale = transformer.scale_
        return lambda X: _float(X) / scale
    if kind is MinMaxScaler and not transformer.clip:
        scale, shift = transformer.scale_, transformer.min_
        return lambda X: _float(X) * scale + shift
    raise NoFastPathError(f"{kind.__name__} has none")


def _chain(steps: list[Step]) -> Step:
    def run(X: np.ndarray) -> np.ndarray:
        for step in steps:
            X = step(X)
        return X

    return run


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
        return lambda X: np.where(np.isnan(X := _float(X)), values, X)

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
            _float(X)
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


def _float(X: Any) -> Any:
    """Return numbers; scikit-learn refuses infinity at each step."""
    if isinstance(X, Wide):
        _float(X.block)
        return X
    numbers = X if X.dtype == float else X.astype(float)
    if np.isinf(numbers).any():
        raise NoFastPathError("a value is infinite")
    return numbers
