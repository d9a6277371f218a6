"""Curve: what was measured while something grows, as a picture and as figures."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks.row import in_short
from tests.support.live import CHECKOUT

FOLDER = CHECKOUT / "docs" / "benchmarks"
# What is compared has the same colour in each picture: a palette that colour-blind people can tell
# apart. The background is white, as in the other pictures of the docs, also where a page is dark.
COLOURS = {
    "Labloop": "#0072b2",
    "plain FastAPI": "#d55e00",
    "mosec": "#009e73",
    "constant answer": "#777777",
}
MORE = ["#0072b2", "#d55e00", "#009e73", "#777777"]
STYLE: Any = {
    "svg.fonttype": "none",  # texts stay texts: small, sharp, and found by a search
    "svg.hashsalt": "labloop",  # the same figures make the same file
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#64748b",
    "axes.labelcolor": "#0f172a",
    "axes.grid": True,
    "grid.color": "#e2e8f0",
    "text.color": "#0f172a",
    "xtick.color": "#475569",
    "ytick.color": "#475569",
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Panel:
    """One of the pictures side by side: for each side that is compared, a value at each place."""

    label: str
    is_log: bool = True
    sides: dict[str, dict[int, float]] = field(default_factory=dict)

    def add(self, side: str, place: int, value: float) -> None:
        """Note what was measured."""
        self.sides.setdefault(side, {})[place] = value


@dataclass(frozen=True)
class Curve:
    """What grows, and what was measured meanwhile.

    Parameters
    ----------
    name : str
        Of the files.
    title : str
        What is shown, for those who cannot see it.
    grows : str
        What is on the axis from left to right.
    panels : sequence of Panel
    """

    name: str
    title: str
    grows: str
    panels: Sequence[Panel]

    def keep(self, folder: Path = FOLDER) -> None:
        """Write the picture, and beside it the figures."""
        folder.mkdir(exist_ok=True)
        with (folder / f"{self.name}.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(self.table())
        with matplotlib.rc_context(STYLE):
            figure = self.figure()
            about = {"Date": None, "Creator": None, "Title": self.title}
            figure.savefig(folder / f"{self.name}.svg", metadata=about)

    def table(self) -> list[list[str]]:
        """Return the figures: a line for each place and side, a column for each panel."""
        places = sorted({p for panel in self.panels for s in panel.sides.values() for p in s})
        sides = list(dict.fromkeys(side for panel in self.panels for side in panel.sides))
        lines = [[self.grows, "of", *(panel.label for panel in self.panels)]]
        for place in places:
            for side in sides:
                values = [panel.sides.get(side, {}).get(place) for panel in self.panels]
                if values != [None] * len(values):
                    shown = ["" if value is None else _figure(value) for value in values]
                    lines.append([str(place), side, *shown])
        return lines

    def figure(self) -> Figure:
        """Draw the panels side by side."""
        figure = Figure(figsize=(9, 3), layout="constrained")
        axes = figure.subplots(1, len(self.panels), squeeze=False)[0]
        shown = {}
        for ax, panel in zip(axes, self.panels, strict=True):
            for number, (side, values) in enumerate(panel.sides.items()):
                places, measured = zip(*sorted(values.items()), strict=True)
                colour = COLOURS.get(side, MORE[number % len(MORE)])
                (shown[side],) = ax.plot(places, measured, "o-", ms=4, color=colour)
            self._label(ax, panel)
        figure.legend(shown.values(), [*shown], loc="outside upper center", ncols=len(shown))
        return figure

    def _label(self, ax: Axes, panel: Panel) -> None:
        ax.set(xscale="log", xlabel=self.grows, ylabel=panel.label)
        places = sorted({place for values in panel.sides.values() for place in values})
        ax.set_xticks(places, [_place(place) for place in places])
        if panel.is_log:
            ax.set_yscale("log")
            # What spans less than a power of ten has a number all the same.
            low, high = ax.get_ylim()
            ax.set_ylim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(high)))
        else:
            ax.set_ylim(0, ax.get_ylim()[1] * 1.1)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: in_short(value)))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_minor_locator(NullLocator())

    def __str__(self) -> str:
        """Return the lines of the page."""
        where = f"{FOLDER.name}/{self.name}"
        return f"![{self.title}]({where}.svg)\n\n[The figures]({where}.csv)"


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def _place(place: int) -> str:
    return f"{place / 1e6:g} M" if place >= 1e5 else f"{place:,}"
