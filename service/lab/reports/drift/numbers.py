"""Numbers: how a column of numbers in the log differs from training."""

from math import inf, nan
from typing import Any, Literal
from warnings import catch_warnings, filterwarnings

import numpy as np
from scipy import stats

from service.contract.model.baseline import QUANTILES, SAMPLE
from service.lab.reports.drift.comparison import Comparison, share
from service.lab.reports.drift.psi import psi

EXACT = 1000  # rows of both up to which the p-value is exact: with more it cannot be computed
Direction = Literal["two-sided", "less"]


def compare_numbers(
    values: np.ndarray,
    training: dict[str, Any],
    rows: int,
    what: str = "",
    direction: Direction = "two-sided",
) -> Comparison:
    """Compare numbers with the summary of a training column.

    The bins of PSI are the deciles of training. Their bounds lie between values of training, and
    the outer bins are open. A value on which two deciles fall has its own bin, and so have missing
    values. The test is the two-sample Kolmogorov-Smirnov test. It counts missing values as less
    than all numbers, and so sees a change of their share.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        From the log; NaN if one is missing.
    training : dict
        With missing, quantiles and sample, as `baseline.of_numbers` returns it. Without quantiles,
        all were missing. Without a sample, as in older versions, there is no test.
    rows : int
        The number of rows in training.
    what : str
        What the numbers are, if not the values of the column themselves.
    direction : "two-sided" or "less"
        The alternative of the test; with "less", only larger values are a change.

    Examples
    --------
    >>> from service.contract.model.baseline import of_numbers
    >>> training = of_numbers(np.arange(200.0))
    >>> compare_numbers(np.arange(100.0, 300.0), training, 200).verdict
    'shifted'
    """
    present = values[~np.isnan(values)]
    missing = training.get("missing", 0)
    quantiles = np.array(training.get("quantiles", []))
    is_older = len(quantiles) > 0 and "sample" not in training
    reference = (
        np.interp(np.linspace(0, 1, SAMPLE), QUANTILES, quantiles)
        if is_older
        else np.array(training.get("sample", []), dtype=float)
    )
    edges = np.unique(quantiles[1:-1]) if is_older else _edges(quantiles, reference)
    counts = _counts(reference, edges) / max(len(reference), 1) * (rows - missing)
    statistic = p_value = nan
    if len(values) and not is_older:
        statistic, p_value = _test(values, reference, missing / rows, direction)
    low, high = (quantiles[0], quantiles[-1]) if len(quantiles) else (inf, -inf)
    return Comparison(
        rows=len(values),
        missing=share(len(values) - len(present), len(values)),
        missing_training=missing / rows,
        unusual=share(((present < low) | (present > high)).sum(), len(values)),
        psi=psi(
            np.append(_counts(present, edges), len(values) - len(present)),
            np.append(counts, missing),
        ),
        test="Kolmogorov-Smirnov",
        statistic=statistic,
        p_value=p_value,
        log=present,
        training=reference,
        what=what,
    )


def _test(
    log: np.ndarray, reference: np.ndarray, missing: float, direction: Direction
) -> tuple[float, float]:
    """Return statistic and p-value, where `missing` is the share of missing rows in training."""
    absent = round(len(reference) * missing / (1 - missing)) if missing < 1 else SAMPLE
    known = np.append(reference, np.full(absent, -inf))
    with catch_warnings():
        # An exact p-value of 1 may come out as a bit more. Then SciPy takes the other method.
        filterwarnings("ignore", "ks_2samp: Exact calculation unsuccessful", RuntimeWarning)
        test = stats.ks_2samp(
            np.where(np.isnan(log), -inf, log),
            known,
            alternative=direction,
            method="exact" if len(log) + len(known) <= EXACT else "asymp",
        )
    return float(test.statistic), float(test.pvalue)


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
    if not len(quantiles):
        return quantiles
    known = np.unique(values)
    bounds, times = np.unique(quantiles, return_counts=True)
    inner = bounds[(times > 1) | ((bounds > quantiles[0]) & (bounds < quantiles[-1]))]
    above = np.append(known, known[-1])[np.searchsorted(known, inner, "right")]
    below = np.append(known[0], known)[np.searchsorted(known, bounds[times > 1])]
    # Halfway between neighbours among the floats is one of the two: it must be the lower one.
    halfway = np.minimum(inner / 2 + above / 2, np.nextafter(above, -inf))
    upper = np.where(np.isin(inner, known) & (above > inner), halfway, inner)
    twice = bounds[times > 1]
    return np.union1d(upper, np.minimum(twice / 2 + below / 2, np.nextafter(twice, -inf)))


def _counts(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
