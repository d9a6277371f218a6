"""Drift: logged inputs compared with the training data."""

from functools import cache
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from service.lab.publish.publication import Publication
from service.lab.reports import report
from service.lab.reports.drift import drift
from service.lab.reports.drift.measurement import measure
from tests.lab.reports.drift.measured import MODELS, measured, published, some_rows
from tests.lab.reports.logged import logged, manifest_of
from tests.support.models import body_mass, iris, penguins


@pytest.mark.parametrize("name", MODELS)
def test_the_training_table_itself_is_stable(name: str) -> None:
    table = measured(published(name), MODELS[name]().X).table
    assert set(table["verdict"]) == {"stable"}
    assert table["psi"].max() < 0.01
    assert table["p_value"].min() > 0.99
    assert (table["missing"] == table["missing_training"]).all()
    assert [*table.index] == [*published(name).signature.names, "prediction"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rows", [1, 150])
def test_it_shows_itself_in_a_cell(name: str, rows: int) -> None:
    found = measured(published(name), some_rows(name, rows))
    page = found._repr_html_()
    for part in (found.heading, *found.notes, "<table"):
        assert part in page
    assert page == found._repr_html_()
    assert found.heading in str(found) and "verdict" in str(found)
    assert found.figure().axes


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rows", [1, 10, 300])
def test_rows_like_training_are_stable(name: str, rows: int) -> None:
    for seed in range(5):
        found = measured(published(name), some_rows(name, rows, seed))
        assert set(found.table["verdict"]) == {"stable"}
    too_few = [note for note in found.notes if f"{rows}. Below 100" in note]
    assert len(too_few) == (rows < 100)


def test_only_the_shifted_feature_is_named() -> None:
    X = some_rows("penguins", 200).assign(body_mass_g=lambda table: table["body_mass_g"] + 800)
    found = measured(published("penguins"), X)
    assert found.table["verdict"][lambda v: v != "stable"].to_dict() == {"body_mass_g": "shifted"}
    assert found.table.loc["body_mass_g", "unusual"] > 0.05
    assert found.notes == ["Shifted: body_mass_g."]


def test_ten_rows_show_plain_shifts() -> None:
    found = measured(published("iris"), some_rows("iris", 10) + 5)
    assert set(found.table.loc[published("iris").signature.names, "verdict"]) == {"shifted"}
    assert any("Too few" in note for note in found.notes)


def test_a_new_category_is_a_bin() -> None:
    X = some_rows("penguins", 200)
    X["island"] = X["island"].where(np.arange(200) % 4 > 0, "Atlantis")
    row = measured(published("penguins"), X).table.loc["island"]
    assert (row["unusual"], row["verdict"]) == (0.25, "shifted")


def test_one_new_category_is_no_shift() -> None:
    X = some_rows("penguins", 10)
    X["island"] = ["Atlantis", *X["island"][1:]]
    row = measured(published("penguins"), X).table.loc["island"]
    assert (row["unusual"], row["verdict"]) == (0.1, "stable")


@pytest.mark.parametrize("feature", ["sex", "body_mass_g"])
def test_missing_values_are_a_shift(feature: str) -> None:
    X = some_rows("penguins", 200)
    X[feature] = X[feature].where(np.arange(200) % 2 > 0)
    row = measured(published("penguins"), X).table.loc[feature]
    assert row["missing"] > 0.45 and row["missing_training"] < 0.05
    assert row["verdict"] == "shifted"


def test_an_all_missing_feature_is_shifted() -> None:
    X = some_rows("penguins", 200).assign(body_mass_g=np.nan)
    row = measured(published("penguins"), X).table.loc["body_mass_g"]
    assert (row["missing"], row["verdict"]) == (1, "shifted")


@cache
def typed() -> Publication:
    X = pd.DataFrame({"new": [True, False] * 100, "year": [2024, 2025] * 100, "one": [7] * 200})
    return Publication("typed", LinearRegression().fit(X, range(200)), X, range(200))


def typed_rows(**columns: Any) -> pd.DataFrame:
    rows = {"new": [True, False] * 50, "year": [2024, 2025] * 50, "one": [7] * 100}
    return pd.DataFrame(rows | columns)


@pytest.mark.parametrize(
    "columns, shifted",
    [
        ({}, []),
        ({"new": [True] * 100}, ["new"]),
        ({"year": [2025] * 100}, ["year"]),
        ({"one": [6] * 100}, ["one"]),
        ({"one": [8] * 100}, ["one"]),
    ],
)
def test_booleans_integers_and_a_constant(columns: dict[str, Any], shifted: list[str]) -> None:
    table = measured(typed(), typed_rows(**columns)).table.drop(index="prediction")
    assert [*table.index[table["verdict"] == "shifted"]] == shifted
    assert table["test"].tolist() == ["chi-square", "Kolmogorov-Smirnov", "Kolmogorov-Smirnov"]


def test_names_are_neither_markup_nor_formulas() -> None:
    numbers = np.random.default_rng(0).random((200, 3))
    X = pd.DataFrame(numbers, columns=["<img src=x>", r"$\foo{$", "a $b$"])
    y = np.where(numbers[:, 0] > 0.5, r"$\bad$", "<b>")
    publication = Publication("odd", LogisticRegression().fit(X, y), X, y)
    found = measured(publication, X)
    assert "&lt;img src=x&gt;" in found._repr_html_() and "<img" not in found._repr_html_()
    found.figure().savefig(BytesIO(), format="png")


def test_predictions_are_compared_too() -> None:
    setosa = measured(published("iris"), iris().X.head(50)).table.loc["prediction"]
    assert (setosa["kind"], setosa["verdict"]) == ("class", "shifted")
    heavy = measured(published("body_mass"), body_mass().X + 10).table.loc["prediction"]
    assert (heavy["kind"], heavy["verdict"]) == ("number", "shifted")


def test_several_targets_have_a_row_each() -> None:
    X, y = iris().X[["sepal_length"]], iris().X[["petal_length", "petal_width"]]
    publication = Publication("two", LinearRegression().fit(X, y), X, y)
    table = measured(publication, X + 2).table
    assert [*table.index[1:]] == ["prediction_petal_length", "prediction_petal_width"]
    assert set(table["verdict"]) == {"shifted"}


def test_no_rows_say_so() -> None:
    publication = published("penguins")
    log = logged(publication, penguins().X.head(1)).head(0)[["version", "prediction", "truth"]]
    found = measure(log, publication.baseline, manifest_of(publication))
    assert set(found.table["verdict"]) == {"no rows"}
    assert "no predictions here" in found.notes[0]
    assert "no predictions here" in found._repr_html_()


def test_a_private_feature_is_not_compared() -> None:
    publication = published("iris")
    manifest = manifest_of(publication)
    features = [
        SimpleNamespace(**{**feature.model_dump(), "private": feature.name == "petal_width"})
        for feature in manifest.signature.features
    ]
    signature: Any = SimpleNamespace(features=features, output=manifest.signature.output)
    log = logged(publication, iris().X).drop(columns="petal_width")
    hidden = manifest.model_copy(update={"signature": signature})
    found = measure(log, publication.baseline, hidden)
    assert found.table["verdict"].to_dict()["petal_width"] == "private"
    assert np.isnan(found.table.loc["petal_width", "psi"])
    assert found.figure().axes


def test_an_older_baseline_has_no_test() -> None:
    publication = published("iris")
    old = {
        **publication.baseline,
        "features": {
            name: {key: value for key, value in summary.items() if key != "sample"}
            for name, summary in publication.baseline["features"].items()
        },
    }
    manifest = manifest_of(publication)
    same = measure(logged(publication, iris().X), old, manifest)
    assert same.table["p_value"].isna().tolist() == [True] * 4 + [False]
    assert set(same.table["verdict"]) == {"stable"}
    assert "Publish it again" in same.notes[-1]
    moved = measure(logged(publication, iris().X + 5), old, manifest)
    assert set(moved.table["verdict"][:4]) == {"shifted"}


def test_features_may_share_log_column_names() -> None:
    X = pd.DataFrame({"version": np.arange(200.0), "kind": ["a", "b"] * 100})
    encode = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    y = [0, 0, 1, 1] * 50
    fitted = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(X, y)
    table = measured(Publication("names", fitted, X, y), X.assign(version=X["version"] * 3)).table
    assert table["verdict"][:2].to_dict() == {
        "input.version": "shifted",
        "kind": "stable",
    }


def test_several_versions_are_pointed_out() -> None:
    publication = published("iris")
    log = pd.concat([logged(publication, iris().X, version) for version in (1, 2)])
    found = measure(log, publication.baseline, manifest_of(publication))
    assert any("The predictions are of versions 1, 2." in note for note in found.notes)


@pytest.mark.parametrize("colour", [report.INK, *drift.COLOURS.values(), report.BLUE])
def test_colours_stand_out_from_the_ground(colour: str) -> None:
    def light(of: str) -> float:
        parts = np.array(to_rgb(of))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    contrast = (light(report.PAPER) + 0.05) / (light(colour) + 0.05)  # by WCAG 2
    assert contrast >= (3 if colour == report.GREY else 4.5)
