"""The allow-list holds what estimators hold after `fit`, and no more."""

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import all_estimators

from service import features
from service.contract.errors import ArtifactError
from service.contract.model_file import allow_list, artifact
from tests.support.models import iris

ROWS = iris().X.iloc[::5].reset_index(drop=True)
TABLES: list[tuple[Any, Any]] = [
    (ROWS, iris().y[::5]),
    (ROWS.abs(), ROWS["petal_width"]),
    (["one word", "two words"], None),
    ([{"a": 1.0}, {"a": 2.0}], None),
    (np.array([1, 2, 3, 1]), None),
    ([["a"], ["b"]], None),
]


def fitted() -> Iterator[Any]:
    """Return the transformers and clusterers that fit a table as they come.

    Classifiers and regressors are served and compared in tests/contract/predictors/test_exact.py.
    """
    for _, kind in all_estimators(["transformer", "cluster"]):
        for X, y in TABLES:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    yield kind().fit(X, y)
                    break
                except (TypeError, ValueError, AttributeError):
                    continue


def test_what_fit_sets_may_be_held() -> None:
    count = 0
    for estimator in fitted():
        again = artifact.loads(artifact.dumps(estimator))
        lacking = {name.partition(".")[2] for name in artifact.light_copy(estimator).left_out}
        assert vars(again).keys() | lacking == vars(estimator).keys() | lacking
        count += 1
    assert count > 60


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(
            SelectKBest(k=2, score_func=partial(mutual_info_classif, random_state=0)), GaussianNB()
        ),
        make_pipeline(FunctionTransformer(np.log1p, inverse_func=np.expm1), GaussianNB()),
        make_pipeline(StandardScaler().set_output(transform="pandas"), GaussianNB()),
        make_pipeline(PCA(2, random_state=np.random.RandomState(0)), GaussianNB()),
        make_pipeline(
            ColumnTransformer(
                [("scale", StandardScaler(), ["petal_length"])],
                verbose_feature_names_out="{feature_name}@{transformer_name}",
            ).set_output(transform="pandas"),
            GaussianNB(),
        ),
        make_pipeline(
            ColumnTransformer([("scale", StandardScaler(), slice("sepal_width", "petal_length"))]),
            GaussianNB(),
        ),
        LogisticRegression(class_weight={0: 1.0, 1: 2.0, 2: 1.0}, max_iter=1000),
        GridSearchCV(
            make_pipeline(SelectKBest(k=2), GaussianNB()),
            {"selectkbest__score_func": [f_classif, mutual_info_classif]},
            cv=2,
            scoring="f1_macro",
        ),
        GridSearchCV(
            GaussianNB(), {"var_smoothing": [1e-9]}, scoring=["accuracy"], refit="accuracy"
        ),
    ],
    ids=lambda estimator: " ".join(str(estimator).split())[:40],
)
def test_what_people_set_may_be_held(estimator: Any) -> None:
    X, y = iris().X, iris().y
    again = artifact.loads(artifact.dumps(estimator.fit(X, y)))
    assert np.array_equal(again.predict(X), estimator.predict(X))


# What somebody might write in service/features.py.


class Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    def __init__(self, bound: Any = None) -> None:
        self.bound = bound

    def fit(self, X: Any, y: Any = None) -> Any:
        self.bounds_ = {1: 2.5, "a": (2, None)}
        self._columns = [*X.columns]
        return self

    def transform(self, X: Any) -> Any:
        return X.clip(upper=1)


def highest(X: Any) -> float:
    return float(X.to_numpy().max())


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (Clip, highest):
        monkeypatch.setattr(each, "__module__", features.__name__)
        monkeypatch.setattr(features, each.__name__, each, raising=False)
    monkeypatch.setattr(allow_list, "resolve", allow_list.resolve.__wrapped__)


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize("bound", [None, 3.5, highest, np.sqrt, partial(highest)])
def test_our_classes_hold_what_they_set(bound: Any) -> None:
    estimator = Clip(bound).fit(iris().X)
    again = artifact.loads(artifact.dumps(make_pipeline(estimator, "passthrough")))
    assert vars(again[0]).keys() == vars(estimator).keys()


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize("name", ["fit", "transform", "predict", "__class__", "_other"])
def test_our_classes_hold_nothing_else(name: str) -> None:
    estimator = Clip().fit(iris().X)
    content = artifact.dumps(estimator).replace(b'"_columns"', f'"{name}"'.encode())
    with pytest.raises(ArtifactError):
        artifact.loads(content)
