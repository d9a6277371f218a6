"""A tree reads only columns that its table has."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.metrics import DistanceMetric
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor
from sklearn.utils import Bunch

from service.contract.errors import ArtifactError
from service.contract.model_file import artifact
from tests.support.models import iris


def wide() -> DecisionTreeClassifier:
    """Return a tree that looks at column 2,999 of a table of 4."""
    X = np.zeros((150, 3000))
    X[:, 2999] = iris().X["petal_width"]
    return DecisionTreeClassifier(max_depth=2).fit(X, iris().y)


def tree_without_a_width() -> Any:
    tree = wide()
    del tree.n_features_in_
    y = np.column_stack([iris().y, iris().y])
    several = MultiOutputClassifier(DecisionTreeClassifier(max_depth=1)).fit(iris().X, y)
    several.estimators_, several.n_features_in_ = [tree, tree], 3000
    return several


def tree_that_two_share() -> Any:
    narrow = DecisionTreeClassifier(max_depth=1).fit(iris().X, iris().y)
    other = wide()
    narrow.tree_ = other.tree_
    voting = VotingClassifier([("tree", narrow)]).fit(iris().X, iris().y)
    voting.estimators_, voting.named_estimators_ = [narrow], Bunch(other=other)
    return voting


def forest_that_shares_a_tree() -> Any:
    other = wide()
    forest = RandomForestClassifier(1).fit(iris().X, iris().y)
    forest.estimators_ = [other]
    voting = VotingClassifier([("forest", forest)]).fit(iris().X, iris().y)
    voting.estimators_, voting.named_estimators_ = [forest], Bunch(other=other)
    return voting


def isolated_tree_of_another_width() -> Any:
    forest = IsolationForest(n_estimators=1).fit(iris().X)
    X = np.zeros((150, 3000))
    X[:, 2999] = np.arange(150)
    forest.estimators_ = [ExtraTreeRegressor(max_depth=1, max_features=3000).fit(X, np.arange(150))]
    return forest


@pytest.mark.parametrize(
    "make",
    [
        tree_without_a_width,
        tree_that_two_share,
        forest_that_shares_a_tree,
        isolated_tree_of_another_width,
    ],
    ids=lambda make: make.__name__,
)
def test_trees_read_no_absent_column(make: Callable[[], Any]) -> None:
    with pytest.raises(ArtifactError, match="is damaged: an index"):
        artifact.loads(artifact.dumps(make()))


def test_inner_trees_may_be_wider() -> None:
    first = make_pipeline(PolynomialFeatures(3), DecisionTreeRegressor(random_state=0))
    boosting = GradientBoostingRegressor(init=first, n_estimators=2, random_state=0)
    columns = IsolationForest(n_estimators=3, max_features=2, random_state=0).fit(iris().X)
    for estimator in (boosting.fit(iris().X, iris().y), columns):
        again = artifact.loads(artifact.dumps(estimator))
        assert np.array_equal(again.predict(iris().X), estimator.predict(iris().X))


# Unfitted, as a prototype; the checks cannot be evaded by looking like one.


PROTOTYPES: list[Any] = [
    BaggingClassifier(HistGradientBoostingClassifier(max_iter=2), 2),
    CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=2), cv=2),
    AdaBoostClassifier(GradientBoostingClassifier(n_estimators=2), n_estimators=2),
    RFE(GradientBoostingClassifier(n_estimators=2), n_features_to_select=2),
    OneVsRestClassifier(HistGradientBoostingClassifier(max_iter=2)),
    StackingClassifier([("trees", GradientBoostingClassifier(n_estimators=2))], cv=2),
    VotingClassifier([("trees", HistGradientBoostingClassifier(max_iter=2))]),
    GridSearchCV(
        make_pipeline(GradientBoostingClassifier(n_estimators=2)),
        {"gradientboostingclassifier__max_depth": [1, 2]},
        cv=2,
    ),
    make_pipeline(
        SelectFromModel(GradientBoostingClassifier(n_estimators=2)),
        HistGradientBoostingClassifier(max_iter=2),
    ),
]


@pytest.mark.parametrize("estimator", PROTOTYPES, ids=lambda each: type(each).__name__)
def test_unfitted_boosting_may_be_inside(estimator: Any) -> None:
    estimator.fit(iris().X, iris().y)
    again = artifact.loads(artifact.dumps(estimator))
    assert np.array_equal(again.predict(iris().X), estimator.predict(iris().X))


@pytest.mark.parametrize("kind", [GradientBoostingRegressor, HistGradientBoostingRegressor])
def test_unfitted_boosting_has_no_trees(kind: type) -> None:
    again = artifact.loads(artifact.dumps(kind()))
    with pytest.raises(NotFittedError):
        again.predict(iris().X.to_numpy())


def alone(kind: type, *names: str) -> Any:
    """Return boosting that lacks everything that `fit` sets but these, and has no widths."""
    boosting = kind().fit(iris().X, iris().y)
    for name in [*vars(boosting)]:
        if name not in (*names, *boosting.get_params()):
            delattr(boosting, name)
    return boosting


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (GradientBoostingRegressor, ["estimators_"]),
        (GradientBoostingRegressor, ["n_trees_per_iteration_"]),
        (HistGradientBoostingRegressor, ["_predictors"]),
        (HistGradientBoostingRegressor, ["_predictors", "_n_features"]),
        (HistGradientBoostingRegressor, ["_bin_mapper"]),
        (HistGradientBoostingRegressor, ["_predictors", "_bin_mapper", "_n_features"]),
    ],
)
def test_half_fitted_boosting_is_refused(kind: type, names: list[str]) -> None:
    with pytest.raises(ArtifactError):
        artifact.loads(artifact.dumps(alone(kind, *names)))


def test_more_trees_than_outputs_are_refused() -> None:
    boosting = GradientBoostingRegressor(n_estimators=2).fit(iris().X, iris().y)
    boosting.estimators_ = np.column_stack([boosting.estimators_] * 3)
    with pytest.raises(ArtifactError, match="another number of trees"):
        artifact.loads(artifact.dumps(boosting))


# A distance reads its weights without looking how many there are.


@pytest.mark.parametrize("algorithm", ["brute", "ball_tree"])
@pytest.mark.parametrize(
    ("metric", "given"),
    [
        ("seuclidean", {"V": np.ones(4)}),
        ("mahalanobis", {"V": np.eye(4)}),
        ("minkowski", {"p": 3, "w": np.ones(4)}),
    ],
)
def test_distances_are_as_wide_as_tables(algorithm: str, metric: str, given: Any) -> None:
    distance = DistanceMetric.get_metric(metric, **given)
    near = KNeighborsClassifier(metric=distance, algorithm=algorithm).fit(iris().X, iris().y)
    again = artifact.loads(artifact.dumps(near))
    assert np.array_equal(again.predict(iris().X), near.predict(iris().X))
    narrow = {name: value if np.isscalar(value) else value[:2] for name, value in given.items()}
    if metric == "mahalanobis":
        narrow = {"V": np.eye(2)}
    distance.__setstate__(DistanceMetric.get_metric(metric, **narrow).__getstate__())
    with pytest.raises(ArtifactError, match="is damaged"):
        artifact.loads(artifact.dumps(near))
