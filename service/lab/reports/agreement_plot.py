"""Agreement plot: logged against new predictions, for classes and for numbers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from service.lab.reports.report import BLUE, INK, RED
from service.lab.reports.target import Target

SHOWN_CLASSES = 10
SHOWN_POINTS = 1000


def draw_matrix(axes: Axes, target: Target, logged: pd.Series, new: pd.Series) -> None:
    """Draw how often each logged class became each new one: agreement blue, the rest red.

    Parameters
    ----------
    axes : Axes
    target : Target
    logged, new : Series of shape (n_rows,)
    """
    counts = pd.crosstab(logged.map(str).to_numpy(), new.map(str).to_numpy())
    names = counts.index.union(counts.columns)
    counts = counts.reindex(index=names, columns=names, fill_value=0)
    if len(names) > SHOWN_CLASSES:
        apart = counts.to_numpy() - np.diag(np.diag(counts))
        most = np.argsort(-(apart.sum(axis=0) + apart.sum(axis=1)), kind="stable")
        names = names[np.sort(most[:SHOWN_CLASSES])]
        counts = counts.loc[names, names]
    for (row, column), count in np.ndenumerate(counts.to_numpy()):
        share = count / max(counts.iloc[row].sum(), 1)
        colour = BLUE if row == column else RED
        axes.add_patch(
            Rectangle(
                (column - 0.48, row - 0.48), 0.96, 0.96, color=colour, linewidth=0,
                alpha=0.06 + 0.5 * np.sqrt(share),
            )
        )  # fmt: skip
        axes.text(
            column, row, f"{count:,}", ha="center", va="center", color=INK,
            fontsize=9, alpha=1 if count else 0.5,
        )  # fmt: skip
    shown = [target.class_names.get(name, name) for name in names]
    axes.set_xticks(range(len(names)), shown, rotation=30 if len(names) > 5 else 0)
    axes.set_yticks(range(len(names)), shown)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.tick_params(length=0)


def draw_scatter(axes: Axes, logged: pd.Series, new: pd.Series) -> None:
    """Draw logged against new numbers: up to 1000 rows at even steps.

    Parameters
    ----------
    axes : Axes
    logged, new : Series of shape (n_rows,)
    """
    rows = np.linspace(0, len(logged) - 1, min(SHOWN_POINTS, len(logged))).astype(int)
    ends = [min(logged.min(), new.min()), max(logged.max(), new.max())]
    axes.plot(ends, ends, color=INK, linewidth=1, linestyle=":")
    apart = ~np.isclose(logged.iloc[rows], new.iloc[rows])
    for which, colour in ((~apart, BLUE), (apart, RED)):
        points = rows[which]
        axes.scatter(new.iloc[points], logged.iloc[points], s=14, color=colour, alpha=0.6)
