"""Comparison: one column of the log, compared with the same column of the training data."""

from dataclasses import dataclass
from math import nan
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import stats

from service.contract.model.baseline import QUANTILES, SAMPLE

MODERATE, SHIFTED = 0.1, 0.25
SMALL_P = 0.001
ENOUGH = 100
UNSEEN, MISSING = "(unseen)", "(missing)"
RESAMPLES = 9999


@dataclass(frozen=True, eq=False)
class Comparison:
    """How far a column of the log is from the same column in training.

    The population stability index (PSI) is the sum over bins of
    ``(log - training) * ln(log / training)``, with shares of rows. Missing values have a bin of
    their own. So that an empty bin does not make it infinite, half a row is added to each bin of
    training, and as many rows to the log, distributed as in training.

    For numbers, the bins are the deciles of training. Their bounds lie halfway between values of
    training, and the outer bins are open. A value on which two deciles fall has its own bin. The
    test is the two-sample Kolmogorov-Smirnov test. It counts missing values as less than all
    numbers, and so sees a change of their share.

    For categories, each has a bin, and all that were not in training share one. The test is
    Pearson's chi-square test on these bins. If it expects fewer than 5 rows in a bin, its p-value
    comes from resampled tables, which are always the same.

    The bounds of the verdict are usual in credit scoring (Siddiqi, Credit Risk Scorecards, 2006):
    "moderate" from 0.1, "shifted" from 0.25. But chance alone makes a PSI of about
    (bins - 1) / rows (Yurdakul, Statistical Properties of Population Stability Index, 2018). So
    both verdicts also need a p-value below 0.001, or 100 rows if there is no test.

    Examples
    --------
    >>> training = {"missing": 0, "counts": {"red": 50, "blue": 50}}
    >>> Comparison.of_categories(pd.Series(["red", "blue"] * 50), training, 100).verdict
    'stable'
    >>> Comparison.of_categories(pd.Series(["red", UNSEEN] * 50), training, 100).verdict
    'shifted'
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

    @property
    def verdict(self) -> str:
        """The outcome in a word: "stable", "moderate" or "shifted"; "no rows" if there are none."""
        if not self.rows:
            return "no rows"
        by_chance = self.rows < ENOUGH if np.isnan(self.p_value) else self.p_value >= SMALL_P
        if by_chance or self.psi < MODERATE:
            return "stable"
        return "moderate" if self.psi < SHIFTED else "shifted"

    @classmethod
    def of_numbers(cls, values: pd.Series, training: dict[str, Any], rows: int) -> Self:
        """Compare numbers with the summary of a training column.

        Parameters
        ----------
        values : Series of shape (n_rows,)
            From the log; NaN if one is missing.
        training : dict
            With missing, quantiles and sample, as `baseline.summarise` returns it.
            Without a sample, as in older versions, there is no test.
        rows : int
            The number of rows in training.
        """
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=nan)
        present = numbers[~np.isnan(numbers)]
        quantiles, missing = np.array(training["quantiles"]), training.get("missing", 0)
        even = np.linspace(0, 1, SAMPLE)
        reference = np.array(training.get("sample", np.interp(even, QUANTILES, quantiles)))
        edges = _edges(quantiles, reference) if "sample" in training else np.unique(quantiles[1:-1])
        present_training = _counts(reference, edges) / len(reference) * (rows - missing)
        statistic = p_value = nan
        if "sample" in training and len(numbers):
            absent = np.full(round(len(reference) * missing / (rows - missing)), -np.inf)
            test = stats.ks_2samp(
                np.where(np.isnan(numbers), -np.inf, numbers), np.append(reference, absent)
            )
            statistic, p_value = float(test.statistic), float(test.pvalue)
        outside = (present < quantiles[0]) | (present > quantiles[-1])
        return cls(
            rows=len(numbers),
            missing=_share(len(numbers) - len(present), len(numbers)),
            missing_training=missing / rows,
            unusual=_share(outside.sum(), len(numbers)),
            psi=_psi(
                np.append(_counts(present, edges), len(numbers) - len(present)),
                np.append(present_training, missing),
            ),
            test="Kolmogorov-Smirnov",
            statistic=statistic,
            p_value=p_value,
            log=present,
            training=reference,
        )

    @classmethod
    def of_categories(cls, values: pd.Series, training: dict[str, Any], rows: int) -> Self:
        """Compare categories, booleans or classes with the summary of a training column.

        Parameters
        ----------
        values : Series of shape (n_rows,)
            From the log, as text; `UNSEEN` for one that was not in training, None if one is
            missing.
        training : dict
            With missing and counts, as `baseline.summarise` returns it.
        rows : int
            The number of rows in training.
        """
        missing = training.get("missing", 0)
        expected = pd.Series({**training["counts"], UNSEEN: 0}, dtype=float)
        counts = values.value_counts().reindex(expected.index, fill_value=0)
        log = np.append(counts.to_numpy(dtype=float), values.isna().sum())
        known = np.append(expected.to_numpy(), missing)
        statistic, p_value = _chi_square(log, known) if len(values) else (nan, nan)
        return cls(
            rows=len(values),
            missing=_share(values.isna().sum(), len(values)),
            missing_training=missing / rows,
            unusual=_share(counts[UNSEEN], len(values)),
            psi=_psi(log, known),
            test="chi-square",
            statistic=statistic,
            p_value=p_value,
            log=pd.Series(log / max(len(values), 1), [*expected.index, MISSING]),
            training=pd.Series(known / rows, [*expected.index, MISSING]),
        )


def _share(part: float, rows: int) -> float:
    return float(part) / rows if rows else nan


def _edges(quantiles: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the inner bounds of the bins; each bin holds its upper bound.

    A bound that is a value of training, shape (n_values,), moves halfway to the next value. So if
    training was rounded and the log is not, a value stays with those that round to it.

    Examples
    --------
    >>> _edges(np.arange(11.0), np.arange(11.0)).tolist()
    [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]
    >>> len(_edges(np.ones(11), np.ones(1)))
    2
    """
    known = np.unique(values)
    bounds, times = np.unique(quantiles, return_counts=True)
    inner = bounds[(times > 1) | ((bounds > quantiles[0]) & (bounds < quantiles[-1]))]
    above = np.append(known, known[-1])[np.searchsorted(known, inner, "right")]
    below = np.append(known[0], known)[np.searchsorted(known, bounds[times > 1])]
    upper = np.where(np.isin(inner, known), (inner + above) / 2, inner)
    lower = np.minimum((bounds[times > 1] + below) / 2, np.nextafter(bounds[times > 1], -np.inf))
    return np.union1d(upper, lower)


def _counts(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)


def _psi(log: np.ndarray, training: np.ndarray) -> float:
    """Return the PSI of two counts, shape (n_bins,), as `Comparison` describes it.

    Examples
    --------
    >>> round(_psi(np.array([500, 500]), np.array([50, 50])), 3)
    0.0
    >>> round(_psi(np.array([900, 100]), np.array([50, 50])), 3)
    0.876
    """
    if not log.sum():
        return nan
    used = (log > 0) | (training > 0)
    log, training = log[used], training[used]
    more = len(log) / 2
    q = (training + 0.5) / (training.sum() + more)
    p = (log + more * q) / (log.sum() + more)
    return float(np.sum((p - q) * np.log(p / q)))


def _chi_square(log: np.ndarray, training: np.ndarray) -> tuple[float, float]:
    """Return statistic and p-value of Pearson's test that both counts have one distribution."""
    table = np.array([log, training])[:, (log > 0) | (training > 0)]
    if table.shape[1] < 2:
        return 0.0, 1.0
    test = stats.chi2_contingency(table, correction=False)
    if test.expected_freq.min() < 5:
        resampled = stats.MonteCarloMethod(
            n_resamples=RESAMPLES, batch=1000, rng=np.random.default_rng(0)
        )
        test = stats.chi2_contingency(table, correction=False, method=resampled)
    return float(test.statistic), float(test.pvalue)
