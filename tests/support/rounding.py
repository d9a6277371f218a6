"""Numbers that are the same but for how a processor rounds."""

from typing import Any

import numpy as np

RELATIVE = 1e-12  # of the largest number; differences that were seen were 1e-15


def equal_but_for_rounding(one: Any, other: Any) -> bool:
    """Whether arrays are equal, numbers with a fraction but for rounding.

    Where OpenBLAS uses AVX-512, the last bit of a product depends on where arrays begin in memory,
    and that of a row on how many rows are beside it. So it is in scikit-learn itself.
    """
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind != "f" or other.dtype.kind != "f":
        return np.array_equal(one, other)
    finite = np.abs(one[np.isfinite(one)])
    margin = RELATIVE * finite.max(initial=0.0)
    return one.shape == other.shape and np.allclose(one, other, RELATIVE, margin, equal_nan=True)
