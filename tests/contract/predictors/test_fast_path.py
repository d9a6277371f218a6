"""The fast path gives the estimator's predictions or none, also where it once did not."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from service.contract.errors import InputError
from service.contract.model import golden
from service.contract.predictors import decision_trees
from service.contract.predictors.no_fast_path import NoFastPathError
from service.contract.predictors.predictor import Predictor
from service.contract.signature.predictions import Predictions, disagreement, predict_columns
from service.contract.signature.signature import Columns
from service.features import AddRatio
from service.lab.publish.publication import Publication
from tests.support.models import iris, penguins

random = np.random.default_rng(0)
X = random.normal(size=200)
Y = (X > 0).astype(int)
WORDS = random.choice(["a", "b", "d"], 200)
UNKNOWN_IS_NAN = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)


def numbers(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": X, **columns})


def flags() -> pd.DataFrame:
    flag = pd.Series(random.random(200) < 0.4).astype(object)
    flag[random.random(200) < 0.2] = np.nan
    return numbers(flag=flag)


def whole(*values: int) -> pd.DataFrame:
    return pd.DataFrame({"x": np.where(Y, values[1], values[0])})


def frequent(last: Any) -> Any:
    return make_pipeline(SimpleImputer(strategy="most_frequent"), last)


BOOSTING = GradientBoostingClassifier(n_estimators=5, random_state=0)
HISTOGRAMS = HistGradientBoostingClassifier(max_iter=5)
ORDINAL = make_column_transformer((UNKNOWN_IS_NAN, ["c"]), remainder="passthrough")
SPARSE = make_column_transformer(
    (OneHotEncoder(), ["d"]), (UNKNOWN_IS_NAN, ["c"]), remainder="passthrough", sparse_threshold=1.0
)
WEIGHTED = ColumnTransformer(
    [("i", SimpleImputer(strategy="most_frequent"), ["flag"])],
    remainder="passthrough",
    transformer_weights={"i": 0.1},
)
LETTERS = random.choice([*"pqrstuvwxyz"], 200)

# The estimator, its table, its target, and a row that was answered otherwise.
ONCE: dict[str, tuple[Any, pd.DataFrame, Any, dict[str, Any]]] = {
    "words as numbers": (
        LogisticRegression(),
        numbers(c=random.choice(["1", "2"], 200)),
        Y,
        {"x": 0.3, "c": "abc"},
    ),
    "unknown is missing": (
        make_pipeline(ORDINAL, BOOSTING),
        numbers(c=WORDS),
        Y,
        {"x": 0.3, "c": "new"},
    ),
    "missing is checked": (
        make_pipeline(ORDINAL, FunctionTransformer(validate=True), HISTOGRAMS),
        numbers(c=WORDS),
        Y,
        {"x": 0.3, "c": "new"},
    ),
    "missing in a sparse table": (
        make_pipeline(SPARSE, RandomForestClassifier(5, random_state=0)),
        numbers(c=WORDS, d=LETTERS),
        Y,
        {"x": 0.3, "c": "new", "d": "p"},
    ),
    "weights": (
        make_pipeline(WEIGHTED, LogisticRegression()),
        flags(),
        Y,
        {"x": 0.5, "flag": True},
    ),
    "exponential loss": (
        make_pipeline(
            make_column_transformer(
                (frequent(OrdinalEncoder()), ["flag"]), remainder="passthrough"
            ),
            GradientBoostingClassifier(loss="exponential", n_estimators=6, random_state=0),
        ),
        flags(),
        Y,
        {"x": 0.5, "flag": True},
    ),
    "infinity in a middle step": (
        make_pipeline(StandardScaler(), MinMaxScaler(), HISTOGRAMS),
        pd.DataFrame({"x": X * 0.01, "z": X}),
        Y,
        {"x": 1e308, "z": 0.0},
    ),
    "integers without a float": (
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()),
        whole(0, 2**53),
        Y,
        {"x": 2**53 + 1},
    ),
    "integers rounded twice": (
        DecisionTreeClassifier(),
        whole(2**60, 2**60 + 2**37),
        Y,
        {"x": 2**60 + 2**36 + 1},
    ),
    "logits that overflow": (
        LogisticRegression(),
        pd.DataFrame({"x": X, "z": random.normal(size=200)}),
        np.digitize(X, [-0.5, 0.5]),
        {"x": 1e308, "z": 1e308},
    ),
    "too large for a tree": (RandomForestClassifier(5), numbers(), Y, {"x": 1e300}),
}


def answer(ask: Callable[[Columns], Predictions], columns: Columns) -> Predictions | str:
    try:
        return ask(columns)
    except InputError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", ONCE)
def test_odd_rows_match_the_estimator(case: str) -> None:
    estimator, table, y, row = ONCE[case]
    publication = Publication("m", estimator.fit(table, y), table, y)
    signature = publication.signature
    predictor = Predictor(estimator, signature)
    predictor.try_fast_path(publication.golden, 300)
    columns = signature.parse_rows([row])
    expected = answer(partial(predict_columns, estimator, signature), columns)
    given = answer(predictor, columns)
    if isinstance(expected, str) or isinstance(given, str):
        assert given == expected
    else:
        assert disagreement(signature, expected, given) is None


def test_cancelling_numbers_use_the_estimator() -> None:
    table = pd.DataFrame(random.normal(size=(200, 3)), columns=[*"abc"])
    line = LinearRegression().fit(table, table.sum(axis=1))
    publication = Publication("m", line, table, table["a"])
    predictor = Predictor(line, publication.signature)
    assert predictor.fast({"a": [1.0], "b": [1.0], "c": [-2.0]})
    with pytest.raises(NoFastPathError, match="large numbers cancel"):
        predictor.fast({"a": [1e10], "b": [1e10], "c": [-2e10]})


INNER = make_column_transformer((StandardScaler(), ["x"]), remainder="passthrough")
PIPELINES: dict[str, Any] = {
    "nested": make_pipeline(make_pipeline(INNER), LogisticRegression()),
    "two by name": make_pipeline(
        clone(INNER).set_output(transform="pandas"),
        make_column_transformer((StandardScaler(), ["standardscaler__x"])),
        LogisticRegression(),
    ),
    "sparse coefficients": make_pipeline(StandardScaler(), LogisticRegression()),
    "single precision": make_pipeline(OneHotEncoder(dtype=np.float32), Ridge()),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PIPELINES)
def test_unsupported_models_have_no_fast_path(name: str) -> None:
    estimator: BaseEstimator = PIPELINES[name]
    table = numbers(z=X**2)
    estimator.fit(table, Y)
    if name == "sparse coefficients":
        estimator[-1].sparsify()
    publication = Publication("m", estimator, table, Y)
    predictor = Predictor(estimator, publication.signature)
    predictor.try_fast_path(publication.golden, 300)
    golden.prove(predictor, publication.signature, publication.golden)


@pytest.mark.parametrize("trained", [iris(), penguins()], ids=["iris", "penguins"])
def test_the_fast_path_predicts_most_rows(trained: Any) -> None:
    publication = Publication("m", trained.estimator, trained.X, trained.y)
    predictor = Predictor(trained.estimator, publication.signature)
    predictor.try_fast_path(publication.golden, 300)
    assert predictor.verdict.slow_because is None
    assert predictor.verdict.quick
    columns = publication.golden.columns
    left = 0
    for row in range(50):
        one = {feature: values[row : row + 1] for feature, values in columns.items()}
        try:
            predictor.fast(publication.signature.parse_columns(one))
        except NoFastPathError:
            left += 1
    assert left < 10


def test_transform_array_makes_a_fast_path() -> None:
    pipeline = make_pipeline(
        AddRatio("petal_length", "petal_width"),
        make_column_transformer(
            (StandardScaler(), ["petal_length_per_petal_width", "sepal_length"]),
            remainder="passthrough",
        ),
        RandomForestClassifier(50, random_state=0),
    ).fit(iris().X, iris().y)
    publication = Publication("m", pipeline, iris().X, iris().y)
    predictor = Predictor(pipeline, publication.signature)
    predictor.try_fast_path(publication.golden, 300)
    assert predictor.verdict.slow_because is None
    assert predictor.fast(publication.signature.parse_columns(publication.golden.columns))


def test_the_reason_names_the_step() -> None:
    pipeline = make_pipeline(PolynomialFeatures(), LogisticRegression(max_iter=5000))
    pipeline.fit(iris().X, iris().y)
    publication = Publication("m", pipeline, iris().X, iris().y)
    predictor = Predictor(pipeline, publication.signature)
    predictor.try_fast_path(publication.golden, 300)
    assert predictor.verdict.slow_because == "PolynomialFeatures has none."


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(20, random_state=0),
        ExtraTreesClassifier(20, random_state=0),
        RandomForestRegressor(20, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_a_large_forest_has_no_copy(estimator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_trees, "LARGE", 1000)
    table = iris().X
    y = table["petal_width"] if isinstance(estimator, RandomForestRegressor) else iris().y
    publication = Publication("m", estimator.fit(table, y), table, y)
    signature = publication.signature
    predictor = Predictor(estimator, signature)
    predictor.try_fast_path(publication.golden, 300)
    assert predictor.verdict.slow_because is None
    assert predictor.verdict.trees is None
    columns = signature.parse_columns(publication.golden.columns)
    given, expected = predictor.fast(columns), predict_columns(estimator, signature, columns)
    assert given.predictions == expected.predictions
    assert np.array_equal(given.probabilities, expected.probabilities)


def test_bytes_make_a_forest_large() -> None:
    forest = RandomForestClassifier(20, random_state=0).fit(iris().X, iris().y)
    state = [tree.tree_.__getstate__() for tree in forest.estimators_]
    size = sum(each["nodes"].nbytes + each["values"].nbytes for each in state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decision_trees, "LARGE", size)
        assert decision_trees.large_forest(forest) == []
        patch.setattr(decision_trees, "LARGE", size - 1)
        assert len(decision_trees.large_forest(forest)) == 20
