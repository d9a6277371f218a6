"""Missing values: how their share in the log differs from training."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from service.lab.reports.drift.comparison import Comparison
from service.lab.reports.drift.psi import psi

PRESENT, MISSING = "(present)", "(missing)"


def compare_missing(values: Comparison, rows: int) -> Comparison:
    """Compare the share of missing values alone, by Fisher's exact test.

    Among many values, tests of all of them see it late.

    Parameters
    ----------
    values : Comparison
        Of the same column.
    rows : int
        The number of rows in training.

    Examples
    --------
    >>> values = Comparison(100, 0.2, 0, 0, 0, "Kolmogorov-Smirnov", 0.2, 0.01, None, None)
    >>> compare_missing(values, 1000).verdict
    'shifted'
    """
    if not values.rows:
        return values
    shares = {"log": values.missing, "training": values.missing_training}
    log, training = (
        np.array([round(share * size), round((1 - share) * size)])
        for share, size in zip(shares.values(), (values.rows, rows), strict=True)
    )
    return replace(
        values,
        psi=psi(log, training),
        test="Fisher",
        what="missing",
        statistic=values.missing - values.missing_training,
        p_value=float(stats.fisher_exact([log, training]).pvalue),
        **{of: pd.Series({MISSING: share, PRESENT: 1 - share}) for of, share in shares.items()},
    )
