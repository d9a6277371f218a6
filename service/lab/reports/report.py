"""Report: a table about the log, with notes in sentences and a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from typing import ClassVar

import pandas as pd
from IPython.display import Image, display
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# On white, as all figures in a notebook: text has a contrast of at least 4.5, fills of 3.
PAPER, INK, GREY = "#ffffff", "#444444", "#949494"
BLUE, AMBER, RED = "#1f77b4", "#a36600", "#c8382a"
SHOWN_ROWS = 30
SHOWN_NAMES = 5


@dataclass(frozen=True, eq=False)
class Report:
    """A table, notes on it, and a picture of it.

    Parameters
    ----------
    heading : str
        A sentence that says what was looked at.
    table : DataFrame
    notes : list of str
        Sentences: the outcome, and what to be careful with.

    Examples
    --------
    >>> print(Report("One number.", pd.DataFrame({"n": [1]}), ["It is small."]))
    One number.
    It is small.
       n
    0  1
    """

    heading: str
    table: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    size: ClassVar[tuple[float, float]] = (9.0, 3.6)

    def figure(self) -> Figure:
        """Draw the picture.

        Returns
        -------
        Figure
            A new one, that can be changed and saved.
        """
        with rc_context({"text.parse_math": False}):  # a dollar sign in a name starts no formula
            figure = Figure(self.size, layout="constrained", facecolor=PAPER)
            self._draw(figure)
            for axes in figure.axes:
                _tidy(axes)
            for legend in figure.legends:
                legend.set_frame_on(False)
                for text in legend.get_texts():
                    text.set_color(INK)
                    text.set_fontsize(8)
            figure.draw_without_rendering()  # this makes the tick labels
        return figure

    def _draw(self, figure: Figure) -> None:
        """Add axes to the figure, if there is something to draw."""

    def _ranked(self) -> pd.DataFrame:
        """Return the table as it is shown: the most important rows first."""
        return self.table

    @property
    def _more(self) -> str:
        """Say how many rows there are, if not all are shown."""
        rows = len(self.table)
        return f"The first {SHOWN_ROWS} of {rows:,} rows." if rows > SHOWN_ROWS else ""

    def __str__(self) -> str:
        lines = [self.heading, *self.notes]
        if len(self.table):
            shown = self._ranked().head(SHOWN_ROWS)
            lines += [shown.to_string(float_format=_short), *filter(None, [self._more])]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        parts = [f"<p><b>{escape(self.heading)}</b></p>", f"<ul>{notes}</ul>" if notes else ""]
        if len(self.table):
            shown = self._ranked().head(SHOWN_ROWS).to_html(float_format=_short, na_rep="")
            parts.append(f'<div style="overflow-x:auto">{shown}</div>')
            parts.append(f"<p>{self._more}</p>" if self._more else "")
        return "".join(parts)

    def _ipython_display_(self) -> None:
        """Show text and table, then the picture as an image, which no sanitizer removes."""
        display({"text/html": self._repr_html_(), "text/plain": str(self)}, raw=True)
        figure = self.figure()
        if figure.axes:
            file = BytesIO()
            figure.savefig(file, format="png", dpi=144)
            display(Image(file.getvalue(), retina=True))


def counted(number: int, noun: str) -> str:
    """Count things in words.

    Examples
    --------
    >>> counted(1, "row"), counted(20000, "row")
    ('1 row', '20,000 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def named(names: Sequence[str]) -> str:
    """List names; of many, only the first five.

    Examples
    --------
    >>> named(["size", "weight"]), named("abcdefgh")
    ('size, weight', 'a, b, c, d, e and 3 more')
    """
    more = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def shortened(text: str, length: int) -> str:
    """Cut out the middle of a long text: names that begin alike often differ at the end.

    Examples
    --------
    >>> shortened("amount_in_local_currency_07", 15)
    'amount_…ency_07'
    """
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[: length - 1 - half]}…{text[-half:]}"


def _short(number: float) -> str:
    """Write a number in few digits.

    Examples
    --------
    >>> _short(0.12345), _short(41234.5), _short(2.34e-16)
    ('0.123', '41,234', '2e-16')
    """
    if 1000 <= abs(number) < 1e9:
        return f"{number:,.0f}"
    return f"{number:.1g}" if abs(number) < 1e-4 else f"{number:.3g}"


def _tidy(axes: Axes) -> None:
    """Remove what is only decoration."""
    axes.set_facecolor(PAPER)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(INK)
    axes.tick_params(colors=INK, labelsize=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_offset_text().set(color=INK, fontsize=8)
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set_color(INK)
        text.set_fontsize(9)
