"""Categories: how a column of categories, booleans or classes in the log differs from training."""

from collections.abc import Collection
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from service.contract.model.words import GROUPS, group
from service.lab.reports.drift.chi_square import chi_square
from service.lab.reports.drift.comparison import Comparison, share
from service.lab.reports.drift.missing import MISSING
from service.lab.reports.drift.psi import psi

OTHER, UNSEEN, SEEN = "(other)", "(unseen)", "(seen)"
OWN_BIN = 5  # rows, of training and log together


def compare_categories(
    values: pd.Series, training: dict[str, Any], rows: int, seen: Collection[str]
) -> Comparison:
    """Compare categories with the summary of a training column.

    There are two looks at them, and the one with the worst verdict is returned.

    One compares how frequent categories are. Each has a bin if it has 5 rows in training and log
    together; the others share one, and missing values have one. Training and log decide alike
    which these are: bins chosen by training alone would have more rows there than in new data.
    If training had too many categories to list, the bins are groups of categories instead. The
    test is Pearson's chi-square test. If it expects fewer than 5 rows in a bin, its p-value comes
    from resampled tables, which are always the same.

    The other compares how many rows have a category that was not in training. Some are expected:
    their share is estimated by that of the categories that training had once (Good, The Population
    Frequencies of Species and the Estimation of Population Parameters, 1953). The test is Fisher's
    exact test, one-sided. It takes training for smaller than it was, by how uncertain the estimate
    is.

    Parameters
    ----------
    values : Series of shape (n_rows,)
        From the log, as text; None if one is missing.
    training : dict
        With missing and counts, as `baseline.of_categories` returns it.
    rows : int
        The number of rows in training.
    seen : collection of str
        All categories that training had.

    Examples
    --------
    >>> training = {"counts": {"red": 50, "blue": 50}}
    >>> log = pd.Series(["red", "blue"] * 50)
    >>> compare_categories(log, training, 100, ["red", "blue"]).verdict
    'stable'
    >>> compare_categories(log.replace("blue", "green"), training, 100, ["red", "blue"]).verdict
    'shifted'
    """
    absent, missing = int(values.isna().sum()), training.get("missing", 0)
    present, known = values.dropna().astype(str), pd.Series(training["counts"], dtype=float)
    both = pd.DataFrame({"log": present.value_counts(), "training": known}).fillna(0)
    is_new = ~both.index.isin([*seen, *known.index])
    unseen = int(both.loc[is_new, "log"].sum())
    once = training.get("once", int((known == 1).sum()))
    twice = training.get("twice", int((known == 2).sum()))
    log, expected = _groups(present, training) if "groups" in training else _bins(both)
    log, expected = np.append(log, absent), np.append(expected, missing)
    shown = _shown(both, is_new, once, rows - missing, [absent, missing])
    statistic, p_value = chi_square(log, expected) if len(values) else (nan, nan)
    frequencies = Comparison(
        rows=len(values),
        missing=share(absent, len(values)),
        missing_training=missing / rows,
        unusual=share(unseen, len(values)),
        psi=psi(log, expected),
        test="chi-square",
        statistic=statistic,
        p_value=p_value,
        log=shown["log"] / max(len(values), 1),
        training=shown["training"] / rows,
    )
    if not unseen or missing == rows:
        return frequencies
    new = np.array([unseen, len(present) - unseen])
    expected = _expected_unseen(once, twice, rows - missing)
    newer = replace(
        frequencies,
        psi=psi(new, expected),
        test="Fisher",
        what="unseen",
        statistic=unseen / len(present),
        p_value=float(stats.fisher_exact([new, expected.round()], "greater").pvalue),
        log=pd.Series(new / len(present), [UNSEEN, SEEN]),
        training=pd.Series(expected / expected.sum(), [UNSEEN, SEEN]),
    )
    return Comparison.worst([frequencies, newer])


def _bins(both: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Count the rows of log and training in each bin, from those by category."""
    own = both.sum(axis=1) >= OWN_BIN
    log, training = (np.append(column[own], column[~own].sum()) for _, column in both.items())
    return log, training


def _groups(present: pd.Series, training: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Count the rows of log and training in each group of categories."""
    numbers = np.array([group(text) for text in present], dtype=int)
    return np.bincount(numbers, minlength=GROUPS), np.array(training["groups"])


def _shown(
    both: pd.DataFrame, is_new: np.ndarray, once: int, rows: int, missing: list[int]
) -> pd.DataFrame:
    """Return the rows of log and training by category; rare ones are together.

    Of the rows of training, those that would be unseen if they were new count as unseen.
    """
    own = (both.sum(axis=1) >= OWN_BIN).to_numpy()
    named, rare = both[own], both.loc[~own, "log"]
    alone = once - int((named["training"] == 1).sum())
    together = {
        OTHER: [rare[~is_new[~own]].sum(), rows - named["training"].sum() - alone],
        UNSEEN: [rare[is_new[~own]].sum(), alone],
        MISSING: missing,
    }
    rest = pd.DataFrame.from_dict(together, orient="index", columns=["log", "training"])
    return pd.concat([named, rest])


def _expected_unseen(once: int, twice: int, rows: int) -> np.ndarray:
    """Return how many of the rows of training would be unseen, and how many not, if new.

    The variance of the estimated share ``once / rows`` is that of a share of so many rows, and
    ``2 * twice / rows ** 2``: with few rows it is as large.

    Examples
    --------
    >>> _expected_unseen(once=40, twice=0, rows=100).tolist()
    [40.0, 60.0]
    >>> _expected_unseen(once=40, twice=12, rows=100).tolist()
    [20.0, 30.0]
    """
    binomial = once * (1 - once / rows)
    certain = binomial / (binomial + 2 * twice) if binomial else 1
    return np.array([once, rows - once]) * certain
