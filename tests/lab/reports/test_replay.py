"""Replay: another version predicts logged inputs."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from service.contract.errors import ArtifactError, LabloopError, NotFoundError
from service.contract.model import checksums
from service.contract.model.manifest import MODEL
from service.contract.model.store import ModelStore
from service.lab.log.publications import Logged
from service.lab.publish.publication import Publication
from service.lab.reports import replay
from tests.lab.reports.logged import logged, publish, run
from tests.support.models import Trained, body_mass, iris, penguins


def publication_of(trained: Trained, name: str = "m") -> Publication:
    return Publication(name, trained.estimator, trained.X, trained.y)


def log_of(trained: Trained) -> pd.DataFrame:
    return logged(publication_of(trained), trained.X)


def with_estimator(estimator: Any, trained: Trained) -> Publication:
    return Publication("m", estimator.fit(trained.X, trained.y), trained.X, trained.y)


@pytest.mark.parametrize("trained", [iris, penguins, body_mass])
def test_the_same_version_agrees(tmp_path: Path, trained: Any) -> None:
    store = publish(tmp_path, publication_of(trained()))
    found = run(store, "m", 1, log_of(trained()))
    assert found.table.empty
    assert found.notes == ["All agree."]
    assert len(found.compared) == len(trained().X)
    assert found.figure().axes


def test_another_version_shows_where_it_disagrees(tmp_path: Path) -> None:
    other = with_estimator(LogisticRegression(C=0.05, max_iter=1000), iris())
    found = run(publish(tmp_path, other), "m", 1, log_of(iris()))
    was, now = iris().estimator, other.estimator
    rows = np.flatnonzero(was.predict(iris().X) != now.predict(iris().X))
    assert 0 < len(rows) < 30
    assert found.table["prediction_id"].tolist() == [f"1-{row}" for row in rows]
    assert found.table["prediction"].tolist() == was.predict(iris().X.iloc[rows]).tolist()
    assert found.table["new_prediction"].tolist() == now.predict(iris().X.iloc[rows]).tolist()
    place, X = found.table["prediction"].to_numpy(), iris().X.iloc[rows]
    each = np.arange(len(rows))
    change = now.predict_proba(X)[each, place] - was.predict_proba(X)[each, place]
    assert found.table["change"].tolist() == pytest.approx(change.tolist())
    assert found.table[[*X.columns]].equals(X.reset_index(drop=True))
    assert found.notes == [f"{len(rows)} of 150 differ ({len(rows) / 150:.1%})."]


def test_the_largest_difference_comes_first(tmp_path: Path) -> None:
    store = publish(tmp_path, with_estimator(Ridge(500), body_mass()))
    log = log_of(body_mass())
    found = run(store, "m", 1, log)
    assert found.table["change"].abs().is_monotonic_decreasing
    assert len(found.table) > 300
    answered = log.assign(prediction=found.compared["new_prediction"] * (1 + 1e-7))
    assert run(store, "m", 1, answered).table.empty


@pytest.mark.parametrize("rows", [1, 10])
def test_a_short_log_is_enough(tmp_path: Path, rows: int) -> None:
    store = publish(tmp_path, publication_of(penguins()))
    found = run(store, "m", 1, log_of(penguins()).tail(rows))
    assert len(found.compared) == rows
    assert found.figure().axes


def test_unfit_rows_are_left_out(tmp_path: Path) -> None:
    complete = penguins().X.dropna()
    y = penguins().y[complete.index]
    prepare = make_column_transformer((OneHotEncoder(), ["island", "sex"]), remainder="passthrough")
    picky = make_pipeline(prepare, LogisticRegression(max_iter=5000)).fit(complete, y)
    strict = Trained(picky, complete, y)
    store = publish(tmp_path, publication_of(strict))
    log = log_of(penguins())
    log["island"] = log["island"].where(~log.index.isin([50, 60]), "Atlantis")
    log["prediction"] = log["prediction"].where(log.index != 70, None)
    found = run(store, "m", 1, log)
    assert len(found.compared) == 333 - 3
    note = found.notes[-1]
    assert note.startswith("Left out: 14 rows.")
    assert (
        "'sex' is null, but was never missing in training, and the model refuses it (9 rows)"
        in note
    )
    assert "Found unknown categories ['Atlantis']" in note
    assert found.compared.index.is_monotonic_increasing


class Picky(KNeighborsClassifier):  # type: ignore[misc]
    """Refuses whole tables for one row, as an estimator with a check of its own does."""

    def predict(self, X: Any) -> Any:
        if (np.asarray(X) > 7.5).any():
            raise ValueError("too long a sepal")
        return super().predict(X)


def test_a_refused_row_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = iris().X["sepal_length"] <= 7.5
    picky = Picky(1).fit(iris().X, iris().y)
    publication = Publication("m", picky, iris().X[small], iris().y[small])
    store = publish(tmp_path, with_estimator(KNeighborsClassifier(1), iris()))
    monkeypatch.setattr(
        "service.contract.model_file.artifact.load", lambda file: publication.estimator
    )
    found = run(store, "m", 1, log_of(iris()))
    assert len(found.compared) == small.sum() < 150
    assert "too long a sepal" in found.notes[-1]


def test_missing_integers_match_the_api(tmp_path: Path) -> None:
    X = pd.DataFrame(
        {
            "year": pd.array([2024, 2025, None, 2026] * 10, dtype="Int64"),
            "size": pd.Categorical([1, 2, None, 3] * 10),
            "time": [1.0, 2.0, 3.0, 4.0] * 10,
        }
    )
    fitted = HistGradientBoostingRegressor(max_iter=3).fit(X, range(40))
    publication = Publication("m", fitted, X, range(40))
    log = logged(publication, X)
    assert log["year"].dtype == log["size"].dtype == float
    found = run(publish(tmp_path, publication), "m", 1, log.assign(prediction=-1))
    assert len(found.table) == 40
    assert {"time", "input.time"} <= {*found.table}
    assert sorted(found.table["new_prediction"]) == sorted(fitted.predict(X))


def test_unlogged_features_are_not_missing(tmp_path: Path) -> None:
    p = penguins()
    store = publish(tmp_path, publication_of(p))
    small = Trained(RandomForestClassifier(5, random_state=0), p.X[["body_mass_g"]], p.y)
    other = with_estimator(small.estimator, small)
    assert other.write(store, {}, None, {}) == 2
    both = pd.concat([log_of(p), logged(other, small.X, version=2)])
    found = run(store, "m", 1, both)
    assert found.notes == [
        "All agree.",
        "Left out: 344 rows. version 2 did not log 'island' (344 rows).",
    ]
    assert len(run(store, "m", 2, both).compared) == 688


def test_several_targets_are_compared_each(tmp_path: Path) -> None:
    X, y = iris().X, pd.DataFrame({"kind": iris().y, "long": iris().X["petal_length"] > 4})
    y = y.astype(int)
    store = publish(tmp_path, Publication("m", KNeighborsClassifier(60).fit(X, y), X, y))
    log = logged(Publication("m", KNeighborsClassifier(1).fit(X, y), X, y), X)
    found = run(store, "m", 1, log)
    assert {"new_prediction_kind", "new_prediction_long", "change_long"} <= {*found.table}
    assert (found.table["change_kind"].notna() & found.table["change_long"].notna()).all()
    assert 0 < len(found.table) < 150
    assert len(found.figure().axes) == 2


# What cannot be replayed.


def test_an_unlogged_feature_is_named(tmp_path: Path) -> None:
    store = publish(tmp_path, publication_of(iris()))
    with pytest.raises(LabloopError, match=r"m version 1 needs the feature 'sepal_length'.*Choose"):
        run(store, "m", 1, log_of(iris()).drop(columns="sepal_length"))


def test_a_private_feature_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = publish(tmp_path, publication_of(iris()))
    manifest = store.manifest("m", 1)
    features = [
        SimpleNamespace(**{**f.model_dump(), "private": True}) for f in manifest.signature.features
    ]
    signature: Any = SimpleNamespace(
        features=features, names=manifest.signature.names, output=manifest.signature.output
    )
    hidden = manifest.model_copy(update={"signature": signature})
    monkeypatch.setattr(ModelStore, "manifest", lambda *_: hidden)
    with pytest.raises(LabloopError, match="'sepal_length', which is private"):
        run(store, "m", 1, log_of(iris()))


def test_no_remaining_row_gives_reasons(tmp_path: Path) -> None:
    store = publish(tmp_path, publication_of(iris()))
    log = log_of(iris()).assign(petal_width="wide")
    with pytest.raises(LabloopError, match=r"none of the 150 logged rows: 'petal_width' is 'wide'"):
        run(store, "m", 1, log)


def test_an_empty_log_is_an_error(tmp_path: Path) -> None:
    store = publish(tmp_path, publication_of(iris()))
    log = log_of(iris())
    with pytest.raises(LabloopError, match=r"no predictions of 'm' here.*`since`"):
        run(store, "m", 1, log.head(0))
    with pytest.raises(LabloopError, match="predicts prediction, which the log does not hold"):
        run(store, "m", 1, log.rename(columns={"prediction": "prediction_a"}))


def flat(X: pd.DataFrame) -> pd.DataFrame:
    return X


def test_disallowed_types_are_not_loaded(tmp_path: Path) -> None:
    store = publish(tmp_path, publication_of(iris()))
    foreign = make_pipeline(FunctionTransformer(flat), iris().estimator)
    (store.folder("m", 1) / MODEL).write_bytes(skops.io.dumps(foreign))
    checksums.write(store.folder("m", 1))
    with pytest.raises(ArtifactError, match="not on the allow-list"):
        run(store, "m", 1, log_of(iris()))


def test_files_are_checked_before_loading(tmp_path: Path) -> None:
    store = publish(tmp_path, publication_of(iris()))
    with pytest.raises(NotFoundError, match="no version 2; published: 1"):
        run(store, "m", 2, log_of(iris()))
    (store.folder("m", 1) / MODEL).write_bytes(b"another model")
    with pytest.raises(ArtifactError, match="is not what was published"):
        run(store, "m", 1, log_of(iris()))


# Versions of other types.


def in_turn(store: ModelStore, *tables: pd.DataFrame, y: Any = None) -> list[Logged]:
    """Publish a version for each table, and return what each logged about its own."""
    found = []
    for version, X in enumerate(tables, 1):
        encode = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["b"]), remainder="passthrough"
        )
        target = iris().y if y is None else y[version - 1]
        model = make_pipeline(encode, DecisionTreeClassifier(random_state=0)).fit(X, target)
        publication = Publication("m", model, X, target)
        assert publication.write(store, {}, None, {}) == version
        output = publication.signature.output
        log = logged(publication, X, version)
        found.append(Logged(version, output.classes, output.targets, log))
    return found


B = pd.Series(np.arange(150) % 3 == 1)
TYPES = {
    "integer": B.astype(int),
    "boolean": B,
    "number": B + 0.5,
    "text": B.map({False: "k0", True: "k1"}),
    "digits": B.astype(int).astype(str),
    "large": B.astype(int) + 2**62,
}


@pytest.mark.slow
@pytest.mark.parametrize("later", TYPES)
@pytest.mark.parametrize("first", TYPES)
def test_own_rows_are_replayed(tmp_path: Path, first: str, later: str) -> None:
    store = ModelStore(tmp_path)
    X = iris().X[["petal_length", "petal_width"]]
    logs = in_turn(store, X.assign(b=TYPES[first]), X.assign(b=TYPES[later]))
    for version, own in enumerate(logs, 1):
        alone = replay.run(store, "m", version, [own])
        found = replay.run(store, "m", version, logs)
        assert alone.notes == ["All agree."] and len(alone.compared) == 150
        assert found.table.get("version", pd.Series(dtype=int)).eq(version).sum() == 0
        assert len(found.compared) >= 150


def test_other_classes_are_left_out(tmp_path: Path) -> None:
    store, X = ModelStore(tmp_path), iris().X.assign(b=1)
    names = iris().y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    fewer = (iris().y > 0).astype(int)
    logs = in_turn(store, X, X, X, y=[iris().y, names, fewer])
    found = replay.run(store, "m", 1, logs)
    assert len(found.compared) == 300
    assert found.notes[-1] == (
        "Left out: 150 rows. version 2 predicts other classes (setosa, versicolor, virginica) "
        "(150 rows)."
    )
    assert set(found.table["version"]) == {3}  # it says 1 where version 1 says 2
    assert len(found.table) == (iris().y == 2).sum()


def test_numbers_are_not_compared_with_classes(tmp_path: Path) -> None:
    store, p = ModelStore(tmp_path), penguins()
    publish(tmp_path, publication_of(p))
    weight = p.X["body_mass_g"].fillna(4000.0)
    line = make_pipeline(clone(p.estimator[:-1]), Ridge()).fit(p.X, weight)
    other = Publication("m", line, p.X, weight)
    other.write(store, {}, None, {})
    logs = [
        Logged(1, [*p.estimator.classes_], None, log_of(p)),
        Logged(2, None, None, logged(other, p.X, 2)),
    ]
    for version, what in ((1, "version 2 predicts numbers"), (2, "version 1 predicts classes")):
        found = replay.run(store, "m", version, logs)
        assert found.notes == ["All agree.", f"Left out: 344 rows. {what} (344 rows)."]
