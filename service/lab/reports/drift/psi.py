"""PSI: the population stability index, less what chance alone makes of it."""

from math import nan

import numpy as np


def psi(log: np.ndarray, training: np.ndarray) -> float:
    """Return how far two counts, shape (n_bins,), are apart beyond chance; at least 0.

    The index is the sum over bins of ``(log - training) * ln(log / training)``, with shares of
    rows. So that an empty bin does not make it infinite, half a row is added to each bin of
    training, and as many rows to the log, distributed as in training. From the index, `chance` is
    subtracted.

    Examples
    --------
    >>> psi(np.array([500, 500]), np.array([50, 50]))
    0.0
    >>> round(psi(np.array([900, 100]), np.array([50, 50])), 3)
    0.865
    """
    if not log.sum() or not training.sum():
        return nan
    used = (log > 0) | (training > 0)
    log, training = log[used], training[used]
    more = len(log) / 2
    q = (training + 0.5) / (training.sum() + more)
    p = (log + more * q) / (log.sum() + more)
    index = float(np.sum((p - q) * np.log(p / q)))
    return max(0.0, index - chance(len(log), log.sum(), training.sum()))


def chance(bins: int, log: float, training: float) -> float:
    """Return what PSI is on average if so many rows of log and training have one distribution.

    Without the rows that `psi` adds it is ``(bins - 1) * (1 / log + 1 / training)`` (Yurdakul,
    Statistical Properties of Population Stability Index, 2018). They bring it down.

    Examples
    --------
    >>> round(chance(bins=10, log=100, training=1000), 3)
    0.09
    """
    shrunk = log / (log + bins / 2)
    return float((bins - 1) * shrunk**2 * (1 / log + 1 / training))
