"""Never called: what an estimator keeps that none of its methods of prediction calls.

The rule: a scorer, a splitter, a search's choices and its table of results, and what only
`partial_fit` goes on from, stay out of the file. A parameter goes back to its default, and a
fitted attribute is not written. A plain value of a parameter (``cv=5``, ``scoring="f1"``) stays.
"""

import inspect
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.cluster import AgglomerativeClustering, Birch, BisectingKMeans
from sklearn.compose import ColumnTransformer
from sklearn.metrics._scorer import _CurveScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils._metadata_requests import MetadataRequest, MethodMetadataRequest

from service.contract.model_file import attributes

FITTED: dict[type, frozenset[str]] = {
    BaseEstimator: frozenset({"_scorer", "_skl_callbacks", "cv_results_", "scorer_"}),
    BaseSearchCV: frozenset({"_checked_cv_orig"}),
    Birch: frozenset({"dummy_leaf_", "root_"}),
    BisectingKMeans: frozenset({"_kmeans_single"}),
}
PARAMETERS: dict[type, frozenset[str]] = {
    BaseEstimator: frozenset({"cv", "scoring"}),
    BaseSearchCV: frozenset({"param_distributions", "param_grid", "refit"}),
}
CACHES: dict[type, frozenset[str]] = {  # of what `fit` computed
    AgglomerativeClustering: frozenset({"memory"}),
    Pipeline: frozenset({"memory"}),
}
PLAIN = (bool, int, float, str, np.generic, type(None))


def without(holder: Any) -> tuple[dict[str, Any], list[str]]:
    """Return what an object holds, without what is never called, and the names of what is left out.

    Parameters
    ----------
    holder : object

    Returns
    -------
    held : dict of str to object
    left_out : list of str

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV, KFold
    >>> held, left_out = without(GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=KFold(3)))
    >>> left_out
    ['cv', 'param_grid']
    >>> held["cv"], held["param_grid"]
    (None, {})
    """
    kind = type(holder)
    held: dict[str, Any] = {}
    left_out = []
    for name, value in vars(holder).items():
        if _is_of_sklearn(kind, name, FITTED):
            left_out.append(name)
        elif _is_of_sklearn(kind, name, CACHES) and value is not None:
            held[name] = None
            left_out.append(name)
        elif _is_of_sklearn(kind, name, PARAMETERS) and not isinstance(value, PLAIN):
            held[name] = _default(kind, name)
            left_out.append(name)
        else:
            held[name] = value
    if isinstance(holder, ColumnTransformer) and _selects(held.get("transformers")):
        held["transformers"] = _with_columns(holder)
        left_out.append("transformers (column selectors)")
    if isinstance(holder, _CurveScorer) and callable(holder._score_func):
        held["_kwargs"] = {"pos_label": holder._get_pos_label()}
        held["_score_func"] = None
        left_out.append("_score_func")
    requests = isinstance(holder, MetadataRequest | MethodMetadataRequest)
    if requests and not isinstance(holder.owner, PLAIN):
        held["owner"] = type(holder.owner).__name__  # for messages; it holds the request
        left_out.append("owner")
    return held, left_out


def _is_of_sklearn(kind: type, name: str, names: dict[type, frozenset[str]]) -> bool:
    """Whether a name is on a list, and is scikit-learn's there, not of a class of the user's."""
    return any(name in listed and issubclass(kind, base) for base, listed in names.items()) and any(
        base.__module__.startswith("sklearn.") and name in attributes.allowed(base)
        for base in kind.__mro__
    )


def _default(kind: type, name: str) -> Any:
    """Return the default of a parameter; a search's choices have none, and are empty then."""
    default = inspect.signature(kind).parameters[name].default
    return {} if default is inspect.Parameter.empty else default


def _selects(transformers: Any) -> bool:
    """Whether a column selector or another function chooses columns."""
    return isinstance(transformers, list | tuple) and any(
        isinstance(each, tuple) and len(each) == 3 and callable(each[2]) for each in transformers
    )


def _with_columns(holder: ColumnTransformer) -> list[tuple[Any, ...]]:
    """Return the transformers with the columns that `fit` selected, in place of the selectors.

    A prototype, which `fit` never saw, selects none: it is not fitted again where the file is read.
    """
    transformers = holder.transformers
    chosen = vars(holder).get("_columns") or [[] for _ in transformers]
    return [
        (name, transformer, selected if callable(columns) else columns)
        for (name, transformer, columns), selected in zip(transformers, chosen, strict=True)
    ]
