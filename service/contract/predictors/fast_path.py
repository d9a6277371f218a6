"""Fast path: a loaded estimator's own arithmetic, without what it costs to call it.

scikit-learn spends milliseconds on checking a table and a thousandth of that on
the prediction. Here the common preprocessing steps are a few float64 operations on
their fitted arrays (`service.contract.predictors.preprocessing_math`);
`service.contract.predictors.estimator_math` does the same for the estimator at the
end. What is not known there has no fast path. Whether the predictions are the
estimator's own is not believed but tried: see `service.contract.predictors.predictor`.
"""

import math
from typing import Any

import numpy as np

from service.contract.predictors.decision_trees import mean_of_many, own_trees
from service.contract.predictors.estimator_math import read_forest, scorer, unwrap
from service.contract.predictors.no_fast_path import NoFastPathError
from service.contract.predictors.preprocessing_math import finite, preparation
from service.contract.signature.container import TEXTS
from service.contract.signature.predictions import Predictions
from service.contract.signature.signature import Columns, Signature

FORMS = ("frame", "array", "objects", *TEXTS)
NUMERIC = ("number", "integer", "boolean")

NEAR = 1e-6  # a decision nearer than this is the estimator's own

EXACT = 2**53  # larger integers have no float64 of their own


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
            self._prepare = preparation(before, self._names)
        except (ValueError, LookupError) as error:  # columns that are not there by this name
            raise NoFastPathError("its steps are not understood") from error
        self._forest = read_forest(last, trees)
        self._score = scorer(last, self._forest)
        own = [] if before else own_trees(last)
        is_alone = bool(own) and last.n_jobs in (None, 1)  # else it asks its trees side by side
        self._mean = mean_of_many(own, len(self._classes or ())) if is_alone else None

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
        scores = self._score(finite(self._prepare(self._block(columns))))
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
        return self._predictions(self._mean(finite(self._block(columns))))

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
