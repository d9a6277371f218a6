"""A transformer as other libraries write them: learned values in pandas, named by `setattr`."""

from typing import Any, Self

import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


class MeanOfTarget(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Replace each category by the mean of its target."""

    def fit(self, X: pd.DataFrame, y: Any) -> Self:
        target = pd.Series(y, index=X.index)
        learned = {
            "means": {name: target.groupby(X[name]).mean() for name in X},
            "counts": [pd.DataFrame({"n": X[name].value_counts()}) for name in X],
            "types": [*X.dtypes],
            "all": pd.Index([*X.columns], name="column"),
        }
        for name, value in learned.items():
            setattr(self, f"{name}_", value)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        means = vars(self)["means_"]
        return pd.DataFrame({name: X[name].map(means[name]).fillna(0.0) for name in X})
