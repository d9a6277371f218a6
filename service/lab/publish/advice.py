"""Advice: why something has no `predict`, and what to publish instead."""

from typing import Any

from sklearn.neighbors import LocalOutlierFactor
from sklearn.utils import all_estimators

from service.contract.signature.output import last_step


def without_predict(estimator: Any) -> str:
    """Say what to do about an estimator that cannot predict.

    Examples
    --------
    >>> without_predict(LocalOutlierFactor())
    'LocalOutlierFactor has no `predict` for new rows. Fit it with novelty=True.'
    """
    if isinstance(estimator, type):
        name = estimator.__name__
        return f"{name} is a class, which has no `predict` yet. Publish `{name}()`, fitted."
    last = last_step(estimator)
    kind = type(last).__name__
    if isinstance(last, LocalOutlierFactor):
        return f"{kind} has no `predict` for new rows. Fit it with novelty=True."
    if getattr(last, "refit", None) is False:
        return f"{kind} has no `predict`, because refit=False. Fit it with refit=True."
    if hasattr(last, "transform"):
        return (
            f"{kind} has no `predict`: it only transforms. Publish a pipeline that ends with an "
            "estimator that predicts."
        )
    if hasattr(last, "fit_transform"):
        return (
            f"{kind} has no `predict`: it places the rows that it is fitted with, and no others. "
            "PCA can place new rows, in front of an estimator that predicts."
        )
    if hasattr(last, "fit_predict"):
        others = [name for name, each in all_estimators("cluster") if hasattr(each, "predict")]
        return (
            f"{kind} has no `predict`: it groups the rows that it is fitted with, and no others. "
            f"These can: {', '.join(others)}; and mixtures such as GaussianMixture."
        )
    return f"{kind} has no `predict`. Publish a fitted estimator."
