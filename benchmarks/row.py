"""Row: one line of the table."""

import operator
from dataclasses import dataclass

HEAD = "| work | must | aim | measured | reached | figures |\n|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Row:
    """What was measured. `must` and `aim` are bounds; `least` says on which side.

    Where nothing could be measured, `measured` is None, and `figures` says why.

    >>> print(Row("start, in seconds", 2, 1, 1.5, ""))
    | start, in seconds | ≤ 2 | ≤ 1 | 1.5 | must |  |
    >>> print(Row("against mosec", 4, 5, None, "it is not installed", least=True))
    | against mosec | ≥ 4 | ≥ 5 | - | - | it is not installed |
    """

    work: str
    must: float
    aim: float
    measured: float | None
    figures: str = ""
    least: bool = False

    def __str__(self) -> str:
        sign = "≥" if self.least else "≤"
        shown = "-" if self.measured is None else in_short(self.measured)
        bounds = f"{sign} {in_short(self.must)} | {sign} {in_short(self.aim)}"
        return f"| {self.work} | {bounds} | {shown} | {self.reached} | {self.figures} |"

    @property
    def reached(self) -> str:
        """Which of the bounds holds."""
        if self.measured is None:
            return "-"
        holds = operator.ge if self.least else operator.le
        reached = [n for n in ("aim", "must") if holds(self.measured, getattr(self, n))]
        return reached[0] if reached else "**no**"


def in_short(number: float) -> str:
    """Write a number with three digits, or whole."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
