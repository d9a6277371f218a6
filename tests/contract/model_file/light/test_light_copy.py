"""The light copy lacks what predict never calls, and the user's estimator stays as it is."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import stats
from sklearn.cluster import Birch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, RidgeCV
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from service.contract.model_file import artifact
from service.contract.model_file.light.light_copy import LightCopy
from tests.contract.model_file.estimators import answers, same
from tests.support.models import iris, penguins

LINE = LogisticRegression(max_iter=1000)
X, Y = iris().X, iris().y
BINARY = (Y == 2).astype(int)
SMOOTHING = {"var_smoothing": [1e-9, 1e-8]}


def own_score(estimator: Any, X: Any, y: Any) -> float:
    return float(np.mean(estimator.predict(X) == y))


def names_in(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return json.dumps(json.loads(file.read("schema.json")))


SEARCHES: dict[str, Callable[[], Any]] = {
    "a name": lambda: GridSearchCV(GaussianNB(), SMOOTHING, scoring="f1_macro", cv=2),
    "names": lambda: GridSearchCV(
        GaussianNB(), SMOOTHING, scoring=["accuracy", "f1_macro"], refit="accuracy", cv=2
    ),
    "scorers": lambda: GridSearchCV(
        GaussianNB(),
        SMOOTHING,
        scoring={"a": make_scorer(f1_score, average="macro")},
        refit="a",
        cv=KFold(2, shuffle=True),
    ),
    "a function": lambda: GridSearchCV(GaussianNB(), SMOOTHING, scoring=own_score, cv=2),
    "a lambda": lambda: GridSearchCV(
        GaussianNB(), SMOOTHING, scoring=lambda e, X, y: 1.0, cv=2, refit=lambda results: 0
    ),
    "repeated": lambda: GridSearchCV(GaussianNB(), SMOOTHING, cv=RepeatedStratifiedKFold()),
    "predefined": lambda: GridSearchCV(GaussianNB(), SMOOTHING, cv=PredefinedSplit([0, 1] * 75)),
    "splits": lambda: GridSearchCV(GaussianNB(), SMOOTHING, cv=StratifiedKFold(2).split(X, Y)),
    "distributions": lambda: RandomizedSearchCV(
        GaussianNB(), {"var_smoothing": stats.loguniform(1e-9, 1e-6)}, n_iter=2, cv=2
    ),
    "halving": lambda: HalvingRandomSearchCV(
        GaussianNB(), {"var_smoothing": stats.uniform(1e-9, 1e-6)}, cv=StratifiedKFold(3)
    ),
    "parameters": lambda: GridSearchCV(
        make_pipeline(StandardScaler(), GaussianNB()),
        {"standardscaler": [StandardScaler(), FunctionTransformer(np.log1p), "passthrough"]},
        cv=2,
    ),
    "threshold": lambda: TunedThresholdClassifierCV(
        LINE, scoring=make_scorer(f1_score, pos_label=1), cv=StratifiedKFold(2)
    ),
    "regularisation": lambda: LogisticRegressionCV(
        Cs=2, cv=StratifiedKFold(2), scoring=make_scorer(f1_score), max_iter=1000
    ),
    "ridge": lambda: RidgeCV(cv=KFold(2), scoring="r2"),
    "birch": lambda: Birch(n_clusters=3),
}


NEVER_CALLED = (
    "KFold",
    "PredefinedSplit",
    "RepeatedStratifiedKFold",
    "StratifiedKFold",
    "_CFNode",
    "_PassthroughScorer",
    "_Scorer",
    "f1_score",
    "own_score",
    "rv_continuous_frozen",
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SEARCHES)
def test_answers_need_nothing_left_out(kind: str) -> None:
    made = SEARCHES[kind]()
    y = BINARY if kind in ("threshold", "regularisation") else Y
    estimator = made.fit(X, y)
    content = artifact.dumps(estimator)
    assert artifact.light_copy(estimator).left_out
    assert same(answers(artifact.loads(content), X), answers(estimator, X))
    for name in NEVER_CALLED:
        assert f'"__class__": "{name}"' not in names_in(content)


def test_a_threshold_keeps_its_positive_class() -> None:
    y = BINARY.map({0: "other", 1: "virginica"})
    for positive in ("other", "virginica"):
        scorer = make_scorer(f1_score, pos_label=positive)
        tuned = TunedThresholdClassifierCV(GaussianNB(), scoring=scorer, cv=3).fit(X, y)
        again = artifact.loads(artifact.dumps(tuned))
        assert np.array_equal(again.predict(X), tuned.predict(X))


def test_the_original_stays_as_it_is() -> None:
    search = SEARCHES["scorers"]().fit(X, Y)
    before, held = pickle.dumps(search), {**vars(search)}
    copy = LightCopy(search)
    assert vars(search) == held
    assert all(vars(search)[name] is value for name, value in held.items())
    assert pickle.dumps(search) == before
    assert copy.estimator.best_estimator_ is search.best_estimator_
    assert {"GridSearchCV.scorer_", "GridSearchCV.cv"} <= {*copy.left_out}
    assert (copy.estimator.cv, copy.estimator.refit) == (None, "a")


def test_plain_values_of_parameters_stay() -> None:
    search = LightCopy(SEARCHES["a name"]().fit(X, Y)).estimator
    assert (search.cv, search.scoring, search.refit) == (2, "f1_macro", True)
    assert LightCopy(LINE).estimator is LINE


BIRDS = penguins().X.assign(species=penguins().y.astype("category")).dropna()
COLUMNS: dict[str, tuple[Any, Any]] = {
    "objects": (
        make_column_selector(dtype_include=np.number),
        make_column_selector(dtype_exclude=np.number),
    ),
    "categories": (["bill_depth_mm"], make_column_selector(dtype_include="category")),
    "types": (
        make_column_selector(dtype_include=[float, np.int64]),
        make_column_selector(dtype_include=[object, "str", pd.CategoricalDtype]),
    ),
    "pattern": (make_column_selector(pattern="_mm$"), make_column_selector("^island$|^sex$")),
    "both": (make_column_selector("^bill", dtype_include="number"), ["sex"]),
    "lambda": (lambda table: ["bill_depth_mm"], lambda table: table.columns[[0]]),
    "index": (BIRDS.columns[1:3], BIRDS.columns[:1]),
    "slices": (slice("bill_length_mm", "body_mass_g"), slice(0, 1)),
    "masks": (BIRDS.columns.str.endswith("_mm"), np.array([True] + [False] * 5 + [True])),
}


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("searched", [False, True])
def test_columns_may_be_chosen_anyhow(kind: str, searched: bool) -> None:
    numbers, text = COLUMNS[kind]
    encode = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer((StandardScaler(), numbers), (encode, text))
    estimator: Any = make_pipeline(columns, LINE)
    if searched:
        estimator = GridSearchCV(estimator, {"logisticregression__C": [0.5, 1.0]}, cv=2)
    estimator.fit(BIRDS, BIRDS["island"])
    again = artifact.loads(artifact.dumps(estimator))
    assert same(answers(again, BIRDS), answers(estimator, BIRDS))
    asked = BIRDS.assign(sex="other")
    assert same(answers(again, asked), answers(estimator, asked))


def test_a_partial_that_was_looked_at() -> None:
    function = partial(np.clip, a_min=0, a_max=1)
    assert function.__dict__ == {}  # from now on it has one
    X = np.array([[-1.0], [2.0]])
    kept = FunctionTransformer(function).fit(X)
    read = artifact.loads(artifact.dumps(kept))
    assert read.transform(X).tolist() == [[0.0], [1.0]]


def test_the_output_of_the_notebook_travels() -> None:
    with sklearn.config_context(transform_output="pandas"):
        names = make_column_transformer((StandardScaler(), ["petal_width"]))
        names.set_params(verbose_feature_names_out=False)
        again_names = make_column_transformer(("passthrough", ["petal_width"]))
        pipeline = make_pipeline(names, again_names, LINE).fit(X, Y)
        content, expected = artifact.dumps(pipeline), pipeline.predict_proba(X)
    assert "_sklearn_output_config" not in vars(pipeline[0])
    again = artifact.loads(content)
    assert isinstance(again[0].transform(X), pd.DataFrame)
    assert np.array_equal(again.predict_proba(X), expected)


def test_an_output_of_its_own_stays() -> None:
    scaler = StandardScaler().set_output(transform="default")
    with sklearn.config_context(transform_output="pandas"):
        content = artifact.dumps(make_pipeline(scaler, LINE).fit(X, Y))
    assert isinstance(artifact.loads(content)[0].transform(X), np.ndarray)


def test_requests_for_metadata_travel() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        line = LogisticRegression(max_iter=1000).set_fit_request(sample_weight=True)
        search = GridSearchCV(line.set_score_request(sample_weight=False), {"C": [1.0]}, cv=2)
        search.fit(X, Y, sample_weight=np.ones(len(X)))
    again = artifact.loads(artifact.dumps(search))
    assert again.best_estimator_._metadata_request.fit.requests == {"sample_weight": True}
    assert np.array_equal(again.predict(X), search.predict(X))


WORDS = ["one word", "another word", "no word"] * 5


@pytest.mark.parametrize("vocabulary", [{"one", "no"}, frozenset({"one", "no"}), ["one", "no"]])
def test_sets_of_words_travel(vocabulary: Any) -> None:
    words = make_pipeline(CountVectorizer(vocabulary=vocabulary), LINE).fit(WORDS, [1, 0, 0] * 5)
    again = artifact.loads(artifact.dumps(words))
    assert same(answers(again, WORDS), answers(words, WORDS))


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA])
def test_imputers_of_any_missing_travel(missing: Any) -> None:
    table = pd.DataFrame({"sex": ["female", missing, "male"] * 5}, dtype=object)
    fill = SimpleImputer(missing_values=missing, strategy="most_frequent")
    imputed = make_pipeline(fill, OneHotEncoder(), LINE).fit(table, [1, 0, 0] * 5)
    again = artifact.loads(artifact.dumps(imputed))
    assert same(answers(again, table), answers(imputed, table))


def test_memory_of_files_travels_as_arrays(tmp_path: Path) -> None:
    """joblib hands large tables to its workers as files; an estimator may keep them."""
    line = LogisticRegression(max_iter=1000).fit(X, Y)
    kept = np.memmap(tmp_path / "coefficients", dtype=float, mode="w+", shape=line.coef_.shape)
    kept[:] = line.coef_
    expected, line.coef_ = line.predict_proba(X), kept
    assert np.array_equal(artifact.loads(artifact.dumps(line)).predict_proba(X), expected)
    assert line.coef_ is kept
