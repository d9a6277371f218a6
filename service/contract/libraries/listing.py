"""Listing: the types of other libraries than scikit-learn that a model file may hold.

They follow from what the libraries make public, by rules that are written down here, and from the
user's own list. A library is imported when a file names it, not before.
"""

import importlib
from functools import cache

from service.contract.libraries import trusted
from service.contract.text import name_of

STAND_INS = {
    "service.contract.libraries.boosters.BoosterFile",
    "service.contract.libraries.pandas_parts.PandasParts",
}
ESTIMATORS = frozenset(
    {
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
        "xgboost.sklearn.XGBRegressor",
    }
)
RANKERS = frozenset({"lightgbm.sklearn.LGBMRanker", "xgboost.sklearn.XGBRanker"})
# All classes that these modules make public: none of them opens a file, starts a program or
# imports by name, whatever its attributes are.
IMBALANCED_LEARN = (
    "imblearn.combine",
    "imblearn.ensemble",
    "imblearn.metrics.pairwise",
    "imblearn.over_sampling",
    "imblearn.under_sampling",
)
PIPELINE = {"imblearn.base.FunctionSampler", "imblearn.pipeline.Pipeline"}
# Where boosters and objectives belong, by the class that has the attribute.
BOOSTERS = {"lightgbm.sklearn.LGBMModel": "_Booster", "xgboost.sklearn.XGBModel": "_Booster"}
OBJECTIVES = {
    "lightgbm.sklearn.LGBMModel": {"objective", "_objective"},
    "xgboost.sklearn.XGBModel": {"objective"},
}


def lists(name: str) -> bool:
    """Whether a type is listed.

    Examples
    --------
    >>> lists("xgboost.sklearn.XGBRegressor"), lists("xgboost.dask.DaskXGBRegressor")
    (True, False)
    """
    if name in STAND_INS or name in ESTIMATORS or name in trusted.names():
        return True
    return name.startswith("imblearn.") and name in _imbalanced_learn()


def takes_booster(owner: type, attribute: str) -> bool:
    """Whether a booster belongs in an attribute."""
    return any(BOOSTERS.get(name_of(base)) == attribute for base in owner.__mro__)


def takes_function(owner: type, attribute: str) -> bool:
    """Whether an attribute is a model's objective, which may be a function."""
    return any(attribute in OBJECTIVES.get(name_of(base), ()) for base in owner.__mro__)


@cache
def _imbalanced_learn() -> frozenset[str]:
    modules = map(importlib.import_module, IMBALANCED_LEARN)
    public = [
        getattr(module, name)
        for module in modules
        for name in getattr(module, "__all__", ["ValueDifferenceMetric"])
    ]
    return frozenset({name_of(each) for each in public if isinstance(each, type)} | PIPELINE)
