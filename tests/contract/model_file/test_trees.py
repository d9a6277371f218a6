"""A tree reads only columns that its table has."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    GradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.multioutput import MultiOutputClassifier
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
