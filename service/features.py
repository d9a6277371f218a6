"""Your own transformers: what a notebook trains with, the API loads from here.

A model file names its classes; it does not carry their code. A class that is
written in a notebook cell exists in that notebook alone, so the API refuses a
model that needs it. Written here, it is importable on both sides.

A transformer here may have a method `transform_array`: the same as `transform`,
but from an array to an array. With it, a model keeps its fast path in the API.
It gets float64, or objects with None for what is missing if a column holds
text; the API compares its answers with those of `transform` before it uses it.
"""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names, check_is_fitted


class AddRatio(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Add the ratio of two columns as a new column.

    A tree splits on one column at a time, so a ratio that separates the classes
    saves it many splits.

    Parameters
    ----------
    numerator, denominator : str
        Names of two numeric columns. Where the denominator is 0 the ratio is missing.

    Attributes
    ----------
    feature_names_in_ : ndarray of str, shape (n_features,)
        The columns seen in `fit`.

    Examples
    --------
    >>> birds = pd.DataFrame({"bill_length_mm": [39.0], "bill_depth_mm": [19.5]})
    >>> AddRatio("bill_length_mm", "bill_depth_mm").fit_transform(birds).columns[-1]
    'bill_length_mm_per_bill_depth_mm'
    """

    def __init__(self, numerator: str, denominator: str) -> None:
        self.numerator = numerator
        self.denominator = denominator

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Remember the columns; there is nothing to learn."""
        missing = {self.numerator, self.denominator} - set(X.columns)
        if missing:
            raise ValueError(f"AddRatio needs the columns {sorted(missing)}; the table lacks them.")
        _check_feature_names(self, X, reset=True)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return a copy of `X`, shape (n_rows, n_features + 1), with the ratio last."""
        check_is_fitted(self)
        below = X[self.denominator].astype(float)
        ratio = X[self.numerator].astype(float) / below.where(below != 0, np.nan)
        return X.assign(**{self._name: ratio})

    def transform_array(self, X: np.ndarray) -> np.ndarray:
        """Do as `transform`, with an array of shape (n_rows, n_features)."""
        names = [*self.feature_names_in_]
        above, below = (
            X[:, names.index(name)].astype(float) for name in (self.numerator, self.denominator)
        )
        return np.column_stack([X, above / np.where(below != 0, below, np.nan)])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that `transform` gives."""
        check_is_fitted(self)
        return np.append(self.feature_names_in_, self._name)

    @property
    def _name(self) -> str:
        return f"{self.numerator}_per_{self.denominator}"
