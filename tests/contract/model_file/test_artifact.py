"""Estimators can be written and read again, under the allow-list."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, TweedieRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    PolynomialFeatures,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from service.contract.model_file import artifact
from service.contract.model_file import tree as model_tree
from service.contract.model_file.archive import Archive
from service.features import AddRatio
from tests.support.models import iris, penguins

TREE = DecisionTreeClassifier(max_depth=2, random_state=0)


@pytest.mark.parametrize(
    "estimator",
    [
        TREE,
        ExtraTreesClassifier(5, random_state=0),
        RandomForestRegressor(5, random_state=0),
        GradientBoostingClassifier(n_estimators=5, random_state=0),
        GradientBoostingRegressor(n_estimators=5, random_state=0),
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
        HistGradientBoostingRegressor(max_iter=5, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)),
        make_pipeline(PolynomialFeatures(), Ridge()),
        make_pipeline(QuantileTransformer(n_quantiles=20), KNeighborsClassifier()),
        make_pipeline(StandardScaler(), MLPClassifier((4,), tol=1e-2, random_state=0)),
        make_pipeline(StandardScaler(), SVC()),
        make_pipeline(SelectKBest(k=2), GaussianProcessClassifier()),
        make_pipeline(SplineTransformer(), TweedieRegressor(power=0)),
        make_pipeline(AddRatio("petal_length", "petal_width"), GaussianNB()),
        CalibratedClassifierCV(TREE, cv=3),
        GridSearchCV(TREE, {"max_depth": [1, 2]}, cv=3),
        VotingClassifier([("tree", TREE), ("bayes", GaussianNB())], voting="soft"),
        StackingClassifier([("tree", TREE)], GaussianNB(), cv=3),
    ],
    ids=lambda estimator: " ".join(str(estimator).split())[:40],
)
def test_an_estimator_survives_its_file(tmp_path: Path, estimator: Any) -> None:
    X, y = iris().X, iris().y
    estimator.fit(X, y)
    (tmp_path / "model.skops").write_bytes(artifact.dumps(estimator))
    again = artifact.load(tmp_path / "model.skops")
    assert np.array_equal(again.predict(X), estimator.predict(X))
    if hasattr(estimator, "predict_proba"):
        assert np.array_equal(again.predict_proba(X), estimator.predict_proba(X))


def test_a_text_pipeline_survives_its_file(tmp_path: Path) -> None:
    trained = penguins()
    (tmp_path / "model.skops").write_bytes(artifact.dumps(trained.estimator))
    again = artifact.load(tmp_path / "model.skops")
    assert np.array_equal(
        again.predict_proba(trained.X), trained.estimator.predict_proba(trained.X)
    )


def test_column_selectors_survive_their_file(tmp_path: Path) -> None:
    numbers = make_column_selector(dtype_include="number")
    estimator = make_pipeline(make_column_transformer((StandardScaler(), numbers)), GaussianNB())
    estimator.fit(iris().X, iris().y)
    (tmp_path / "model.skops").write_bytes(artifact.dumps(estimator))
    again = artifact.load(tmp_path / "model.skops")
    assert np.array_equal(again.predict_proba(iris().X), estimator.predict_proba(iris().X))


def test_categorical_boosting_survives_its_file(tmp_path: Path) -> None:
    X = penguins().X.assign(**{c: penguins().X[c].astype("category") for c in ("island", "sex")})
    estimator = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=5)
    estimator.fit(X, penguins().y)
    (tmp_path / "model.skops").write_bytes(artifact.dumps(estimator))
    again = artifact.load(tmp_path / "model.skops")
    assert np.array_equal(again.predict_proba(X), estimator.predict_proba(X))


def test_a_ratio_by_zero_is_missing() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 4.0]})
    added = AddRatio("a", "b").fit(table)
    assert added.transform(table)["a_per_b"].isna().tolist() == [True, False]
    assert added.get_feature_names_out().tolist() == ["a", "b", "a_per_b"]
    with pytest.raises(ValueError, match=r"AddRatio needs the columns \['c'\]"):
        AddRatio("a", "c").fit(table)


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, check = tmp_path / "model.skops", model_tree.check
    file.write_bytes(artifact.dumps(TREE.fit(iris().X, iris().y)))

    def check_and_overwrite(archive: Archive) -> list[str]:
        names = check(archive)
        with file.open("r+b") as opened:
            opened.write(bytes(file.stat().st_size))
        return names

    monkeypatch.setattr(model_tree, "check", check_and_overwrite)
    again = artifact.load(file)
    assert np.array_equal(again.predict_proba(iris().X), TREE.predict_proba(iris().X))
    assert not any(file.read_bytes())


def test_a_forest_loads_in_its_size(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    forest = RandomForestClassifier(40).fit(dice.random((8000, 4)), dice.integers(0, 3, 8000))
    file = tmp_path / "model.skops"
    file.write_bytes(artifact.dumps(forest))
    tracemalloc.start()
    artifact.load(file)
    _, peak = tracemalloc.get_traced_memory()  # of Python and NumPy, not of compiled trees
    tracemalloc.stop()
    assert peak < 1.2 * file.stat().st_size
