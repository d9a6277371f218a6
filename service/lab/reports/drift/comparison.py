"""Comparison: one column of the log, compared with the same column of the training data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

MODERATE, SHIFTED = 0.1, 0.25
SMALL_P = 0.001
ENOUGH = 100
VERDICTS = ["no rows", "stable", "moderate", "shifted"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """How far a column of the log is from the same column in training.

    A verdict needs a size and a test. The size is `psi`, and its bounds are usual in credit
    scoring (Siddiqi, Credit Risk Scorecards, 2006): "moderate" from 0.1, "shifted" from 0.25. And
    the test has to have a p-value below 0.001; or the log 100 rows, if there is no test.

    `what` says what was compared, if it is not the values themselves. `log` and `training` are for
    the picture: numbers, or shares of rows by category.

    Examples
    --------
    >>> few = Comparison(10, 0, 0, 0, 0.4, "chi-square", 3.0, 0.05, None, None)
    >>> many = Comparison(500, 0, 0, 0, 0.4, "chi-square", 90.0, 1e-20, None, None)
    >>> few.verdict, many.verdict
    ('stable', 'shifted')
    """

    rows: int
    missing: float
    missing_training: float
    unusual: float
    psi: float
    test: str
    statistic: float
    p_value: float
    log: Any
    training: Any
    what: str = ""

    @property
    def tested(self) -> str:
        """The test, with what it compared."""
        return f"{self.test} ({self.what})" if self.what else self.test

    @property
    def verdict(self) -> str:
        """The outcome in a word: "stable", "moderate" or "shifted"; "no rows" if there are none."""
        if not self.rows:
            return "no rows"
        by_chance = self.rows < ENOUGH if np.isnan(self.p_value) else self.p_value >= SMALL_P
        if by_chance or not self.psi >= MODERATE:
            return "stable"
        return "moderate" if self.psi < SHIFTED else "shifted"

    @classmethod
    def worst(cls, found: Sequence[Self]) -> Self:
        """Choose from several looks at a column the one with the worst verdict.

        Among equals it is the one with the largest PSI, and the first if all are stable.
        """

        def badness(each: Self) -> tuple[int, float]:
            place = VERDICTS.index(each.verdict)
            return place, each.psi if place > VERDICTS.index("stable") else 0

        return max(found, key=badness)


def share(part: float, rows: int) -> float:
    """Return a part of rows; NaN if there are no rows.

    Examples
    --------
    >>> share(1, 4), share(0, 0)
    (0.25, nan)
    """
    return float(part) / rows if rows else float("nan")
