"""Checks: what an estimator, its target and its predictions must be, to be published."""

from collections.abc import Mapping, Set, Sized
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from service.contract.errors import EstimatorError
from service.contract.signature.output import WITHOUT_TARGET, task_of
from service.contract.table import check_name
from service.contract.text import show
from service.lab.publish.advice import without_predict

NO_ESTIMATOR = (
    "is not a scikit-learn estimator. Of XGBoost and LightGBM fit the classes with `fit`, e.g. "
    "XGBClassifier or LGBMClassifier; derive one of your own from BaseEstimator, in "
    "service/features.py."
)


def check_fitted(estimator: Any) -> None:
    """Refuse what cannot predict, and what is not fitted.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> check_fitted(Ridge())
    Traceback (most recent call last):
        ...
    service.contract.errors.EstimatorError: Ridge is not fitted. Call its `fit` first.
    """
    kind = type(estimator).__name__
    if isinstance(estimator, type) or not callable(getattr(estimator, "predict", None)):
        raise EstimatorError(without_predict(estimator))
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise EstimatorError(f"{kind} is not fitted. Call its `fit` first.") from error
    except TypeError as error:
        raise EstimatorError(f"{kind} {NO_ESTIMATOR}") from error


def check_dicts(X: Any) -> None:
    """Refuse a key without a value in a list of dicts: a request could not say which is meant."""
    for number, row in enumerate(X):
        for name, value in row.items():
            if value is None or value is pd.NA or (isinstance(value, float) and value != value):
                raise EstimatorError(
                    f"Row {number} of X has no value for {name!r}: it is {value}. Leave such keys "
                    "out and fit again; or fit a DataFrame, in which a value may be missing."
                )


def check_target(estimator: Any, y: Any, rows: int) -> tuple[int, ...]:
    """Return the shape of the target, () if there is none; refuse one of another length."""
    if y is None:
        if task_of(estimator) not in WITHOUT_TARGET.values():
            raise EstimatorError(
                f"y is None, but {type(estimator).__name__} predicts a target. Pass it, one value "
                "for each row of X. Only clusterers, mixtures and outlier detectors need none."
            )
        return ()
    shape = getattr(y, "shape", None)
    if shape is None and isinstance(y, Sized) and not isinstance(y, str | bytes | Mapping | Set):
        shape = (len(y),)
    if not shape:
        raise EstimatorError(f"y is {show(y)}. Pass the target, one value for each row of X.")
    if rows != shape[0]:
        raise EstimatorError(f"X has {rows} rows, but y has {shape[0]}.")
    return tuple(shape)


def check_shapes(
    estimator: Any, predictions: tuple[int, ...], y: tuple[int, ...], rows: int
) -> None:
    """Compare the shape of the predictions with that of the target, and with the rows."""
    kind = type(estimator).__name__
    is_table = len(predictions) == 2 and predictions[0] == rows and predictions[1] > 0
    if predictions != (rows,) and not is_table:
        raise EstimatorError(
            f"{kind} predicts an array of shape {predictions} for {rows} rows. Fit it with a y of "
            "shape (n_rows,), or (n_rows, n_targets) for several."
        )
    if len(y) > 1 and y[1:] != (predictions[1:] or (1,)):
        raise EstimatorError(
            f"y has shape {y}, but {kind} predicts {predictions}. Pass the y that it was fitted "
            "with."
        )


def check_classes(estimator: Any, classes: list[Any], targets: list[str]) -> None:
    """Refuse classes that JSON has no value for; dates, for one, would be numbers there.

    Their names and those of targets become names in the log.
    """
    labels = [label for each in classes for label in (each if type(each) is list else [each])]
    for name in targets:
        check_name(name, "Target")
    for label in labels:
        if isinstance(label, str) and label:
            check_name(label, "Class")
    dtype = getattr(getattr(estimator, "classes_", None), "dtype", np.dtype(object))
    plain = all(type(label) in (bool, int, float, str) for label in labels)
    if not plain or getattr(dtype, "kind", "O") in "mM":
        raise EstimatorError(
            f"{type(estimator).__name__} predicts the classes {show(labels)}. A class must be a "
            "text, a number, true or false: fit it with y.astype(str)."
        )
