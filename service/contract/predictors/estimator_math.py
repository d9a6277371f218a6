"""Estimator math: what a fitted estimator computes of numbers, without what it costs to call it.

Linear models are a product with their coefficients. Trees go through treelite,
which reads fitted forests; those of a large forest are asked themselves.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import treelite
from scipy.sparse import issparse
from scipy.special import expit, softmax
from sklearn import (
    cluster,
    covariance,
    discriminant_analysis,
    ensemble,
    linear_model,
    naive_bayes,
    neighbors,
    svm,
    tree,
)
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline

from service.contract.predictors import booster_math
from service.contract.predictors.decision_trees import (
    AVERAGING,
    is_balanced,
    large_forest,
    mean,
    single,
)
from service.contract.predictors.no_fast_path import NoFastPathError
from service.contract.predictors.words import Wide

CANCELS = 1e8  # sums of larger terms lose more than 1e-7 of their result, in another order

Score = Callable[[Any], np.ndarray]
"""Numbers of shape (n_rows, n_features) to predictions (n_rows,), or to a score a class."""


GRADIENT = (ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor)
FORESTS = (*AVERAGING, ensemble.IsolationForest, *GRADIENT)
VOTING = (
    ensemble.RandomForestClassifier,
    ensemble.ExtraTreesClassifier,
    ensemble.BaggingClassifier,
    tree.DecisionTreeClassifier,
    tree.ExtraTreeClassifier,
)
DETECTING = (
    covariance.EllipticEnvelope,
    ensemble.IsolationForest,
    linear_model.SGDOneClassSVM,
    neighbors.LocalOutlierFactor,
)
HISTOGRAMS = (ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor)
TREES = (
    tree.DecisionTreeClassifier,
    tree.DecisionTreeRegressor,
    tree.ExtraTreeClassifier,
    tree.ExtraTreeRegressor,
)
LOGISTIC = (
    linear_model.LogisticRegression,
    linear_model.LogisticRegressionCV,
    discriminant_analysis.LinearDiscriminantAnalysis,
)
BAYES = (naive_bayes.MultinomialNB, naive_bayes.ComplementNB)
CENTRES = (cluster.KMeans, cluster.MiniBatchKMeans)
LINEAR = (
    linear_model.ARDRegression,
    linear_model.BayesianRidge,
    linear_model.ElasticNet,
    linear_model.ElasticNetCV,
    linear_model.HuberRegressor,
    linear_model.Lars,
    linear_model.Lasso,
    linear_model.LassoCV,
    linear_model.LarsCV,
    linear_model.LassoLars,
    linear_model.LassoLarsCV,
    linear_model.LassoLarsIC,
    linear_model.LinearRegression,
    linear_model.OrthogonalMatchingPursuit,
    linear_model.OrthogonalMatchingPursuitCV,
    linear_model.Perceptron,
    linear_model.QuantileRegressor,
    linear_model.Ridge,
    linear_model.RidgeCV,
    linear_model.RidgeClassifier,
    linear_model.RidgeClassifierCV,
    linear_model.SGDClassifier,
    linear_model.SGDRegressor,
    linear_model.TheilSenRegressor,
    svm.LinearSVC,
    svm.LinearSVR,
)


def unwrap(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline, the estimator last; of a search, those of the best one."""
    while isinstance(estimator, GridSearchCV | RandomizedSearchCV):
        estimator = estimator.best_estimator_
    return [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]


def is_by_vote(estimator: Any) -> bool:
    """Whether `predict` follows from `predict_proba`, or from the sign of `decision_function`."""
    last = unwrap(estimator)[-1]
    return type(last) in VOTING + DETECTING or is_balanced(last)


def read_forest(estimator: Any, trees: bytes | None) -> treelite.Model | None:
    """Have treelite read a forest, or what it made of it before.

    None for what is no forest, and for a large one, whose own trees are asked.
    """
    is_booster = booster_math.is_booster(estimator)
    if is_booster and (reason := booster_math.reason_against(estimator)) is not None:
        raise NoFastPathError(reason)
    is_forest = type(estimator) in FORESTS + HISTOGRAMS or is_balanced(estimator)
    if (not is_forest and not is_booster) or large_forest(estimator):
        return None
    if getattr(estimator, "loss", None) == "exponential":
        raise NoFastPathError("treelite does not know the loss 'exponential'")
    if trees is not None:
        return treelite.Model.deserialize_bytes(trees)
    try:
        if is_booster:
            return booster_math.read_trees(estimator)
        return treelite.sklearn.import_model(estimator)
    except Exception as error:  # treelite raises what it likes for what it does not know
        raise NoFastPathError("treelite does not read it") from error


def scorer(estimator: Any, forest: treelite.Model | None) -> Score:
    """Return what an estimator computes: numbers of shape (n_rows,), or a score a class.

    The score of a cluster is the higher the nearer it is.
    """
    kind = type(estimator)
    classes = len(getattr(estimator, "classes_", ()))
    if booster_math.is_booster(estimator):
        return _booster(estimator, forest, classes)
    if forest is not None:
        by_treelite = _trees(forest, classes, kind)
        if kind is ensemble.IsolationForest:  # of which treelite gives the paper's anomaly score
            return lambda X: -by_treelite(X) - estimator.offset_
        return by_treelite
    if kind in CENTRES:
        return _nearest(estimator.cluster_centers_)
    if kind in TREES:
        return mean([estimator.tree_], classes)
    if trees := large_forest(estimator):
        return mean(trees, classes)
    if kind not in LOGISTIC + LINEAR + BAYES or getattr(estimator, "loss", None) in (
        "log_loss",
        "modified_huber",
    ):
        raise NoFastPathError(f"{kind.__name__} has none")
    if kind in BAYES:
        weights, intercept = estimator.feature_log_prob_.T, _prior(estimator)
    elif issparse(estimator.coef_):
        raise NoFastPathError("its coefficients are sparse")
    else:
        weights, intercept = np.atleast_2d(estimator.coef_).T, estimator.intercept_
    sizes = np.abs(weights)

    def score(X: Any) -> np.ndarray:
        used = slice(None)
        if isinstance(X, Wide):
            X, used = X.block, X.used
        if not np.isfinite(X).all():
            raise NoFastPathError("a value is missing")
        if kind in BAYES and (X < 0).any():
            raise NoFastPathError("a value is negative")
        raw: np.ndarray = X @ weights[used] + intercept
        if (np.abs(X) @ sizes[used] > CANCELS * np.maximum(1, np.abs(raw))).any():
            raise NoFastPathError("large numbers cancel each other")
        if not classes:
            return raw[:, 0]
        if raw.shape[1] == 1:  # two classes: the score of the second, and of the first mirrored
            raw = np.hstack([-raw, raw])
            return np.asarray(expit(raw)) if kind in LOGISTIC else raw
        return np.asarray(softmax(raw, axis=1)) if kind in LOGISTIC + BAYES else raw

    return score


def _prior(estimator: Any) -> Any:
    """Return what a naive Bayes classifier adds for each class."""
    if type(estimator) is naive_bayes.ComplementNB and len(estimator.classes_) > 1:
        return 0.0
    return estimator.class_log_prior_


def _trees(forest: treelite.Model, classes: int, kind: type) -> Score:
    """Many trees by treelite."""
    rounds = kind not in HISTOGRAMS  # scikit-learn rounds the input of these to single precision
    takes_missing = kind not in GRADIENT

    def score(X: np.ndarray) -> np.ndarray:
        if not takes_missing and np.isnan(X).any():
            raise NoFastPathError("a value is missing")
        if rounds:
            X = single(X).astype(float)
        scores = treelite.gtil.predict(forest, np.ascontiguousarray(X), nthread=1)
        return _of_classes(scores, len(X), classes)

    return score


def _nearest(centres: np.ndarray) -> Score:
    """Squared distances from centres, shape (n_clusters, n_features)."""
    largest = np.square(centres).sum(axis=1).max()

    def score(X: np.ndarray) -> np.ndarray:
        # The estimator takes large squares from each other; what is missing is not less, either.
        if not (np.square(X).sum(axis=1) + largest < CANCELS).all():
            raise NoFastPathError("a value is missing, or too large")
        given: np.ndarray = -np.square(X[:, np.newaxis] - centres).sum(axis=2)
        return given

    return score


def _booster(estimator: Any, trees: treelite.Model | None, classes: int) -> Score:
    """Boosters of XGBoost and LightGBM, by treelite or by themselves."""
    if trees is None:
        raw = booster_math.raw(estimator)
    else:
        raw = partial(treelite.gtil.predict, trees, nthread=1)

    def score(X: np.ndarray) -> np.ndarray:
        if estimator.__module__.startswith("xgboost."):
            X = np.ascontiguousarray(single(X))
        return _of_classes(raw(X), len(X), classes)

    return score


def _of_classes(given: np.ndarray, rows: int, classes: int) -> np.ndarray:
    """Return numbers, or what trees give each class; of two, they give the second alone."""
    given = given.reshape(rows, -1).astype(float)
    if not classes:
        return given[:, 0]
    return np.hstack([1 - given, given]) if given.shape[1] == 1 else given
