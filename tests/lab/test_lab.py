"""The verbs of `Lab`, and what they say when something is wrong."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.manifold import TSNE
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from service.contract.errors import (
    ApiUnreachableError,
    EstimatorError,
    InputError,
    LabloopError,
    NotFoundError,
    SignatureError,
)
from service.lab import Lab
from tests.support.live import LiveApi, free_ports, running_api
from tests.support.models import FLOWER, body_mass, iris, penguins


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("api"), GIT_REVISION="abc123") as api:
        lab = api.lab()
        lab.publish(
            "iris",
            iris().estimator,
            iris().X,
            iris().y,
            metrics={"accuracy": np.float64(0.97)},
            class_names=["setosa", "versicolor", "virginica"],
            parameters={"SEED": 0},
        )
        lab.publish("penguins", penguins().estimator, penguins().X, penguins().y)
        yield api


@pytest.fixture
def lab(api: LiveApi) -> Lab:
    return api.lab()


# Predict.


@pytest.mark.parametrize("name", ["iris", "penguins"])
def test_predict_matches_the_estimator(lab: Lab, name: str) -> None:
    trained = {"iris": iris, "penguins": penguins}[name]()
    X = trained.X.sample(frac=1, random_state=0)
    answers = lab.predict(name, X)
    assert answers.index.equals(X.index)
    assert answers["prediction"].tolist() == trained.estimator.predict(X).tolist()
    classes = trained.estimator.classes_
    assert [*answers.columns[2:]] == [f"proba_{c}" for c in classes]
    assert np.array_equal(answers.iloc[:, 2:], trained.estimator.predict_proba(X))


def test_dicts_are_rows(lab: Lab) -> None:
    assert lab.predict("iris", FLOWER)["prediction"].tolist() == [0]
    assert lab.predict("iris", [FLOWER, FLOWER])["prediction"].tolist() == [0, 0]


def test_array_models_take_arrays(lab: Lab) -> None:
    X, y = iris().X.to_numpy(), iris().y
    lab.publish("array", LogisticRegression(max_iter=1000).fit(X, y), X, y)
    assert len(lab.predict("array", X[:7])) == 7


def test_integers_and_booleans_come_through(lab: Lab) -> None:
    X = pd.DataFrame({"count": [1, 2, 3, 4], "new": [True, False, True, False]})
    y = [1.0, 2.0, 3.0, 4.0]
    lab.publish("typed", LinearRegression().fit(X, y), X, y)
    assert lab.predict("typed", X)["prediction"].tolist() == pytest.approx(y)


def test_many_rows_go_in_chunks(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    X = pd.concat([iris().X] * 200, ignore_index=True)
    answers = lab.predict("iris", X)
    assert len(answers) == 30_000
    assert answers["prediction_id"].is_unique
    assert "30000/30000" in capsys.readouterr().err
    versions = lab.predictions("iris").set_index("prediction_id").loc[answers["prediction_id"]]
    assert versions["version"].nunique() == 1


def test_errors_name_the_table_row(lab: Lab) -> None:
    X = pd.concat([iris().X] * 200, ignore_index=True).astype(object)
    X.loc[24_321, "petal_width"] = "wide"
    with pytest.raises(InputError, match="Counted from row 20000 of the table: ") as caught:
        lab.predict("iris", X)
    assert "'petal_width' in row 4321 is 'wide'" in str(caught.value)
    assert caught.value.details[0]["row"] == 24_321


def test_api_errors_keep_their_class(lab: Lab) -> None:
    with pytest.raises(InputError, match="did you mean 'petal_width'"):
        lab.predict("iris", {**FLOWER, "petal_widht": 1})
    with pytest.raises(NotFoundError, match="no model 'daisies'; published: "):
        lab.predict("daisies", FLOWER)
    with pytest.raises(NotFoundError, match="no version 9"):
        lab.predict("iris", FLOWER, version=9)
    with pytest.raises(SignatureError, match="a list of rows"):
        lab.predict("iris", [1, 2, 3])


def test_infinity_is_no_missing_value(lab: Lab) -> None:
    X = penguins().X.head(3).assign(body_mass_g=[1.0, 2.0, np.inf])
    with pytest.raises(InputError, match="'body_mass_g' in row 2 is not a finite number"):
        lab.predict("penguins", X)


def test_an_empty_table_is_refused(lab: Lab) -> None:
    with pytest.raises(InputError, match="at least one"):
        lab.predict("iris", iris().X.head(0))


# What is there.


def test_models_and_versions_are_tables(lab: Lab) -> None:
    lab.publish("two", body_mass().estimator, body_mass().X, body_mass().y, metrics={"r2": 0.8})
    lab.publish("two", body_mass().estimator, body_mass().X, body_mass().y)
    models = lab.models()
    assert models.loc["two", ["live", "versions"]].tolist() == [2, 2]
    assert models.loc["iris", "accuracy"] == 0.97
    versions = lab.versions("two")
    assert versions.index.tolist() == [2, 1]
    assert versions["live"].tolist() == [True, False]
    assert versions.loc[1, "r2"] == 0.8
    assert versions.loc[1, "rows"] == len(body_mass().X)
    assert versions.loc[1, "estimator"] == "LinearRegression()"
    with pytest.raises(NotFoundError, match="no model 'daisies'"):
        lab.versions("daisies")


def test_an_empty_store_is_empty(tmp_path: Path) -> None:
    lab = Lab(models_dir=tmp_path, logs_dir=tmp_path)
    assert lab.models().empty
    assert "No model is published yet" in lab._repr_html_()


def test_a_published_version_renders(lab: Lab) -> None:
    published = lab.promote("iris", 1)
    assert str(published) == "iris version 1 (live)"
    page = published._repr_html_()
    for text in ("accuracy 0.97", "setosa, versicolor, virginica", "petal_width (number)"):
        assert text in page


def test_a_manifest_names_the_origin(lab: Lab) -> None:
    manifest = lab.promote("iris", 1).manifest
    assert manifest.metrics == {"accuracy": 0.97}
    assert manifest.class_name(2) == "virginica"
    assert manifest.parameters == {"SEED": 0}
    assert manifest.image == "local"
    assert manifest.rows == 150


# Nothing is written when an estimator cannot be published.


class NoPredict:
    pass


def flat(X: pd.DataFrame) -> pd.DataFrame:
    return X


def with_generator() -> LinearRegression:
    """Make an estimator that holds something which cannot be saved."""
    estimator = LinearRegression().fit(iris().X, iris().y)
    estimator.left = (number for number in [1])
    return estimator


def with_function(function: Any) -> Any:
    line = LogisticRegression(max_iter=1000)
    return make_pipeline(FunctionTransformer(function), line).fit(iris().X, iris().y)


def with_method() -> LinearRegression:
    """Make an estimator that has one of its methods replaced."""
    estimator = LinearRegression().fit(iris().X, iris().y)
    estimator.decision_function = np.abs
    return estimator


UNUSABLE: list[tuple[str, Any, Any, Any, dict[str, Any], str]] = [
    ("bad name", "Iris!", iris().estimator, iris().X, {}, "Model name 'Iris!'"),
    ("no predict", "new", NoPredict(), iris().X, {}, "NoPredict has no `predict`"),
    ("a class", "new", LogisticRegression, iris().X, {}, "has no `predict`"),
    ("clustering", "new", DBSCAN(), iris().X, {}, "DBSCAN has no `predict`"),
    ("not fitted", "new", LogisticRegression(), iris().X, {}, "not fitted. Call its `fit"),
    ("unfitted pipeline", "new", make_pipeline(StandardScaler(), LogisticRegression()), iris().X,
     {}, "not fitted"),
    ("other columns", "new", iris().estimator, penguins().X.head(150), {}, "does not fit X"),
    ("fewer columns", "new", iris().estimator, iris().X.iloc[:, :2], {}, "does not fit X"),
    ("fewer rows", "new", iris().estimator, iris().X.head(9), {}, "X has 9 rows, but y has 150"),
    ("no y", "new", iris().estimator, iris().X, {"y": None}, "y is None.*predicts a target"),
    ("no y for numbers", "new", LinearRegression().fit(iris().X, iris().y), iris().X, {"y": None},
     "y is None.*Only clusterers, mixtures and outlier detectors need none"),
    ("no new rows", "new", AgglomerativeClustering().fit(iris().X), iris().X, {"y": None},
     "AgglomerativeClustering.*no others.*KMeans, MeanShift"),
    ("in a pipeline", "new", make_pipeline(StandardScaler(), DBSCAN()).fit(iris().X), iris().X,
     {"y": None}, "DBSCAN has no `predict`: it groups the rows"),
    ("no novelty", "new", LocalOutlierFactor().fit(iris().X), iris().X, {"y": None},
     "novelty=True"),
    ("no refit", "new", GridSearchCV(KMeans(), {"n_clusters": [2]}, refit=False).fit(iris().X),
     iris().X, {"y": None}, "GridSearchCV.*Fit it with refit=True"),
    ("a transformer", "new", StandardScaler().fit(iris().X), iris().X, {"y": None},
     "StandardScaler has no `predict`: it only transforms"),
    ("only a picture", "new", TSNE(), iris().X, {"y": None}, "TSNE has no `predict`: it places"),
    ("names of clusters", "new", KMeans(3, n_init=1).fit(iris().X), iris().X,
     {"y": None, "class_names": ["a"]}, r"class_names has 1.*\[0, 1, 2\]"),
    ("no rows", "new", iris().estimator, iris().X.head(0), {"y": []}, "shape \\(0, 4\\)"),
    ("class names", "new", iris().estimator, iris().X, {"class_names": ["a"]}, "class_names has 1"),
    ("metric", "new", iris().estimator, iris().X, {"metrics": {"f1": "high"}}, "Metric 'f1'"),
    ("infinite", "new", iris().estimator, iris().X.assign(petal_width=np.inf), {}, "infinite"),
    ("twice", "new", iris().estimator, iris().X[["petal_width"] * 2], {}, "there twice"),
    ("number as name", "new", iris().estimator, iris().X.rename(columns={"petal_width": 1}), {},
     "Column name 1 is not text"),
    ("dates", "new", iris().estimator, iris().X.assign(day=date(2024, 2, 3)), {},
     "'day'.*Convert it by pd.to_datetime"),
    ("unwritable", "new", with_generator(), iris().X, {}, "cannot be written as a skops file"),
    ("function", "new", with_function(flat), iris().X, {}, r"allow-list.*service/features\.py"),
    ("lambda", "new", with_function(lambda X: X), iris().X, {}, r"<lambda>.*service/features\.py"),
    ("a method replaced", "new", with_method(), iris().X, {},
     "LinearRegression holds the attribute 'decision_function'"),
]  # fmt: skip


@pytest.mark.parametrize(
    "name, estimator, X, more, words", [u[1:] for u in UNUSABLE], ids=[u[0] for u in UNUSABLE]
)
def test_unusable_models_leave_nothing_written(
    tmp_path: Path, name: str, estimator: Any, X: Any, more: dict[str, Any], words: str
) -> None:
    lab = Lab(models_dir=tmp_path / "models", logs_dir=tmp_path)
    with pytest.raises(EstimatorError, match=words):
        lab.publish(name, estimator, X, **{"y": iris().y, **more})
    assert [*tmp_path.rglob("*")] in ([], [tmp_path / "models"])


# No API.


def test_an_unreachable_api_names_its_url(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    lab = Lab(api_url=url, models_dir=tmp_path / "models", logs_dir=tmp_path)
    with pytest.raises(ApiUnreachableError, match=f"{url} does not answer.*make up"):
        lab.predict("iris", FLOWER)
    with pytest.raises(ApiUnreachableError, match=r"version 1 is written and live.*make up"):
        lab.publish("iris", iris().estimator, iris().X, iris().y)
    assert lab.versions("iris")["live"].tolist() == [True]


def test_another_server_is_an_error(api: LiveApi, tmp_path: Path) -> None:
    lab = Lab(api_url=f"{api.url}/docs", models_dir=tmp_path, logs_dir=tmp_path)
    with pytest.raises(LabloopError):
        lab.predict("iris", FLOWER)
