"""Drift: logged inputs and predictions, compared with the training data of a version."""

from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from service.contract.model.manifest import Manifest
from service.contract.signature.feature import Feature
from service.lab.reports.comparison import ENOUGH, MODERATE, SHIFTED, SMALL_P, UNSEEN, Comparison
from service.lab.reports.logged_input import logged_input
from service.lab.reports.report import (
    AMBER,
    BLUE,
    GREY,
    INK,
    PAPER,
    RED,
    Report,
    counted,
    named,
    shortened,
)
from service.lab.reports.target import Target

COLOURS = {"stable": GREY, "moderate": AMBER, "shifted": RED}
SHOWN_BARS, SHOWN_COLUMNS, SHOWN_CATEGORIES = 12, 3, 5
LONGEST_BAR = 0.5  # longer ones are cut here and show their number, so that the bounds can be seen
FEWEST_BARS = 5  # with fewer, bars do not get thicker
LONGEST_ROW, LONGEST_NAME, LONGEST_TITLE, LONGEST_CATEGORY = 40, 24, 32, 18
SHOWN_INTEGERS = 20


@dataclass(frozen=True, eq=False)
class Drift(Report):
    """What `measure` returns: a row a feature and a row a target, and a picture.

    `measure` describes the columns.
    """

    comparisons: dict[str, Comparison] = field(default_factory=dict)

    size = (9.0, 4.2)

    def _ranked(self) -> pd.DataFrame:
        # Long names would push the verdict off the screen.
        return _by_psi(self.table).rename(index=lambda name: shortened(name, LONGEST_ROW))

    def _draw(self, figure: Figure) -> None:
        ranked = _by_psi(self.table)["psi"].dropna()
        if not len(ranked):
            return
        shown = [*ranked.index[:SHOWN_COLUMNS]]
        grid = figure.add_gridspec(len(shown), 2, width_ratios=[3, 2])
        self._draw_bars(figure.add_subplot(grid[:, 0]), ranked)
        for place, name in enumerate(shown):
            axes = figure.add_subplot(grid[place, 1])
            _draw_column(axes, name, self.comparisons[name])
        key = [Patch(color=GREY, label="training"), Patch(color=BLUE, label="log")]
        figure.legend(handles=key, loc="outside upper right", ncols=2)

    def _draw_bars(self, axes: Axes, ranked: pd.Series) -> None:
        largest = ranked[:SHOWN_BARS]
        verdicts = self.table.loc[largest.index, "verdict"]
        end = min(max(0.35, largest.max()), LONGEST_BAR)
        places = range(len(largest))
        bars = axes.barh(
            places, largest.clip(upper=end), 0.6, color=[COLOURS[verdict] for verdict in verdicts]
        )
        words = [f"{psi:.2f} {verdict}" for psi, verdict in zip(largest, verdicts, strict=True)]
        ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}
        axes.bar_label(bars, words, padding=3, color=INK, fontsize=8, bbox=ground)
        for bound, word in ((MODERATE, "moderate"), (SHIFTED, "shifted")):
            axes.axvline(bound, color=INK, linestyle=":", linewidth=1, zorder=0.5)
            axes.annotate(
                word, (bound, 1), (2, 2), xycoords=("data", "axes fraction"),
                textcoords="offset points", color=INK, fontsize=8,
            )  # fmt: skip
        axes.set_yticks(places, [shortened(name, LONGEST_NAME) for name in largest.index])
        axes.set_ylim(max(len(largest), FEWEST_BARS) - 0.4, -0.6)
        axes.set_xlim(0, 1.45 * end)  # with room for a word
        axes.set_xticks([bound for bound in (0, MODERATE, SHIFTED, LONGEST_BAR) if bound <= end])
        said = ["PSI"] + [f"the {SHOWN_BARS} largest"] * (len(ranked) > SHOWN_BARS)
        said += [f"longer bars end at {LONGEST_BAR}"] * bool(largest.max() > LONGEST_BAR)
        axes.set_xlabel(", ".join(said))


def measure(log: pd.DataFrame, baseline: dict[str, Any], manifest: Manifest) -> Drift:
    """Compare logged predictions with the training data of a version.

    `service.lab.reports.comparison.Comparison` describes the PSI, the tests and the verdict.

    Parameters
    ----------
    log : DataFrame of shape (n_predictions, …)
        As `Lab.predictions` returns it. It may be short or empty.
    baseline : dict
        The version's, as `service.contract.model.baseline.summarise` returned it.
    manifest : Manifest
        The version's.

    Returns
    -------
    Drift
        Its table has a row for each feature, then one for each target, by their names in the
        log. The verdict is "stable", "moderate" or "shifted"; or it says why there is none:
        "private", "not logged", "no rows". Then come psi, p_value, rows, missing and
        missing_training (shares of rows), unusual (the share of rows with a category that was
        not in training, or with a number outside its range), kind, test and statistic. The
        table is shown with the largest PSI first.

    Examples
    --------
    >>> from service.contract.model.baseline import summarise
    >>> from service.contract.signature.output import Output
    >>> from service.contract.signature.signature import Signature
    >>> X = pd.DataFrame({"size": np.arange(200.0)})
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
        comparisons[name] = _of_feature(feature, column, summary, baseline["rows"])
        rows[name] = _row(feature.kind, comparisons[name])
    for target in Target.all_of(manifest):
        if target.column not in log and len(log):
            rows[target.column] = _empty_row("", "not logged")
            continue
        summary = baseline["predictions"]
        summary = summary if target.name is None else summary[target.name]
        values = target.read(log.get(target.column, pd.Series(dtype=object)))
        if target.classes is None:
            kind, compared = "number", Comparison.of_numbers(values, summary, baseline["rows"])
        else:
            kind = "class"
            known = {label: str(label) for label in target.classes}
            # A class that was never predicted for the training data is not unseen.
            summary = {"counts": dict.fromkeys(known.values(), 0) | summary["counts"]}
            labels = values.map(lambda value, known=known: known.get(value, UNSEEN))
            compared = Comparison.of_categories(labels, summary, baseline["rows"])
        comparisons[target.column] = compared
        rows[target.column] = _row(kind, compared)
    table = pd.DataFrame.from_dict(rows, orient="index")
    heading = (
        f"Drift of {manifest.model}: {counted(len(log), 'logged prediction')} against training"
    )
    return Drift(f"{heading} on {manifest.rows} rows.", table, _notes(log, table), comparisons)


def _of_feature(
    feature: Feature, column: pd.Series, summary: dict[str, Any], rows: int
) -> Comparison:
    if feature.kind in ("number", "integer"):
        return Comparison.of_numbers(column, summary, rows)
    values = [False, True] if feature.kind == "boolean" else feature.categories or []
    known: dict[Any, str | None] = {value: str(value) for value in values}
    texts = [None if pd.isna(value) else known.get(value, UNSEEN) for value in column]
    return Comparison.of_categories(pd.Series(texts, dtype=object), summary, rows)


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
        "test": compared.test,
        "statistic": compared.statistic,
    }


def _empty_row(kind: str, verdict: str) -> dict[str, Any]:
    nothing = Comparison(0, nan, nan, nan, nan, "", nan, nan, None, None)
    return _row(kind, nothing) | {"verdict": verdict}


def _by_psi(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values("psi", ascending=False, kind="stable")


def _notes(log: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Say what was found, and what to be careful with."""
    if not len(log):
        return [
            "The log has no predictions here, so there is nothing to compare. "
            "Ask the model first, or look further back with an earlier `since`."
        ]
    notes = []
    ranked = _by_psi(table)
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


def _draw_column(axes: Axes, name: str, compared: Comparison) -> None:
    """Draw the distribution in the log beside that in training, or over it."""
    if isinstance(compared.log, pd.Series):
        shown, known = _draw_categories(axes, compared.log, compared.training)
        more = f", {shown} of {known}" if known > shown else ""
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
    else:
        more = ""
        bins = _bins(np.append(compared.log, compared.training))
        training, log = (
            np.histogram(values, bins)[0] / max(len(values), 1)
            for values in (compared.training, compared.log)
        )
        axes.stairs(training, bins, fill=True, color=GREY)
        axes.stairs(log, bins, color=BLUE, linewidth=1.6)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    axes.set_title(shortened(name, LONGEST_TITLE - len(more)) + more)


def _draw_categories(axes: Axes, log: pd.Series, training: pd.Series) -> tuple[int, int]:
    """Draw the categories that changed most; return how many are shown, of how many."""
    both = pd.DataFrame({"log": log, "training": training})
    both = both[both.max(axis=1) > 0]
    moved = (both["log"] - both["training"]).abs().sort_values(ascending=False, kind="stable")
    shown = both[both.index.isin(moved.index[:SHOWN_CATEGORIES])]
    shown = shown.sort_values("training", ascending=False, kind="stable")
    places = np.arange(len(shown))
    axes.barh(places - 0.2, shown["training"], 0.38, color=GREY)
    axes.barh(places + 0.2, shown["log"], 0.38, color=BLUE)
    axes.set_yticks(places, [shortened(text, LONGEST_CATEGORY) for text in shown.index])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    return len(shown), len(both)


def _bins(values: np.ndarray) -> np.ndarray:
    """Return the bounds of about 20 bins; if the values are few integers, of a bin for each.

    Examples
    --------
    >>> _bins(np.array([1.0, 3.0])).tolist()
    [0.5, 1.5, 2.5, 3.5]
    """
    low, high = values.min(), values.max()
    if high - low < SHOWN_INTEGERS and (values == np.round(values)).all():
        return np.arange(low - 0.5, high + 1)
    return np.histogram_bin_edges(values, bins=20)
