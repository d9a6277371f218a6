"""Scores are read back like the log: the same drift, and the quality that scikit-learn measures."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score

from service.contract.errors import InputError, ScoringError
from service.contract.model.store import ModelStore
from service.lab import Lab
from service.lab.publish.publication import Publication
from service.lab.score.scored import SAMPLE
from tests.support.live import LiveApi, running_api
from tests.support.models import Trained, body_mass, penguins


@cache
def awkward() -> Trained:
    """Features that are called as columns of the log and of the result are."""
    random = np.random.default_rng(0)
    names = ["time", "Version", "row", "file", "prediction", "digest", "plain"]
    X = pd.DataFrame(random.normal(size=(300, 7)), columns=names)
    y = (X["row"] + X["plain"] > 0).map({True: "yes", False: "no"})
    return Trained(RandomForestClassifier(5, random_state=0).fit(X, y), X, y)


MODELS = {"penguins": penguins, "mass": body_mass, "awkward": awkward}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("scored")) as api:
        for name, trained in MODELS.items():
            given = trained()
            api.lab().publish(name, given.estimator, given.X, given.y)
        yield api


@pytest.mark.parametrize("name", MODELS)
def test_scores_drift_as_the_log_does(api: LiveApi, name: str, tmp_path: Path) -> None:
    lab, X = api.lab(dask_scheduler_address=""), MODELS[name]().X
    moved = X.sample(200, replace=True, random_state=1).reset_index(drop=True)
    moved[moved.columns[-2]] = moved[moved.columns[-2]].to_numpy()[::-1]
    moved[moved.columns[0]] = moved[moved.columns[0]].max()
    began = pd.Timestamp.now("UTC")
    lab.predict(name, moved)
    lab.score(name, moved, tmp_path / "out")
    logged, scored = lab.drift(name, since=began), lab.drift(name, scored=tmp_path / "out")
    pd.testing.assert_frame_equal(scored.table, logged.table)
    assert scored.notes == logged.notes
    assert scored.heading.startswith(f"Drift of {name}: 200 scored rows against training")


def test_private_features_stay_out(tmp_path: Path) -> None:
    store, given = ModelStore(tmp_path / "models"), penguins()
    publication = Publication("m", given.estimator, given.X, given.y, private=["sex"])
    store.promote("m", publication.write(store))
    folders = {"models_dir": tmp_path / "models", "logs_dir": tmp_path, "log_copy_dir": tmp_path}
    lab = Lab(api_url="http://127.0.0.1:9", **folders, dask_scheduler_address="")
    X = given.X.head(50).assign(sex=lambda t: t["sex"].where(t.index != 7, "\ud800"))
    lab.score("m", X.astype({"sex": object}), tmp_path / "out")
    assert lab.drift("m", scored=tmp_path / "out").table["verdict"]["sex"] == "private"
    for folder in (tmp_path / "out", tmp_path / "out" / "_refused"):
        assert "sex" not in lab.sql(f"SELECT * FROM '{folder}/*.parquet'").columns


def quality(lab: Lab, out: Path, truth: object) -> pd.Series:
    return lab.quality("m", scored=out, truth=truth).total


def published(folder: Path, trained: Trained) -> Lab:
    store = ModelStore(folder / "models")
    publication = Publication("m", trained.estimator, trained.X, trained.y)
    store.promote("m", publication.write(store))
    return Lab(models_dir=folder / "models", log_copy_dir=folder, dask_scheduler_address="")


def test_classes_are_judged(tmp_path: Path) -> None:
    given, out = awkward(), tmp_path / "out"
    lab = published(tmp_path, given)
    truth = given.y.sample(frac=1, random_state=0).reset_index(drop=True)
    data = given.X.assign(truth=truth)
    data.loc[5, "row"] = np.inf  # which moves the rows that follow it
    lab.score("m", data, out)
    known = data.index != 5
    want = accuracy_score(truth[known], given.estimator.predict(given.X[known]))
    loss = log_loss(truth[known], given.estimator.predict_proba(given.X[known]))
    for found in (quality(lab, out, "truth"), quality(lab, out, truth.tolist())):
        assert found["predictions"] == found["known"] == 299
        assert found["accuracy"] == pytest.approx(want)
        assert found["log_loss"] == pytest.approx(loss)
    some = truth.where(truth.index % 2 == 0, None)
    assert quality(lab, out, some)["known"] == 150


def test_numbers_are_judged(tmp_path: Path) -> None:
    given, out = body_mass(), tmp_path / "out"
    lab = published(tmp_path, given)
    lab.score("m", given.X, out)
    found, answers = quality(lab, out, given.y), given.estimator.predict(given.X)
    assert found["mae"] == pytest.approx(mean_absolute_error(given.y, answers))
    assert found["r2"] == pytest.approx(r2_score(given.y, answers))


def test_large_results_are_sampled(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    X = pd.DataFrame({"size": random.normal(size=SAMPLE + 50_000)})
    y = 2 * X["size"]
    lab = published(tmp_path, Trained(LinearRegression().fit(X, y), X.head(1000), y.head(1000)))
    with lab.cluster(workers=1):
        lab.score("m", X, tmp_path / "out")
    report = lab.drift("m", scored=tmp_path / "out")
    assert report.notes[0] == "From a sample of 200,000 of 250,000 scored rows."
    assert report.table["rows"]["size"] == SAMPLE
    assert report.table["verdict"].tolist() == ["stable", "stable"]
    off = quality(lab, tmp_path / "out", (y + 0.5).to_numpy())
    assert off["mae"] == pytest.approx(0.5)


def test_what_is_no_result_is_named(tmp_path: Path) -> None:
    given, out = body_mass(), tmp_path / "out"
    lab = published(tmp_path, given)
    lab.score("m", given.X, out)
    with pytest.raises(ScoringError, match=r"has no result of lab\.score"):
        lab.drift("m", scored=tmp_path)
    with pytest.raises(ScoringError, match="has scores of 'm', not of 'n'"):
        lab.drift("n", scored=out)
    with pytest.raises(ScoringError, match="There are 2 true values, and the data set has 333"):
        quality(lab, out, [1.0, 2.0])
    with pytest.raises(ScoringError, match=r"has no column 'y'\. It has: row, prediction"):
        quality(lab, out, "y")
    with pytest.raises(ScoringError, match="All true values are missing"):
        quality(lab, out, [None] * 333)
    with pytest.raises(InputError, match="`since` chooses from the log"):
        lab.drift("m", since="1d", scored=out)
    with pytest.raises(InputError, match=r"`truth` is for the result of lab\.score"):
        lab.quality("m", truth=[1.0])
