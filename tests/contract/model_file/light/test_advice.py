"""What no model file can hold is refused with its place and with what to do."""

import threading
from collections import defaultdict
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from service import features
from service.contract.errors import EstimatorError
from service.contract.model_file import artifact
from tests.support.models import iris

LINE = LogisticRegression(max_iter=1000)


class Keep(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What somebody might write in a notebook, or in service/features.py."""

    def __init__(self, kept: Any = None) -> None:
        self.kept = kept

    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def transform(self, X: Any) -> Any:
        return X


def add_one(X: Any) -> Any:
    return X + 1


def refusal(estimator: Any) -> str:
    with pytest.raises(EstimatorError) as refused:
        artifact.dumps(estimator)
    return str(refused.value)


def with_function(function: Any) -> Any:
    return make_pipeline(FunctionTransformer(function), LINE)


@pytest.fixture
def in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (Keep, add_one):
        monkeypatch.setattr(each, "__module__", "__main__")


@pytest.fixture
def in_our_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keep, "__module__", features.__name__)
    monkeypatch.setattr(features, "Keep", Keep, raising=False)


def test_a_lambda_is_moved() -> None:
    text = refusal(with_function(lambda X: X + 1))
    assert "FunctionTransformer.func (at Pipeline.steps[0][1].func) is a <lambda>" in text
    assert "`def my_function(...)` in service/features.py" in text
    assert "`from service.features import my_function`" in text
    assert "`FunctionTransformer(func=my_function)`" in text


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.usefixtures("in_a_notebook")
def test_a_function_of_a_cell_moves(wrapped: bool) -> None:
    text = refusal(with_function(partial(add_one) if wrapped else add_one))
    assert "is add_one, a function of this notebook" in text
    assert "`def add_one(...)` in service/features.py" in text
    assert "`from service.features import add_one`, `FunctionTransformer(func=add_one)`" in text


@pytest.mark.usefixtures("in_a_notebook")
def test_a_class_of_a_cell_moves() -> None:
    text = refusal(make_pipeline(Keep(), LINE))
    assert "is a Keep, a class of this notebook" in text
    assert "Move the class to service/features.py" in text
    assert "`from service.features import Keep`, use `Keep(...)`" in text


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (with_function(pd.isna), "pandas.isna"),
        (with_function(np.load), "numpy.load"),
        (with_function(np.apply_along_axis), "numpy.apply_along_axis"),
        (with_function(np.vectorize(abs)), "abs"),
        (with_function(StandardScaler().fit_transform), "the method fit_transform"),
        (make_pipeline(CountVectorizer(tokenizer=str.split), LINE), "split"),
        (KNeighborsClassifier(weights=np.frompyfunc(abs, 1, 1)), "abs (vectorized)"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_other_functions_are_wrapped(estimator: Any, name: str) -> None:
    text = refusal(estimator)
    assert name in text
    assert "`def " in text
    assert "service/features.py" in text


@pytest.mark.usefixtures("in_our_file")
@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (threading.Lock(), "of the type lock"),
        ((number for number in [1]), "of the type generator"),
        (pd.Series([1.0]), "a pandas Series. Keep its values"),
        (pd.DataFrame({"a": [1.0]}), "a pandas DataFrame. Keep its values"),
        ({("a", "b"): 1}, r"has the key \('a', 'b'\)"),
        ({None: 1}, "has the key None"),
        (defaultdict(lambda: 1), "is a <lambda>"),
        (pytest.MonkeyPatch(), "a MonkeyPatch of the library _pytest"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_is_kept_is_named(kept: Any, words: str) -> None:
    with pytest.raises(EstimatorError, match=rf"Keep.kept \(at Pipeline.steps.*{words}"):
        artifact.dumps(make_pipeline(Keep(kept), LINE))


@pytest.mark.usefixtures("in_our_file")
def test_circles_and_depth_are_refused() -> None:
    circle = Keep()
    circle.kept = circle
    assert "cut the circle" in refusal(circle)
    deep: list[Any] = []
    for _ in range(2000):
        deep = [deep]
    assert "nested in more than 100 others" in refusal(Keep(deep))
    pipeline: Any = GaussianNB()
    for _ in range(300):
        pipeline = Pipeline([("step", pipeline)])
    assert "nested in more than 100 others" in refusal(pipeline)


@pytest.mark.usefixtures("in_our_file")
def test_an_error_in_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Any) -> Any:
        raise AttributeError("nothing is here")

    monkeypatch.setattr(Keep, "__getstate__", fails)
    assert "AttributeError: nothing is here" in refusal(Keep())


def test_the_best_estimator_would_do() -> None:
    steps = [("step", FunctionTransformer(lambda X: X)), ("model", GaussianNB())]
    search = GridSearchCV(Pipeline(steps), {"step": [StandardScaler(), "passthrough"]}, cv=2)
    text = refusal(search.fit(iris().X, iris().y))
    assert text.endswith("Or publish its `best_estimator_`, a Pipeline, alone: it can be.")


def test_tables_of_polars_are_refused() -> None:
    scaler = StandardScaler()
    scaler._sklearn_output_config = {"transform": "polars"}
    text = refusal(make_pipeline(scaler, LINE))
    assert "gives tables of polars" in text
    assert '.set_output(transform="pandas")' in text
