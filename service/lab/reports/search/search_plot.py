"""Search plot: how the score depends on each parameter.

Each candidate is a dot in each panel. With one parameter it has its standard error; with two, of
which one has few values, dots of the same value are joined. What is far below the best is drawn at
the lower edge, so that it does not hide how the good ones differ.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from service.lab.reports.report import AMBER, BLUE, GREY, INK, RED, counted, shortened
from service.lab.reports.search.candidates import Candidates, Parameter

PANELS = 6
A_ROW = 3
FEW = 6  # values of a parameter, up to which its dots are joined
NAMED = 12  # values of a number, up to which each has its tick
WIDE, MIDDLE = 15.0, 4.0  # the largest by the smallest, and by the middle, of a logarithmic scale
BELOW = 8.0  # of the distance from the best to the middle of the better half: drawn at the edge
LETTERS, ACROSS = 16, 26  # of a category, and of all below one panel


def draw(figure: Figure, found: Candidates) -> None:
    """Draw a panel for each parameter, those first on which the score depends most."""
    parameters = sorted(found.parameters, key=lambda each: -_spread(each, found))[:PANELS]
    joined = None
    if _is_grid(found, parameters):
        few, other = sorted(parameters, key=lambda each: (each.is_number, each.count))
        if few.count <= FEW:
            joined, parameters = few, [other]
    rows = -(-len(parameters) // A_ROW)
    figure.set_size_inches(9.0, 3.2 if rows == 1 else 2.6 * rows)
    columns = min(len(parameters), A_ROW)
    floor = _floor(found)
    first: Axes | None = None
    for place, parameter in enumerate(parameters, 1):
        axes = figure.add_subplot(rows, columns, place, sharey=first)
        first = first or axes
        _panel(axes, parameter, found, floor, joined)
        if place % columns == 1 or columns == 1:
            axes.set_ylabel("score")
        else:
            axes.tick_params(labelleft=False)
    handles, labels = first.get_legend_handles_labels() if first else ([], [])
    figure.legend(handles, labels, loc="outside upper right", ncols=4)


def _panel(
    axes: Axes, parameter: Parameter, found: Candidates, floor: float, joined: Parameter | None
) -> None:
    mean, error, best = found.mean, found.error, found.best
    x = _places(axes, parameter, len(mean))
    axes.axhspan(
        mean[best] - error[best], mean[best], color=AMBER, alpha=0.15, linewidth=0,
        label="within one standard error",
    )  # fmt: skip
    if np.isfinite(floor):
        span = mean.max() - floor
        axes.set_ylim(floor - 0.08 * span, mean.max() + 0.08 * span)
    shown = mean.where(mean >= floor) if np.isfinite(floor) else mean
    alone = len(found.parameters) == 1
    if joined is not None or alone:
        _lines(axes, x, mean, error, joined, found.compared)
    for is_compared, colour, label in (
        (False, GREY, "on fewer resources"),
        (True, BLUE, "a candidate"),
    ):
        part = (found.compared == is_compared) & shown.notna()
        if part.any() and joined is None:
            axes.scatter(
                x[part], shown[part], s=14, color=colour, alpha=0.6, linewidths=0, label=label
            )
    below = mean.notna() & shown.isna()
    if below.any():
        edge = np.full(below.sum(), floor - 0.04 * (mean.max() - floor))
        label = f"{counted(int(below.sum()), 'other')} below"
        axes.scatter(
            x[below], edge, s=16, marker="v", color=GREY, alpha=0.6, linewidths=0, label=label
        )
    axes.scatter(x[best], mean[best], s=46, color=RED, zorder=5, label="the best")
    axes.set_xlabel(shortened(parameter.name, 28))


def _lines(
    axes: Axes,
    x: pd.Series,
    mean: pd.Series,
    error: pd.Series,
    joined: Parameter | None,
    compared: pd.Series,
) -> None:
    """Join the dots of each value of the other parameter, with their standard errors."""
    groups = (
        [("mean and standard error", compared)]
        if joined is None
        else [
            (f"{joined.name}={_word(value)}", compared & (joined.values == value))
            for value in _ordered(joined)
        ]
    )
    colours = [BLUE] if joined is None else [*_shades(len(groups))]
    for (label, part), colour in zip(groups, colours, strict=True):
        order = x[part & x.notna()].sort_values().index
        axes.errorbar(
            x[order], mean[order], error[order], color=colour, marker="o", markersize=4,
            linewidth=1.2, elinewidth=0.8, label=label,
        )  # fmt: skip


def _places(axes: Axes, parameter: Parameter, count: int) -> pd.Series:
    """Say where each candidate is on the axis, and set its scale and ticks."""
    missing = parameter.values.isna()
    if parameter.is_number:
        values = parameter.values.astype(float)
        steps = np.sort(values.dropna().unique())
        if _is_logarithmic(steps):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
            if len(steps) <= FEW:
                axes.set_xticks(steps)
            axes.xaxis.set_minor_formatter(NullFormatter())
        elif len(steps) <= NAMED and min(b - a for a, b in pairwise(steps)) > 0.05 * np.ptp(steps):
            axes.set_xticks(steps, [f"{step:g}" for step in steps])
        else:
            axes.xaxis.set_major_locator(MaxNLocator(5))
        return values
    levels = parameter.levels
    axes.set_xticks(
        range(len(levels)), [shortened(level, LETTERS) for level in levels],
        rotation=0 if sum(map(len, levels)) <= ACROSS else 20,
    )  # fmt: skip
    axes.set_xlim(-0.5, len(levels) - 0.5)
    codes = parameter.values.map({level: place for place, level in enumerate(levels)})
    # Dots beside each other, not over each other: the place within a category says nothing.
    width = 0.3 if count > 3 * len(levels) else 0.0
    aside = np.random.default_rng(0).uniform(-width, width, count)
    return (codes.astype(float) + aside).mask(missing)


def _is_logarithmic(steps: np.ndarray) -> bool:
    """Tell whether values were chosen by their logarithm: most are far below the largest.

    Examples
    --------
    >>> _is_logarithmic(np.array([0.01, 0.1, 1.0, 10.0])), _is_logarithmic(np.array([1.0, 50, 99]))
    (True, False)
    """
    smallest, middle, largest = steps[0], np.median(steps), steps[-1]
    return bool(smallest > 0 and largest / smallest >= WIDE and largest / middle > MIDDLE)


def _floor(found: Candidates) -> float:
    """Return the lowest score that is drawn where it is; -inf if all are."""
    mean = found.mean.dropna()
    better = mean[mean >= mean.median()]
    low = mean[found.best] - BELOW * (mean[found.best] - better.median())
    return float(low) if (mean < low).any() and low < mean.median() else -np.inf


def _spread(parameter: Parameter, found: Candidates) -> float:
    """Say how much the best that each value, or range of values, reaches differs."""
    values = parameter.values
    if parameter.is_number and parameter.count > FEW:
        values = pd.qcut(values, FEW, duplicates="drop").astype(str)
    reached = found.mean.rank().groupby(values).max()
    return float(reached.max() - reached.min()) if len(reached) > 1 else 0.0


def _is_grid(found: Candidates, parameters: list[Parameter]) -> bool:
    """Tell whether there are two parameters, and each value of one meets each of the other."""
    if len(parameters) != 2:
        return False
    pairs = pd.DataFrame({each.name: each.values for each in parameters})
    sizes = parameters[0].count * parameters[1].count
    return (
        bool(pairs.notna().all(axis=None)) and len(pairs.drop_duplicates()) == len(pairs) == sizes
    )


def _ordered(parameter: Parameter) -> list[object]:
    return parameter.levels or sorted(parameter.values.dropna().unique())  # type: ignore[return-value]


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shades(count: int) -> list[str]:
    return [BLUE, AMBER, INK, "#6a3d9a", "#1b7f5c", GREY][:count]
