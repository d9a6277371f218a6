"""Output: what a model predicts."""

from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict
from sklearn.utils import get_tags

from service.contract.errors import InputError

Task = Literal["classification", "regression", "clustering", "outlier"]
WITHOUT_TARGET: dict[str | None, Task] = {  # by scikit-learn's type of estimator
    "clusterer": "clustering",
    "density_estimator": "clustering",  # a mixture; a row's component is its cluster
    "outlier_detector": "outlier",
}
SCORES = {"outlier": "decision_function", "clustering": "score_samples"}  # methods, by task


def task_of(estimator: Any) -> Task:
    """Return what an estimator does, as its tags have it; a pipeline does what its last step does.

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> task_of(make_pipeline(StandardScaler(), IsolationForest()))
    'outlier'
    """
    task = WITHOUT_TARGET.get(get_tags(estimator).estimator_type)
    return task or ("classification" if hasattr(estimator, "classes_") else "regression")


def last_step(estimator: Any) -> Any:
    """Return what predicts inside a pipeline or a search, e.g. its clusterer."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif getattr(estimator, "steps", None):
            estimator = estimator.steps[-1][1]
        else:
            return estimator


class Output(BaseModel):
    """What a model predicts: classes or numbers, with probabilities or a score, or without.

    `classes` are the labels that may be predicted: the numbers of the clusters in a clustering,
    -1 (outlier) and 1 in outlier detection. `targets` holds the names of the targets if there are
    several. Then `classes` has a list for each target, or is None if each target is either on or
    off.

    `score` is whether each row has one: in outlier detection `decision_function`, which is
    negative for an outlier; in a clustering `score_samples`, which mixtures have: the
    log-likelihood of the row.
    """

    model_config = ConfigDict(frozen=True)

    task: Task
    classes: list[Any] | None = None
    probabilities: bool = False
    score: bool = False
    targets: list[str] | None = None

    @classmethod
    def of(cls, estimator: Any, X: Any, y: Any, predictions: np.ndarray) -> Self:
        """Read what a fitted estimator predicts; `predictions` are those for its training table."""
        task = task_of(estimator)
        if task in WITHOUT_TARGET.values():
            return cls(
                task=task,
                classes=_labels(estimator, X, predictions),
                probabilities=hasattr(estimator, "predict_proba"),
                score=hasattr(estimator, SCORES[task]),
            )
        classes = getattr(estimator, "classes_", None)
        several = predictions.ndim == 2 and predictions.shape[1] > 1
        if isinstance(classes, list) and not several:  # of a single target, in a list
            classes = np.asarray(classes[0]).tolist()
        elif isinstance(classes, list) and _has_one_probability(estimator, X):
            classes = None  # each target is either on or off, as in a ClassifierChain
        elif isinstance(classes, list):
            classes = [np.asarray(each).tolist() for each in classes]
        elif classes is not None:
            classes = None if several else np.asarray(classes).tolist()
        names = getattr(y, "columns", range(predictions.shape[1])) if several else None
        return cls(
            task=task,
            classes=classes,
            probabilities=hasattr(estimator, "classes_") and hasattr(estimator, "predict_proba"),
            targets=None if names is None else [str(name) for name in names],
        )

    def labels(self, predictions: Any) -> np.ndarray:
        """Return predictions as this output has them.

        A single target may be predicted in a column, and labels that are integers as floats.

        Parameters
        ----------
        predictions : array-like of shape (n_rows,), (n_rows, 1) or (n_rows, n_targets)

        Examples
        --------
        >>> Output(task="classification", classes=[0, 1]).labels(np.array([[1.0], [0.0]]))
        array([1, 0])
        """
        array = np.asarray(predictions)
        if self.targets is None and array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if self.task == "classification" and array.dtype.kind == "f" and not self._has_floats:
            return array.astype(int) if np.isfinite(array).all() else array
        return array

    @property
    def _has_floats(self) -> bool:
        """Whether a class is a float."""
        classes = self.classes or []
        return any(
            float in map(type, each if isinstance(each, list) else [each]) for each in classes
        )

    def scores(self, estimator: Any, X: Any) -> np.ndarray | None:
        """Return the score of each row of a table, shape (n_rows,); None if there is none.

        Raises
        ------
        InputError
            A score is not finite, and so no number in JSON.
        """
        if not self.score:
            return None
        scores: np.ndarray = np.asarray(getattr(estimator, SCORES[self.task])(X), dtype=float)
        if not np.isfinite(scores).all():
            row = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise InputError(
                f"The model cannot predict these rows: the score of row {row} is {scores[row]}. "
                "Its values are too far from those of training."
            )
        return np.ascontiguousarray(scores)  # orjson can write it as it is


def _has_one_probability(estimator: Any, X: Any) -> bool:
    """Whether a classifier of several targets gives one probability for each, in an array."""
    return hasattr(estimator, "predict_proba") and isinstance(
        estimator.predict_proba(X[:1]), np.ndarray
    )


def _labels(estimator: Any, X: Any, predictions: np.ndarray) -> list[Any]:
    """List the labels that a clusterer or an outlier detector may predict.

    Some may not occur in training: a mixture's component or a cluster can be empty there.
    """
    labels = {*pd.unique(predictions).tolist()}
    if task_of(estimator) == "outlier":
        labels |= {-1, 1}
    elif hasattr(estimator, "predict_proba"):
        labels |= {*range(estimator.predict_proba(X[:1]).shape[1])}
    else:
        centres = getattr(last_step(estimator), "cluster_centers_", np.empty(0))  # may be sparse
        labels |= {*range(centres.shape[0])}
    return sorted(labels, key=lambda label: (str(type(label)), label))
