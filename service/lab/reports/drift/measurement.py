"""Measurement: logged inputs and predictions, compared with the training data of a version."""

from math import nan
from typing import Any

import pandas as pd

from service.contract.model.baseline import numbers_of
from service.contract.model.manifest import Manifest
from service.contract.signature.feature import Feature
from service.lab.reports.drift.categories import compare_categories
from service.lab.reports.drift.comparison import ENOUGH, MODERATE, SMALL_P, Comparison
from service.lab.reports.drift.drift import Drift, by_psi
from service.lab.reports.drift.missing import compare_missing
from service.lab.reports.drift.numbers import compare_numbers
from service.lab.reports.drift.texts import compare_texts
from service.lab.reports.logged_input import logged_input
from service.lab.reports.report import counted, named
from service.lab.reports.target import Target

NO_CLASS = "(no class)"


def measure(
    log: pd.DataFrame,
    baseline: dict[str, Any],
    manifest: Manifest,
    what: str = "logged prediction",
) -> Drift:
    """Compare logged predictions with the training data of a version.

    `service.lab.reports.drift.comparison.Comparison` describes the verdict, and the modules beside
    it what is compared: `numbers`, of dates and durations too, `categories`, `texts` and `missing`.

    Parameters
    ----------
    log : DataFrame of shape (n_predictions, …)
        As `Lab.predictions` returns it. It may be short or empty.
    baseline : dict
        The version's, as `service.contract.model.baseline.summarise` returned it.
    manifest : Manifest
        The version's.
    what : str
        What a row of `log` is called.

    Returns
    -------
    Drift
        Its table has a row for each feature, then one for each target, by their names in the
        log, and one for the score if the model gives one. The verdict is "stable", "moderate" or
        "shifted"; or it says why there is none: "private", "not logged", "no rows". Then come
        psi, p_value, rows, missing and
        missing_training (shares of rows), unusual (the share of rows with a category that was
        not in training, or with a number outside its range; of texts the mean share of words
        that were not in training), kind, test (with what was compared, if there is more than
        one thing) and statistic. The table is shown with the largest PSI first.

    Examples
    --------
    >>> from service.contract.model.baseline import summarise
    >>> from service.contract.signature.output import Output
    >>> from service.contract.signature.signature import Signature
    >>> X = pd.DataFrame({"size": [float(size) for size in range(200)]})
    >>> signature = Signature.from_table(X, Output(task="regression"))
    >>> baseline = summarise(signature, X, X["size"].to_numpy())
    >>> manifest = Manifest(model="m", estimator="", rows=200, signature=signature, image="")
    >>> log = pd.DataFrame({"version": 1, "prediction": X["size"] + 150, "size": X["size"] + 150})
    >>> measure(log, baseline, manifest).table["verdict"].to_dict()
    {'size': 'shifted', 'prediction': 'shifted'}
    """
    rows: dict[str, dict[str, Any]] = {}
    comparisons: dict[str, Comparison] = {}
    for feature in manifest.signature.features:
        summary = baseline["features"][feature.name]
        if feature.private:
            rows[feature.name] = _empty_row(feature.kind, "private")
            continue
        column = logged_input(log, feature.name)
        if column is None and len(log):
            rows[feature.name] = _empty_row(feature.kind, "not logged")
            continue
        column = pd.Series(dtype=object) if column is None else column
        name = str(column.name or feature.name)
        values = _of_feature(feature, column, summary, baseline["rows"])
        comparisons[name] = _worst(values, baseline["rows"])
        rows[name] = _row(feature.kind, comparisons[name])
    for target in Target.all_of(manifest):
        if target.column not in log and len(log):
            rows[target.column] = _empty_row("", "not logged")
            continue
        summary = baseline["predictions"]
        summary = summary if target.name is None else summary[target.name]
        read = target.read(log.get(target.column, pd.Series(dtype=object)))
        values = _of_target(target, read, summary, baseline["rows"])
        comparisons[target.column] = _worst(values, baseline["rows"])
        rows[target.column] = _row(
            "number" if target.classes is None else "class", comparisons[target.column]
        )
    if "scores" in baseline:
        scores = log.get("score", pd.Series(dtype=float)).to_numpy(dtype=float)
        compared = compare_numbers(scores, baseline["scores"], baseline["rows"])
        comparisons["score"] = _worst(compared, baseline["rows"])
        rows["score"] = _row("number", comparisons["score"])
    table = pd.DataFrame.from_dict(rows, orient="index")
    heading = f"Drift of {manifest.model}: {counted(len(log), what)} against training"
    return Drift(f"{heading} on {manifest.rows} rows.", table, _notes(log, table), comparisons)


def _of_feature(
    feature: Feature, column: pd.Series, summary: dict[str, Any], rows: int
) -> Comparison:
    if feature.kind == "text":
        return compare_texts(column, summary, rows)
    if feature.kind not in ("category", "boolean"):
        return compare_numbers(numbers_of(feature, column), summary, rows)
    categories = [False, True] if feature.kind == "boolean" else feature.categories or []
    seen = {value: str(value) for value in categories}
    texts = [None if pd.isna(value) else seen.get(value, str(value)) for value in column]
    return compare_categories(pd.Series(texts, dtype=object), summary, rows, seen.values())


def _of_target(target: Target, values: pd.Series, summary: dict[str, Any], rows: int) -> Comparison:
    if target.classes is None:
        return compare_numbers(values.to_numpy(), summary, rows)
    seen = {label: str(label) for label in target.classes}
    labels = [seen.get(value, NO_CLASS) for value in values]
    return compare_categories(pd.Series(labels, dtype=object), summary, rows, seen.values())


def _worst(values: Comparison, rows: int) -> Comparison:
    return Comparison.worst([values, compare_missing(values, rows)])


def _row(kind: str, compared: Comparison) -> dict[str, Any]:
    return {
        "verdict": compared.verdict,
        "psi": compared.psi,
        "p_value": compared.p_value,
        "rows": compared.rows,
        "missing": compared.missing,
        "missing_training": compared.missing_training,
        "unusual": compared.unusual,
        "kind": kind,
        "test": compared.tested,
        "statistic": compared.statistic,
    }


def _empty_row(kind: str, verdict: str) -> dict[str, Any]:
    nothing = Comparison(0, nan, nan, nan, nan, "", nan, nan, None, None)
    return _row(kind, nothing) | {"verdict": verdict}


def _notes(log: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Say what was found, and what to be careful with."""
    if not len(log):
        return [
            "The log has no predictions here, so there is nothing to compare. "
            "Ask the model first, or look further back with an earlier `since`."
        ]
    notes = []
    ranked = by_psi(table)
    for word in ("shifted", "moderate"):
        found = ranked.index[ranked["verdict"] == word]
        if len(found):
            notes.append(f"{word.capitalize()}: {named(found)}.")
    if not notes:
        notes.append("Nothing has moved beyond chance.")
    if len(log) < ENOUGH:
        notes.append(
            f"Too few predictions to see small changes: {len(log)}. Below {ENOUGH}, chance alone "
            f"can bring the PSI to {MODERATE}. A verdict other than stable also needs a p-value "
            f"below {SMALL_P}."
        )
    versions = sorted(log["version"].unique()) if "version" in log else []
    if len(versions) > 1:
        notes.append(
            f"The predictions are of versions {', '.join(map(str, versions))}. Compare one version "
            "at a time: a feature that another did not log counts as missing."
        )
    untested = table.index[(table["rows"] > 0) & table["p_value"].isna()]
    if len(untested):
        notes.append(
            f"No test, and only a rough PSI, for {named(untested)}: the version was published "
            "before training samples were kept. Publish it again to have them."
        )
    absent = table.index[table["verdict"] == "not logged"]
    if len(absent):
        notes.append(
            f"Not in the log: {named(absent)}. Another version predicted, with other columns."
        )
    return notes
