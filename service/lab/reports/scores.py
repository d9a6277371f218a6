"""Scores: truths and predictions side by side, and the metrics of how well they agree."""

from math import nan
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from service.lab.reports.target import Target

PAIR = ["truth", "prediction"]
NO_CLASS, NO_PREDICTION = -1.0, -2.0


class Scores:
    """The scores of one target, or of several versions' targets of one name and kind.

    Parameters
    ----------
    target : Target
        Its name, and whether it predicts classes.

    Examples
    --------
    >>> target = Target(None, 0, ["cat", "dog"], {})
    >>> scores = Scores(target)
    >>> log = pd.DataFrame({"prediction": ["cat", "dog"]})
    >>> given = scores.add(target, log, pd.Series(["cat", "cat"]))
    >>> float(scores.metrics(log.index)["accuracy"])
    0.5
    """

    def __init__(self, target: Target) -> None:
        self.suffix = target.suffix
        self.is_class = target.classes is not None
        self._codes: dict[Any, float] = {}
        self._parts: list[pd.DataFrame] = []

    def add(self, target: Target, log: pd.DataFrame, truth: pd.Series) -> pd.DataFrame:
        """Add the rows of a version, and return them: truth, prediction and probability.

        A class becomes a number, the same one for the same class of another version. A truth
        that is none of them is -1, and a prediction -2. An unknown truth is NaN.
        """
        told = target.read(truth)
        prediction = target.read(log.get(target.column, pd.Series(None, log.index, dtype=object)))
        columns = {"truth": told, "prediction": prediction}
        if target.classes is not None:
            codes = {
                label: self._codes.setdefault(class_key(label), float(len(self._codes)))
                for label in target.classes
            }
            columns = {
                "truth": told.map(codes).fillna(NO_CLASS).where(truth.notna()).astype(float),
                "prediction": prediction.map(codes).fillna(NO_PREDICTION).astype(float),
                "probability": target.probability(log, told),
            }
        part = pd.DataFrame(columns)
        self._parts.append(part)
        return part

    def metrics(self, rows: pd.Index) -> dict[str, float]:
        """Return the metrics of those rows whose truth is known; NaN if there are too few."""
        whole = [part.loc[part.index.intersection(rows)] for part in self._parts]
        scored = pd.concat([pd.DataFrame(columns=[*PAIR, "probability"], dtype=float), *whole])
        scored = scored.dropna(subset=PAIR)
        found = _of_classes(scored) if self.is_class else _of_numbers(scored)
        return {f"{name}{self.suffix}": value for name, value in found.items()}


def class_key(label: Any) -> Any:
    """Return what is the same for the same class of two versions: a number, or else its text.

    Examples
    --------
    >>> class_key(True) == class_key("1") == class_key(1.0), class_key("01")
    (True, '01')
    """
    try:
        return int(label) if isinstance(label, str) and str(int(label)) == label else label
    except ValueError:
        return label


def _of_classes(scored: pd.DataFrame) -> dict[str, float]:
    truth, prediction = scored["truth"], scored["prediction"]
    right = truth == prediction
    hits = truth[right].value_counts().astype(float)
    times = truth.value_counts().add(prediction.value_counts(), fill_value=0)
    probability = scored["probability"].dropna().clip(lower=np.finfo(float).eps)
    return {
        "accuracy": right.mean(),
        "balanced_accuracy": right.groupby(truth[truth >= 0]).mean().mean(),
        "f1": (2 * hits / times[times.index >= 0]).fillna(0).mean(),
        "log_loss": -np.log(probability).mean() + 0.0,
    }


def _of_numbers(scored: pd.DataFrame) -> dict[str, float]:
    truth, prediction = scored["truth"], scored["prediction"]
    if not len(scored):
        return {"mae": nan, "rmse": nan, "r2": nan}
    return {
        "mae": mean_absolute_error(truth, prediction),
        "rmse": root_mean_squared_error(truth, prediction),
        "r2": r2_score(truth, prediction) if truth.nunique() > 1 else nan,
    }
