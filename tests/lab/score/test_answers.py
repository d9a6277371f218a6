"""Scores are the API's answers, from whatever the rows come."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from service.contract.errors import InputError
from service.lab import Lab
from service.lab.score.data import parts
from tests.support.live import LiveApi, running_api
from tests.support.models import Trained, body_mass, iris, penguins
from tests.support.rounding import equal_but_for_rounding
from tests.support.scores import scored, to_parquet
from tests.support.unsupervised import customers, fitted

EXACT = ("iris", "several", "forest", "outliers")  # trees: nothing is rounded by rows beside
ROWS = 130  # of a part here; the API's own tables have more than 64, too


@cache
def mixed() -> Trained:
    """Every kind of feature that a table has, some missing."""
    random, rows = np.random.default_rng(3), 400
    X = pd.DataFrame(
        {
            "size": random.normal(size=rows),
            "weight": random.normal(size=rows).astype("float32"),
            "count": pd.array(random.integers(0, 9, rows), dtype="Int64"),
            "year": random.integers(2000, 2026, rows),
            "is_new": random.random(rows) < 0.5,
            "colour": random.choice(["red", "green", 'a "b", c'], rows),
            "grade": pd.Categorical(random.choice(["low", "high"], rows)),
        }
    )
    X.loc[::7, "size"], X.loc[::9, "count"], X.loc[::11, "colour"] = np.nan, pd.NA, None
    y = (X["size"].fillna(0) + X["year"] / 26 > 77).astype(int)
    encode = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    numbers = ["size", "weight", "count", "year", "is_new"]
    prepare = make_column_transformer(
        (encode, ["colour", "grade"]), (make_pipeline(SimpleImputer(), StandardScaler()), numbers)
    )
    return Trained(make_pipeline(prepare, LogisticRegression()).fit(X, y), X, y)


@cache
def several() -> Trained:
    X = iris().X
    y = pd.DataFrame({"kind": iris().y, "is_wide": X["sepal_width"] > 3})
    chosen = MultiOutputClassifier(HistGradientBoostingClassifier(max_iter=5))
    return Trained(chosen.fit(X, y), X, y)


@cache
def reviews() -> Trained:
    random = np.random.default_rng(0)
    words = ["good", "bad", "line\nend", "so, so", '"quoted"', "fine"]
    X = pd.DataFrame({"review": [" ".join(random.choice(words, 9)) for _ in range(200)]})
    y = X["review"].str.count("good") > 1
    return Trained(
        make_pipeline(make_column_transformer((TfidfVectorizer(), "review")), LogisticRegression())
        .fit(X, y), X, y,
    )  # fmt: skip


@cache
def forest() -> Trained:
    X, y = iris().X, iris().X["petal_width"] + 0.5
    return Trained(RandomForestRegressor(10, random_state=0).fit(X.to_numpy(), y), X.to_numpy(), y)


def without_target(name: str) -> Trained:
    return Trained(fitted(name), customers(), None)


MODELS: dict[str, Any] = {
    "iris": iris,
    "penguins": penguins,
    "mass": body_mass,
    "mixed": mixed,
    "several": several,
    "reviews": reviews,
    "forest": forest,
    "outliers": lambda: without_target("IsolationForest"),
    "clusters": lambda: without_target("KMeans"),
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("scores")) as api:
        for name, trained in MODELS.items():
            given = trained()
            api.lab().publish(name, given.estimator, given.X, given.y)
        yield api


@pytest.fixture
def lab(api: LiveApi, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(parts, "ROWS", ROWS)
    monkeypatch.setattr("service.lab.score.scoring.HERE", 1000)  # no cluster for a few small parts
    return api.lab(dask_scheduler_address="")


def rows_of(trained: Trained) -> Any:
    """Return more rows than a part has, in another order than those of training."""
    places = np.random.default_rng(1).integers(0, len(trained.X), 300)
    if isinstance(trained.X, np.ndarray):
        return trained.X[places]
    return trained.X.iloc[places].reset_index(drop=True)


def assert_same(lab: Lab, name: str, X: Any, found: pd.DataFrame) -> None:
    answers = lab.predict(name, X).drop(columns="prediction_id")
    assert len(found) == len(X)
    for column in answers:
        want, got = answers[column].to_numpy(), found[column].to_numpy()
        equal = np.array_equal if name in EXACT else equal_but_for_rounding
        assert equal(want, got), column
    assert found["row"].tolist() == [*range(len(X))]
    assert {*found["version"]} == {1}


@pytest.mark.parametrize("name", MODELS)
def test_scores_are_the_answers(lab: Lab, name: str, tmp_path: Path) -> None:
    X = rows_of(MODELS[name]())
    report = lab.score(name, X, tmp_path / "out")
    assert report.table.empty
    assert_same(lab, name, X, scored(tmp_path / "out"))


@pytest.mark.parametrize("name", ["iris", "penguins", "mass", "mixed", "reviews"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_give_the_same_scores(lab: Lab, name: str, kind: str, tmp_path: Path) -> None:
    X = rows_of(MODELS[name]())
    data = tmp_path / "data"
    data.mkdir()
    for number, part in enumerate(np.array_split(np.arange(len(X)), 2)):
        file = data / f"{number}.{kind}"
        if kind == "csv":
            X.iloc[part].to_csv(file, index=False)
        else:
            to_parquet(X.iloc[part], file)
    report = lab.score(name, data, tmp_path / "out")
    assert report.table.empty
    found = scored(tmp_path / "out")
    assert_same(lab, name, X, found)
    files = found["file"].map(lambda path: Path(path).name)
    assert files.value_counts().to_dict() == {f"0.{kind}": 150, f"1.{kind}": 150}


def test_what_is_read_is_kept(lab: Lab, tmp_path: Path) -> None:
    X = rows_of(mixed()).assign(Row=range(1000, 1300), Version="v", note=None)
    lab.score("mixed", X, tmp_path / "out")
    found = scored(tmp_path / "out")
    for column in ("size", "weight", "count", "year", "is_new", "colour", "grade", "note"):
        want = X[column].astype(object).where(X[column].notna(), None).tolist()
        got = found[column].astype(object).where(found[column].notna(), None).tolist()
        assert got == want, column
    assert found["input.Row"].tolist() == X["Row"].tolist()
    assert {*found["input.Version"]} == {"v"}


def test_folders_are_columns(lab: Lab, tmp_path: Path) -> None:
    X = rows_of(penguins())
    nothing = "__HIVE_DEFAULT_PARTITION__"
    order = X.fillna({"sex": nothing}).sort_values(["island", "sex"], kind="stable")
    for (island, sex), part in order.groupby(["island", "sex"]):
        folder = tmp_path / "data" / f"island={island}" / f"sex={sex}"
        folder.mkdir(parents=True)
        part.drop(columns=["island", "sex"]).to_csv(folder / "part.csv", index=False)
    lab.score("penguins", tmp_path / "data", tmp_path / "out")
    order = order.replace({"sex": {nothing: None}})
    assert_same(lab, "penguins", order, scored(tmp_path / "out"))


def test_what_does_not_fit_is_beside(lab: Lab, tmp_path: Path) -> None:
    X = rows_of(mixed()).astype({"colour": object, "size": object})
    X.loc[7, "size"], X.loc[130, ["size", "colour"]] = "big", [None, "blue"]
    X.loc[250, "size"] = np.inf
    X.loc[251, ["size", "colour"]] = True, 7
    report = lab.score("mixed", X, tmp_path / "out")
    bad = [7, 130, 250, 251]
    good = X.drop(index=bad)
    found = scored(tmp_path / "out")
    assert found["row"].tolist() == good.index.tolist()
    answers = lab.predict("mixed", good)
    assert equal_but_for_rounding(found["proba_1"], answers["proba_1"])
    misfits = scored(tmp_path / "out" / "_refused")
    assert misfits["row"].tolist() == bad
    assert misfits["size"].fillna("").tolist() == ["big", "", "inf", "True"]
    for row, reason in zip(misfits["row"], misfits["reason"], strict=True):
        with pytest.raises(InputError) as refused:
            lab.predict("mixed", X.iloc[[row]])
        said = str(refused.value).replace(" in row 0 ", " ")
        assert said.startswith(reason.partition(" column 0")[0]), (said, reason)
    assert report.table["rows"].tolist() == [1, 1, 1, 1]
    assert report.table["first_row"].tolist() == bad
