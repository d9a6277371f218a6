"""Picture: the distribution of one column in the log, beside or over that in training."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from service.lab.reports.drift.comparison import Comparison
from service.lab.reports.report import BLUE, GREY, shortened

SHOWN_CATEGORIES, SHOWN_INTEGERS, SHOWN_BINS = 5, 20, 20
DAY = 86_400  # seconds
NARROW = 1e-9  # of the largest value
LONGEST_TITLE, LONGEST_CATEGORY = 32, 18


def draw_column(axes: Axes, name: str, kind: str, compared: Comparison) -> None:
    """Draw the distribution in the log beside that in training, or over it."""
    more = f": {compared.what}" if compared.what else ""
    if isinstance(compared.log, pd.Series):
        shown, known = _draw_categories(axes, compared.log, compared.training)
        more += f", {shown} of {known}" if known > shown else ""
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
    else:
        more += ": seconds" if kind == "timedelta" else ""
        bins = _bins(np.append(compared.log, compared.training))
        training, log = (
            np.histogram(values, bins)[0] / max(len(values), 1)
            for values in (compared.training, compared.log)
        )
        if _is_narrow(bins):  # as a difference, because there is no such axis
            more += f": above {bins[0]:.10g}"
            bins = bins - bins[0]
        places = bins / DAY if kind == "datetime" else bins
        axes.stairs(training, places, fill=True, color=GREY)
        axes.stairs(log, places, color=BLUE, linewidth=1.6)
        if kind == "datetime":
            locator = AutoDateLocator(minticks=2, maxticks=5)  # type: ignore[no-untyped-call]
            axes.xaxis.set_major_locator(locator)
            formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
            axes.xaxis.set_major_formatter(formatter)
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


def _is_narrow(bins: np.ndarray) -> bool:
    return bool(bins[-1] - bins[0] < NARROW * abs(bins).max())


def _bins(values: np.ndarray) -> np.ndarray:
    """Return the bounds of about 20 bins; if the values are few integers, of a bin for each.

    Examples
    --------
    >>> _bins(np.array([1.0, 3.0])).tolist()
    [0.5, 1.5, 2.5, 3.5]
    >>> len(_bins(np.array([1e9, np.nextafter(1e9, 2e9)])))
    2
    """
    if not len(values):
        return np.array([0.0, 1.0])
    low, high = values.min(), values.max()
    if high - low < SHOWN_INTEGERS and (values == np.round(values)).all():
        return np.arange(low - 0.5, high + 1)
    if low == high:
        return np.array([low - abs(low) / 2, high + abs(high) / 2])
    return np.unique(np.linspace(low, high, SHOWN_BINS + 1))
