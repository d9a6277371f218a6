"""Chi-square: Pearson's test that the rows of log and training have one distribution."""

import numpy as np
from scipy import stats

FEW = 5  # expected rows, with fewer of which the usual approximation does not hold
RESAMPLES = (499, 9999)  # the second number, if the first ones show that it may matter
MAY_MATTER = 0.05


def chi_square(log: np.ndarray, training: np.ndarray) -> tuple[float, float]:
    """Return statistic and p-value for two counts, shape (n_bins,).

    If fewer than 5 rows are expected in a bin, the p-value comes from resampled tables, which are
    always the same.

    Examples
    --------
    >>> statistic, p_value = chi_square(np.array([40, 60]), np.array([50, 50]))
    >>> round(statistic, 2), round(p_value, 2)
    (2.02, 0.16)
    """
    table = np.array([log, training], dtype=int)[:, (log > 0) | (training > 0)]
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return 0.0, 1.0
    test = stats.chi2_contingency(table, correction=False)
    if test.expected_freq.min() >= FEW:
        return float(test.statistic), float(test.pvalue)
    for number in RESAMPLES:
        resampled = stats.MonteCarloMethod(
            n_resamples=number, batch=1000, rng=np.random.default_rng(0)
        )
        test = stats.chi2_contingency(table, correction=False, method=resampled)
        if test.pvalue > MAY_MATTER:
            break
    return float(test.statistic), float(test.pvalue)
