"""Drift report: a row a feature and a row a target, and a picture."""

from dataclasses import dataclass, field

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from service.lab.reports.drift.comparison import MODERATE, SHIFTED, Comparison
from service.lab.reports.drift.picture import draw_column
from service.lab.reports.report import AMBER, BLUE, GREY, INK, PAPER, RED, Report, shortened

COLOURS = {"stable": GREY, "moderate": AMBER, "shifted": RED}
SHOWN_BARS, SHOWN_COLUMNS = 12, 3
LONGEST_BAR = 0.5  # longer ones are cut here and show their number, so that the bounds can be seen
FEWEST_BARS = 5  # with fewer, bars do not get thicker
LONGEST_ROW, LONGEST_NAME = 40, 24


@dataclass(frozen=True, eq=False)
class Drift(Report):
    """What `measure` returns: a row a feature and a row a target, and a picture.

    `service.lab.reports.drift.measurement.measure` describes the columns.
    """

    comparisons: dict[str, Comparison] = field(default_factory=dict)

    size = (9.0, 4.2)

    def _ranked(self) -> pd.DataFrame:
        # Long names would push the verdict off the screen.
        return by_psi(self.table).rename(index=lambda name: shortened(name, LONGEST_ROW))

    def _draw(self, figure: Figure) -> None:
        ranked = by_psi(self.table)["psi"].dropna()
        if not len(ranked):
            return
        shown = [*ranked.index[:SHOWN_COLUMNS]]
        grid = figure.add_gridspec(len(shown), 2, width_ratios=[3, 2])
        self._draw_bars(figure.add_subplot(grid[:, 0]), ranked)
        for place, name in enumerate(shown):
            axes = figure.add_subplot(grid[place, 1])
            draw_column(axes, name, self.table.loc[name, "kind"], self.comparisons[name])
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


def by_psi(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table of drift, the largest PSI first."""
    return table.sort_values("psi", ascending=False, kind="stable")
