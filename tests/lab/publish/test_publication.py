"""What publish writes is asked before it is written, and says what it lacks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from service import features
from service.contract.errors import EstimatorError
from service.contract.model.store import ModelStore
from service.lab.publish.publication import ModelVersion, Publication
from tests.support.models import iris

X, Y = iris().X, iris().y == 2
LINE = LogisticRegression(max_iter=1000)


class Forgetful(BaseEstimator):  # type: ignore[misc]
    """It predicts by what its file does not hold."""

    def fit(self, X: Any, y: Any) -> Any:
        self.large_ = 1.0
        return self

    def predict(self, X: Any) -> Any:
        return (X["petal_width"].to_numpy() > 1.0) * self.large_

    def __getstate__(self) -> Any:
        return {"large_": 2.0}


def test_a_version_says_what_it_lacks(tmp_path: Path) -> None:
    scorer = make_scorer(fbeta_score, beta=2)
    search = GridSearchCV(LINE, {"C": [0.5, 1.0]}, scoring=scorer, cv=StratifiedKFold(2))
    store = ModelStore(tmp_path)
    version = Publication("new", search.fit(X, Y), X, Y).write(store, {}, None, {})
    manifest = store.manifest("new", version)
    assert {"GridSearchCV.scorer_", "GridSearchCV.scoring", "GridSearchCV.cv"} <= {
        *manifest.left_out
    }
    shown = ModelVersion("new", version, False, manifest)._repr_html_()
    assert "left out" in shown
    assert "GridSearchCV.scorer_" in shown
    plain = Publication("plain", LINE.fit(X, Y), X, Y).write(store, {}, None, {})
    assert store.manifest("plain", plain).left_out == []
    plain_version = ModelVersion("plain", plain, False, store.manifest("plain", plain))
    assert "left out" not in plain_version._repr_html_()


def test_drawn_numbers_read_as_numbers(tmp_path: Path) -> None:
    drawn = {"C": uniform(0.5, 1), "tol": uniform(0.1, 1)}
    search = RandomizedSearchCV(LogisticRegression(), drawn, n_iter=2, random_state=0)
    best = search.fit(iris().X, iris().y).best_params_
    assert {type(value) for value in best.values()} == {np.float64}
    store = ModelStore(tmp_path)
    version = Publication("iris", search, iris().X, iris().y).write(store, {}, None, {})
    said = f"LogisticRegression(C={float(best['C'])!r}, tol={float(best['tol'])!r})"
    assert store.manifest("iris", version).estimator == f"RandomizedSearchCV of {said}"


def test_what_was_read_must_predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Forgetful, "__module__", features.__name__)
    monkeypatch.setattr(features, "Forgetful", Forgetful, raising=False)
    publication = Publication("new", Forgetful().fit(X, Y), X, X["petal_width"])
    with pytest.raises(EstimatorError, match=r"cannot be published.*Golden row"):
        publication.write(ModelStore(tmp_path), {}, None, {})
    assert [*tmp_path.iterdir()] == []


def test_advice_reaches_whoever_publishes(tmp_path: Path) -> None:
    odd = make_pipeline(FunctionTransformer(lambda X: np.abs(X)), LINE).fit(X, Y)
    with pytest.raises(EstimatorError, match=r"`from service\.features import my_function`"):
        Publication("new", odd, X, Y).write(ModelStore(tmp_path), {}, None, {})
    assert [*tmp_path.iterdir()] == []
