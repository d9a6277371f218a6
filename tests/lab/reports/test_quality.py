"""Quality: logged predictions compared with their truth."""

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    mean_absolute_error,
    r2_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier

from service.contract.errors import LabloopError
from service.contract.model.manifest import Manifest
from service.lab.log.publications import Logged
from service.lab.publish.publication import Publication
from service.lab.reports import quality
from service.lab.reports.quality import Quality
from tests.lab.reports.logged import logged, manifest_of, measure
from tests.support.models import body_mass, iris, penguins
from tests.support.notebooks import FOLDER

HALF = np.arange(150) % 2 == 0


@cache
def flowers() -> tuple[pd.DataFrame, Manifest]:
    """Return answers to 150 flowers and no truth, by a model that errs now and then."""
    fitted = KNeighborsClassifier(30).fit(iris().X, iris().y)
    publication = Publication("iris", fitted, iris().X, iris().y)
    names = {"0": "setosa", "1": "versicolor", "2": "virginica"}
    return logged(publication, iris().X), manifest_of(publication, class_names=names)


def with_truth(truth: Any) -> tuple[pd.DataFrame, Manifest]:
    log, manifest = flowers()
    return log.assign(truth=pd.Series([*truth], dtype=object)), manifest


def test_metrics_match_scikit_learn() -> None:
    log, manifest = with_truth(iris().y)
    total = measure(log, manifest).total
    probabilities = log[["proba_0", "proba_1", "proba_2"]]
    assert total["accuracy"] == (log["prediction"] == iris().y).mean() < 1
    assert total["balanced_accuracy"] == balanced_accuracy_score(iris().y, log["prediction"])
    assert total["f1"] == pytest.approx(f1_score(iris().y, log["prediction"], average="macro"))
    assert total["log_loss"] == pytest.approx(log_loss(iris().y, probabilities))


def test_buckets_of_time_add_up() -> None:
    log, manifest = with_truth(iris().y.where(HALF))
    found = measure(log, manifest, every="1h")
    assert found.table["predictions"].tolist() == [60, 60, 30]
    assert found.table["known"].tolist() == [30, 30, 15]
    assert found.table["share_known"].tolist() == [0.5, 0.5, 0.5]
    assert found.table.index[1] == pd.Timestamp("2026-05-01 01:00", tz="UTC")
    assert found.total["known"] == 75
    weighted = (found.table["accuracy"] * found.table["known"]).sum() / 75
    assert found.total["accuracy"] == pytest.approx(weighted)


def test_about_twenty_buckets_are_chosen() -> None:
    log, manifest = with_truth(iris().y)
    for minutes in (0.001, 1, 60, 60 * 24, 60 * 24 * 7):
        start = pd.Timestamp("2026-01-01 00:30", tz="UTC")
        times = start + pd.Timedelta(minutes=1) * minutes * pd.Series(range(150))
        rows = len(measure(log.assign(time=times), manifest).table)
        assert 7 <= rows <= 21


# From 5 s to 400 days, and those which need more ticks than they may have: with what matplotlib
# leaves free on either side, 4.2 minutes are nearly 5, and so are hours and days.
SPANS = [*np.geomspace(5, 400 * 86_400, 6), 4.2 * 60, 4.7 * 60, 4.2 * 3600, 4.2 * 86_400]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", SPANS, ids=lambda seconds: f"{seconds:.0f}s")
def test_any_time_span_plots_without_warnings(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, manifest = with_truth(iris().y)
    start = pd.Timestamp("2026-01-01 00:30:07.123456", tz="UTC")
    log = log.assign(time=start + pd.to_timedelta(np.linspace(0, seconds, 150), unit="s"))
    measure(log, manifest).figure().draw_without_rendering()
    notebook = nbformat.read(FOLDER / "04_logs.ipynb", as_version=4)
    (cell,) = [cell.source for cell in notebook.cells if "ax.hist(" in cell.source]
    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", lambda: plt.gcf().draw_without_rendering())
    exec(cell, {"plt": plt, "log": log})  # warnings are errors
    plt.close("all")


@pytest.mark.parametrize(
    "read", [str, float, lambda y: f"{y}.0", ["setosa", "versicolor", "virginica"].__getitem__]
)  # fmt: skip
def test_truth_may_have_several_forms(read: Any) -> None:
    expected = measure(*with_truth(iris().y)).total
    found = measure(*with_truth(read(y) for y in iris().y))
    assert found.total.equals(expected)
    assert len(found.notes) == 1


def test_numbers_match_text_classes() -> None:
    y = iris().y.astype(str)
    publication = Publication("text", KNeighborsClassifier(3).fit(iris().X, y), iris().X, y)
    log = logged(publication, iris().X).assign(truth=iris().y.where(HALF))  # floats, with NaN
    found = measure(log, manifest_of(publication))
    assert found.total["known"] == 75 and found.total["accuracy"] > 0.9
    booleans = Publication("bool", KNeighborsClassifier(3).fit(iris().X, y == "0"), iris().X, y)
    log = logged(booleans, iris().X).assign(truth=(y == "0").astype(int))
    assert measure(log, manifest_of(booleans)).total["accuracy"] == 1


def test_a_truth_outside_classes_is_wrong() -> None:
    log, manifest = with_truth(["rose", ["odd"], *iris().y[2:]])
    found = measure(log, manifest)
    right = measure(*with_truth(iris().y)).total
    assert found.total["known"] == 150
    assert found.total["accuracy"] == pytest.approx(right["accuracy"] - 2 / 150)
    assert found.notes[-1].startswith("2 truths are none of the classes (0, 1, 2)")
    assert "'rose'" in found.notes[-1]


def test_two_versions_are_told_apart() -> None:
    p = penguins()
    publication = Publication("penguins", p.estimator, p.X, p.y)
    good = logged(publication, p.X, 1).assign(truth=p.y)
    poor = logged(publication, p.X, 2).assign(truth=[*p.y[1:], p.y[0]])
    found = measure(pd.concat([good, poor]), manifest_of(publication))
    assert [*found.by_version] == [1, 2]
    assert any("by version 1 (344 known)" in note for note in found.notes)
    assert "version 2" in "".join(t.get_text() for t in found.figure().legends[0].get_texts())


def test_a_regression_has_its_own_metrics() -> None:
    b = body_mass()
    publication = Publication("mass", b.estimator, b.X, b.y)
    log = logged(publication, b.X).assign(truth=[*b.y.astype(str)[:-2], "heavy", "inf"])
    found = measure(log, manifest_of(publication))
    assert [*found.table.columns[3:]] == ["mae", "rmse", "r2"]
    assert found.total["r2"] == pytest.approx(r2_score(b.y[:-2], log["prediction"][:-2]))
    assert found.total["known"] == len(b.X)
    assert found.notes[-1].startswith("2 truths are no number and left out, e.g. 'heavy'")
    assert found.figure().axes


def test_pandas_types_of_truth_are_read() -> None:
    log, manifest = flowers()
    known = iris().y.where(HALF)
    expected = measure(log.assign(truth=known), manifest).total
    assert measure(log.assign(truth=known.astype("Int64")), manifest).total.equals(expected)
    y = iris().y == 0
    booleans = Publication("bool", KNeighborsClassifier(3).fit(iris().X, y), iris().X, y)
    truth = y.where(HALF).astype("boolean")
    total = measure(logged(booleans, iris().X).assign(truth=truth), manifest_of(booleans))
    assert total.total[["known", "accuracy"]].tolist() == [75, 1]


def test_several_targets_have_their_metrics() -> None:
    X, y = iris().X, iris().X[["petal_length", "petal_width"]]
    publication = Publication("two", LinearRegression().fit(X, y), X, y)
    as_dicts = [*y.to_dict(orient="records")]
    as_lists = [[*row] for row in y.to_numpy()]
    for truth in (as_dicts, as_lists):
        log = logged(publication, X).assign(truth=truth)
        found = measure(log, manifest_of(publication))
        assert found.total["r2_petal_width"] == pytest.approx(1)
        assert found.total["mae_petal_length"] == pytest.approx(0, abs=1e-9)


def test_binary_targets_have_log_loss() -> None:
    X, on = iris().X, pd.get_dummies(iris().y).astype(int).add_prefix("is_")
    fitted = OneVsRestClassifier(LogisticRegression(max_iter=1000)).fit(X, on)
    publication = Publication("switches", fitted, X, on)
    log = logged(publication, X).assign(truth=on.to_dict(orient="records"))
    total = measure(log, manifest_of(publication)).total
    assert total["log_loss_is_1"] == pytest.approx(log_loss(on["is_1"], log["proba_is_1"]))


def test_few_truths_say_so() -> None:
    few = measure(*with_truth(iris().y.where(np.arange(150) < 10)))
    assert any("Too few known truths to tell: 10." in note for note in few.notes)
    log, manifest = with_truth(iris().y)
    one = measure(log.head(1), manifest)
    assert (one.total["known"], one.total["accuracy"]) == (1, 1)
    assert one.figure().axes


def test_no_truth_says_what_to_do() -> None:
    log, manifest = flowers()
    for each in (log, log.drop(columns="truth")):
        found = measure(each, manifest)
        assert "`lab.feedback(ids, truth)`" in found.notes[0]
        assert found.total["known"] == 0 and found.table["predictions"].sum() == 150
        assert not found.figure().axes


def test_no_predictions_say_so() -> None:
    log, manifest = flowers()
    found = measure(log.head(0), manifest, every="1d")
    assert "no predictions here" in found.notes[0]
    assert found.table.empty and "no predictions here" in found._repr_html_()


@pytest.mark.parametrize("every", ["often", "0h", "-1h", "", [1]])
def test_a_bucket_must_be_a_duration(every: Any) -> None:
    with pytest.raises(LabloopError, match="is no length of time: give '1h'"):
        measure(*flowers(), every=every)


# Versions of other kinds.


def part(version: int, X: pd.DataFrame, y: Any, truth: Any) -> tuple[Logged, Manifest]:
    """Return what a version logged that was fitted to some classes or numbers, and its manifest."""
    is_number = pd.api.types.is_float_dtype(y)
    kind = LinearRegression() if is_number else KNeighborsClassifier(30)
    publication = Publication("m", kind.fit(X, y), X, y)
    log = logged(publication, X, version).assign(truth=pd.Series([*truth], dtype=object))
    manifest = manifest_of(publication)
    output = manifest.signature.output
    return Logged(version, output.classes, output.targets, log), manifest


def both(*parts: tuple[Logged, Manifest], live: int, gone: set[int] | None = None) -> Quality:
    manifests = {each.version: manifest for each, manifest in parts}
    kept = {v: m for v, m in manifests.items() if v not in (gone or set())}
    return quality.measure([each for each, _ in parts], kept, live)


NAMES = iris().y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
OTHERS: dict[str, Any] = {
    "names": NAMES,
    "fewer": (iris().y > 0).astype(int),
    "more": iris().y + (iris().X["sepal_length"] > 7).astype(int),
    "booleans": iris().y == 2,
    "text": iris().y.astype(str),
    "numbers": iris().X["petal_length"].astype(float),
}


@pytest.mark.slow
@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("gone", [False, True])
def test_each_version_has_its_own_classes(other: str, gone: bool) -> None:
    first, y = part(1, iris().X, iris().y, iris().y), OTHERS[other]
    second = part(2, iris().X, y, y)
    alone = both(first, live=1)
    found = both(first, second, live=2, gone={1} if gone else None)
    assert found.by_version[1].equals(alone.table)
    table = second[0].table
    if other == "numbers":
        assert found.total[[*alone.total.index[3:]]].equals(alone.total[3:])
        assert found.total["r2"] == pytest.approx(r2_score(y, table["prediction"]))
        assert any("version 1, numbers by version 2" in note for note in found.notes)
        assert "mae" not in found.by_version[1]
        return
    names = {False: "0", True: "1"} if other == "booleans" else {}
    truth = [*map(str, iris().y), *(names.get(each, str(each)) for each in y)]
    answers = [*first[0].table["prediction"], *table["prediction"]]
    predicted = [names.get(each, str(each)) if n >= 150 else str(each)
                 for n, each in enumerate(answers)]  # fmt: skip
    assert found.total["accuracy"] == accuracy_score(truth, predicted)
    assert found.total["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(truth, predicted)
    )
    assert found.total["f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    losses = [log_loss(own, each.filter(like="proba_")) for own, each in
              [(iris().y, first[0].table), (y, table)]]  # fmt: skip
    assert found.total["log_loss"] == pytest.approx(np.mean(losses))
    differ = [note for note in found.notes if note.startswith("Versions differ in their classes")]
    assert len(differ) == (other not in ("text",))
    assert found.figure().axes


def test_by_version_matches_scikit_learn() -> None:
    y = iris().X["petal_length"].astype(float)
    truth = pd.Series([*y], dtype=object)
    truth[:20] = "heavy"  # left out, all of the first time buckets
    first = part(1, iris().X, y, truth)
    second = part(2, iris().X, iris().y, iris().y)
    notes = " ".join(both(first, second, live=2).notes)
    error = mean_absolute_error(y[20:], first[0].table["prediction"][20:])
    assert f"mae: {error:.3g} by version 1 (150 known)" in notes
    assert "20 truths about version 1 are no number and left out, e.g. 'heavy'" in notes


def test_one_number_may_have_two_publications() -> None:
    first = part(1, iris().X, NAMES, NAMES)
    second = part(1, iris().X, iris().y, iris().y)
    found = both(first, second, live=1)
    alone = [both(each, live=1).total["accuracy"] for each in (first, second)]
    assert found.total["accuracy"] == pytest.approx(np.mean(alone))
    assert found.total["known"] == 300


def test_a_deleted_version_keeps_its_targets() -> None:
    X, on = iris().X, pd.get_dummies(iris().y).astype(int).add_prefix("is_")
    publication = Publication(
        "switches", OneVsRestClassifier(LogisticRegression(max_iter=1000)).fit(X, on), X, on
    )
    log = logged(publication, X).assign(truth=on.to_dict(orient="records"))
    expected = measure(log, manifest_of(publication)).total
    output = publication.signature.output
    gone = Logged(1, output.classes, output.targets, log)
    other = part(2, X, iris().y, [None] * 150)
    found = quality.measure([gone, other[0]], {2: other[1]}, 2)
    assert found.total["log_loss_is_1"] == expected["log_loss_is_1"]
    assert found.by_version[1]["accuracy_is_2"].notna().any()


def test_one_truth_for_targets_is_odd() -> None:
    X, y = iris().X, iris().X[["petal_length", "petal_width"]]
    publication = Publication("two", LinearRegression().fit(X, y), X, y)
    truth = [*y.to_dict(orient="records")[:-1], "1.5"]
    found = measure(logged(publication, X).assign(truth=truth), manifest_of(publication))
    assert found.total["mae_petal_width"] == pytest.approx(0, abs=1e-9)
    assert "1 truth of petal_width is no number and left out, e.g. ['1.5']." in found.notes


def test_a_missing_prediction_is_counted() -> None:
    b = body_mass()
    publication = Publication("mass", b.estimator, b.X, b.y)
    log = logged(publication, b.X).assign(truth=b.y.to_numpy())
    log.loc[:4, "prediction"] = np.nan
    found = measure(log, manifest_of(publication))
    error = mean_absolute_error(b.y[5:], log["prediction"][5:])
    assert found.total["mae"] == pytest.approx(error)
    assert "5 predictions are missing (NaN) and left out." in found.notes
