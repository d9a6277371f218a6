"""Booster math: what fitted boosters of XGBoost and LightGBM compute of numbers.

treelite reads classifiers of XGBoost. It adds up their trees in another order, which in single
precision moves large sums by more than 1e-6: regressors of XGBoost predict by the booster itself,
on a bare array. So does LightGBM, which for one row is quicker than treelite.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import treelite

from service.contract.text import name_of

Raw = Callable[[np.ndarray], np.ndarray]
"""Numbers of shape (n_rows, n_features) to what the booster predicts, with a row for each."""

KINDS = ("Classifier", "RFClassifier", "Regressor", "RFRegressor")
XGBOOST = frozenset(f"xgboost.sklearn.XGB{kind}" for kind in KINDS)
LIGHTGBM = frozenset({"lightgbm.sklearn.LGBMClassifier", "lightgbm.sklearn.LGBMRegressor"})


def reason_against(estimator: Any) -> str | None:
    """Say why a booster has no fast path; None if it may have one."""
    if callable(estimator.objective):
        return "its objective is a function"
    if name_of(type(estimator)) in LIGHTGBM:
        stops = any(name.startswith("pred_early_stop") for name in estimator._other_params)
        if estimator.booster_.pandas_categorical:
            return "it looks categories up by their names"
        return "it may stop before its last tree" if stops else None
    if estimator.booster == "gblinear" or estimator.objective == "multi:softmax":
        return "it is linear, or gives labels alone"
    if "c" in (estimator.get_booster().feature_types or ()):
        return "it looks categories up by their names"
    if not np.isnan(estimator.missing):
        return "it has another missing value than NaN"
    return None


def is_booster(estimator: Any) -> bool:
    """Whether an estimator is one of XGBoost's or LightGBM's."""
    return name_of(type(estimator)) in XGBOOST | LIGHTGBM


def read_trees(estimator: Any) -> treelite.Model | None:
    """Have treelite read a classifier of XGBoost, up to its best round; None for all others."""
    if name_of(type(estimator)) not in XGBOOST or not hasattr(estimator, "classes_"):
        return None
    booster, (_, end) = estimator.get_booster(), estimator._get_iteration_range(None)
    return treelite.frontend.from_xgboost(booster[:end] if end else booster)


def raw(estimator: Any) -> Raw:
    """Return what a booster computes of an array; one more thread would cost more than it saves."""
    if name_of(type(estimator)) in LIGHTGBM:
        text = estimator.booster_
        return lambda X: np.asarray(text.predict(np.ascontiguousarray(X), num_threads=1))
    booster, rounds = estimator.get_booster(), estimator._get_iteration_range(None)

    def predict(X: np.ndarray) -> np.ndarray:
        given: np.ndarray = booster.inplace_predict(
            X, iteration_range=rounds, validate_features=False
        )
        return given

    return predict
