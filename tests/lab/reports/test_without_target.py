"""Drift, quality and replay of clusterers, mixtures and outlier detectors."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest
from sklearn.metrics import accuracy_score, adjusted_rand_score, f1_score
from sklearn.mixture import GaussianMixture

from service.contract.model.manifest import Manifest
from service.lab.log.publications import Logged
from service.lab.publish.publication import Publication
from service.lab.reports import quality, replay
from service.lab.reports.drift.drift import Drift
from service.lab.reports.drift.measurement import measure
from service.lab.reports.quality import Quality
from tests.lab.reports.logged import logged, manifest_of, publish
from tests.support.unsupervised import customers, fitted

KINDS = ["KMeans", "GaussianMixture", "IsolationForest"]


@cache
def published(kind: str) -> Publication:
    return Publication("m", fitted(kind), customers())


def measured(kind: str, X: pd.DataFrame) -> Drift:
    publication = published(kind)
    return measure(logged(publication, X), publication.baseline, manifest_of(publication))


def lines(publication: Publication) -> Logged:
    return of_lines(logged(publication, customers()), manifest_of(publication))


def of_lines(log: pd.DataFrame, manifest: Manifest) -> Logged:
    output = manifest.signature.output
    return Logged(1, output.classes, output.targets, log)


def judged(log: pd.DataFrame, manifest: Manifest) -> Quality:
    return quality.measure([of_lines(log, manifest)], {1: manifest}, 1)


# Drift.


@pytest.mark.parametrize("kind", KINDS)
def test_rows_like_training_are_stable(kind: str) -> None:
    found = measured(kind, customers().sample(300, random_state=0))
    assert set(found.table["verdict"]) == {"stable"}
    rows = ["prediction"] + ["score"] * (kind != "KMeans")
    assert [*found.table.index] == [*customers(), *rows]
    assert found.table["kind"].tolist()[3:] == ["class", "number"][: len(rows)]
    assert found.figure().axes


@pytest.mark.parametrize("kind", KINDS)
def test_another_group_of_people_shows(kind: str) -> None:
    one = customers()[fitted("KMeans").predict(customers()) == 0]
    table = measured(kind, one.sample(300, replace=True, random_state=0)).table
    if kind != "IsolationForest":
        assert table.loc["prediction", "verdict"] == "shifted"
    strange = measured(kind, customers() * [1, 1, 3]).table
    if kind != "KMeans":
        assert strange.loc["score", "verdict"] == "shifted"
        assert strange.loc["score", "unusual"] > 0


def test_an_empty_log_has_a_row() -> None:
    table = measured("IsolationForest", customers()).table
    publication = published("IsolationForest")
    log = logged(publication, customers()).head(0)
    none = measure(log, publication.baseline, manifest_of(publication)).table
    assert [*none.index] == [*table.index]
    assert none.loc["score", "verdict"] == "no rows"


def test_a_feature_may_be_called_score() -> None:
    X = customers().rename(columns={"spend": "score"})
    publication = Publication("m", IsolationForest(n_estimators=20, random_state=0).fit(X), X)
    log = logged(publication, X)
    assert [*log.columns[4:6]] == ["prediction", "score"]
    table = measure(log, publication.baseline, manifest_of(publication)).table
    assert [*table.index] == ["input.score", "visits", "age", "prediction", "score"]
    assert set(table["verdict"]) == {"stable"}


# Quality.


@pytest.mark.parametrize("words", [False, True])
def test_outliers_are_judged_by_truth(words: bool) -> None:
    publication = published("IsolationForest")
    log = logged(publication, customers())
    truth = pd.Series(np.where(np.arange(500) % 50 == 0, -1, 1))
    given = truth.map({-1: "fraud", 1: "fine"}) if words else truth
    manifest = manifest_of(publication, class_names={"-1": "fraud", "1": "fine"})
    total = judged(log.assign(truth=given.astype(object)), manifest).total
    assert total["known"] == 500
    assert total["accuracy"] == accuracy_score(truth, log["prediction"]) < 1
    assert total["f1"] == pytest.approx(f1_score(truth, log["prediction"], average="macro"))
    assert np.isnan(total["log_loss"])


@pytest.mark.parametrize("kind", ["KMeans", "GaussianMixture"])
def test_clusters_have_no_right_answer(kind: str) -> None:
    publication = published(kind)
    log = logged(publication, customers()).assign(truth=1)
    found = judged(log, manifest_of(publication))
    assert found.total["predictions"] == found.total["known"] == 500
    assert [*found.table.columns] == ["predictions", "known", "share_known"]
    assert found.notes[0].startswith("It is a clustering")
    assert found._repr_html_()


# Replay.


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_version_agrees(tmp_path: Path, kind: str) -> None:
    store = publish(tmp_path, published(kind))
    found = replay.run(store, "m", 1, [lines(published(kind))])
    assert found.table.empty
    assert found.notes[0] == "All agree."
    if kind != "KMeans":
        assert found.compared["score"].to_numpy() == pytest.approx(found.compared["new_score"])
    assert found.figure().axes


def test_scores_of_outliers_are_compared(tmp_path: Path) -> None:
    other = IsolationForest(n_estimators=20, random_state=1).fit(customers())
    store = publish(tmp_path, Publication("m", other, customers()))
    found = replay.run(store, "m", 1, [lines(published("IsolationForest"))])
    was, now = (each.decision_function(customers()) for each in (fitted("IsolationForest"), other))
    assert found.compared["score"].to_numpy() == pytest.approx(was)
    assert found.compared["new_score"].to_numpy() == pytest.approx(now)
    assert found.compared["change"].to_numpy() == pytest.approx(now - was)
    rows = np.flatnonzero((was < 0) != (now < 0))
    assert len(rows) > 0
    assert found.table["prediction_id"].tolist() == [f"1-{row}" for row in rows]
    assert (found.table["score"] * found.table["new_score"]).max() <= 0


def test_alike_groups_with_other_numbers_show(tmp_path: Path) -> None:
    clusters = fitted("KMeans")
    other = KMeans(3, init=clusters.cluster_centers_[[2, 0, 1]], n_init=1).fit(customers())
    log = logged(published("KMeans"), customers())
    store = publish(tmp_path, Publication("m", other, customers()))
    found = replay.run(store, "m", 1, [lines(published("KMeans"))])
    assert len(found.table) > 450
    alike = adjusted_rand_score(log["prediction"], other.predict(customers()))
    assert alike > 0.95
    assert f"by chance): {alike:.3f} with version 1." in found.notes[1]


def test_mixtures_compare_probability_and_score(tmp_path: Path) -> None:
    other = GaussianMixture(3, covariance_type="diag", random_state=1).fit(customers())
    store = publish(tmp_path, Publication("m", other, customers()))
    log = logged(published("GaussianMixture"), customers())
    found = replay.run(store, "m", 1, [lines(published("GaussianMixture"))])
    row = np.arange(500), log["prediction"].to_numpy()
    probabilities = fitted("GaussianMixture").predict_proba(customers())
    change = other.predict_proba(customers())[row] - probabilities[row]
    assert found.compared["change"].to_numpy() == pytest.approx(change)
    new = other.score_samples(customers())
    assert found.compared["new_score"].to_numpy() == pytest.approx(new)
