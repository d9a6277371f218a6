"""Attributes: which ones an object in a model file may have, and what each may hold.

Most of it follows from scikit-learn itself, by rules that are written down here; the rest is
listed by name.
"""

import inspect
import re
from collections.abc import Callable
from functools import cache
from string import Formatter
from typing import Any

import numpy as np
from scipy.interpolate import BSpline
from sklearn._loss.loss import BaseLoss
from sklearn.base import BaseEstimator
from sklearn.cluster._bisect_k_means import _BisectingTree
from sklearn.compose import make_column_selector
from sklearn.gaussian_process.kernels import Kernel
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics._dist_metrics import PyFuncDistance32, PyFuncDistance64
from sklearn.metrics._scorer import _BaseScorer, _PassthroughScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.neighbors._base import NeighborsBase
from sklearn.utils._metadata_requests import SIMPLE_METHODS, MetadataRequest

from service.contract.libraries import listing, trusted
from service.contract.libraries.boosters import BoosterFile
from service.contract.model_file import own_code
from service.contract.model_file.surface.assigned import assigned_by

# What scikit-learn sets from outside a class. All other attributes are set by the class itself.
SET_FROM_OUTSIDE = {
    BaseEstimator: {
        "_metadata_request",
        "_sklearn_version",
        "classes_",
        "feature_names_in_",
        "n_features_in_",
    },
    MetadataRequest: {*SIMPLE_METHODS, "fit_resample"},  # which imbalanced-learn adds
    _BisectingTree: {"label"},
}
# What `__setstate__` computes again; it is not in the file.
REBUILT = {IsotonicRegression: {"f_"}}
# Where functions belong, besides the parameters that may be callable according to scikit-learn.
FUNCTION_ATTRIBUTES = {
    BSpline: {"_asarray"},
    BaseSearchCV: {"best_params_", "cv_results_", "param_distributions", "param_grid"},
    NeighborsBase: {"effective_metric_"},
    PyFuncDistance32: {""},  # which is in its state
    PyFuncDistance64: {""},
    _BaseScorer: {"_score_func"},
}
# Where objects belong that can be called like functions.
CALLABLE_OBJECTS = {
    BSpline: {"bsplines_"},
    BaseLoss: {"_base_loss", "_loss"},
    Kernel: {
        "best_params_",
        "cv_results_",
        "k1",
        "k2",
        "kernel",
        "kernel_",
        "kernels",
        "param_grid",
    },
    _BaseScorer: {"_curve_scorer", "_scorer", "owner", "scorer_", "scoring"},
    _PassthroughScorer: {"owner", "scorer_"},
    make_column_selector: {"_transformers", "transformers", "transformers_"},
}
# Attributes whose value scikit-learn uses to call something by name or to open something, and the
# values that each may have, alone or in a list.
METHODS = frozenset({"decision_function", "predict", "predict_log_proba", "predict_proba"})
# Of text, in small letters with hyphens. Another name would import a module, for rows of bytes.
LISTED_ENCODINGS = """
utf-8 utf8 utf-8-sig utf-16 utf16 utf-16-le utf-16-be utf-32 utf32 ascii us-ascii latin-1
latin1 iso-8859-1 iso8859-1 iso-8859-2 iso-8859-15 iso8859-15 cp437 cp850 cp1250 cp1251
cp1252 windows-1250 windows-1251 windows-1252 mac-roman koi8-r gbk gb2312 gb18030 big5
shift-jis euc-jp euc-kr
"""
ENCODINGS = frozenset(LISTED_ENCODINGS.split())
FIXED: dict[str, frozenset[Any]] = {
    "_response_method": METHODS,
    "chain_method_": METHODS,
    "input": frozenset({"content"}),  # a vectorizer's: with "filename" it opens what a row names
    "memory": frozenset({None}),  # a folder of pickles, which `fit` reads
    "stack_method_": METHODS | {None},
}
PATH = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*")  # of attributes that are all public


@cache
def allowed(owner: type) -> frozenset[str]:
    """Return the names of the attributes that an object of a class may have.

    These are the parameters of its constructor, and the names that its own code assigns, as in
    ``self.coef_ = ...``. Names of methods and properties are left out: the attribute would take
    their place.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> {"alpha", "coef_"} <= allowed(Ridge)
    True
    >>> allowed(Ridge) & {"predict", "predict_proba", "__class__"}
    frozenset()
    """
    names = parameters(owner)
    for base in owner.__mro__:
        names |= SET_FROM_OUTSIDE.get(base, set())
        names |= assigned_by(base)
    return frozenset(name for name in names if not _is_defined(owner, name))


def parameters(owner: type) -> set[str]:
    """Return the names of a constructor's parameters."""
    if owner.__init__ is object.__init__:  # type: ignore[misc]
        return set()
    return {*inspect.signature(owner.__init__).parameters} - {"self"}  # type: ignore[misc]


def takes_functions(owner: type, attribute: str) -> bool:
    """Whether an attribute may hold a function, or a choice of functions.

    Examples
    --------
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> [takes_functions(FunctionTransformer, name) for name in ("func", "kw_args")]
    [True, False]
    """
    constraints = getattr(owner, "_parameter_constraints", {}).get(attribute)
    return (
        (isinstance(constraints, list) and callable in constraints)
        or _is_users(owner)
        or listing.takes_function(owner, attribute)
        or any(attribute in FUNCTION_ATTRIBUTES.get(base, ()) for base in owner.__mro__)
    )


def takes_object(owner: type, attribute: str, kind: type) -> bool:
    """Whether an attribute may hold an object of a class; some objects can be called."""
    if kind is BoosterFile:
        return _is_users(owner) or listing.takes_booster(owner, attribute)
    if _is_users(kind) or not any("__call__" in vars(base) for base in kind.__mro__):
        return True
    return any(attribute in CALLABLE_OBJECTS.get(base, ()) for base in kind.__mro__)


def _is_users(kind: type) -> bool:
    """Whether a class is the user's own, or on the user's list of trusted types."""
    return kind.__module__ == own_code.MODULE or trusted.holds(kind)


def takes_value(owner: type, attribute: str, value: Any) -> bool:
    """Whether an attribute may have a value; most attributes may have any.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> takes_value(CountVectorizer, "input", "content")
    True
    >>> takes_value(CountVectorizer, "input", "filename")
    False
    >>> from sklearn.compose import ColumnTransformer
    >>> takes_value(ColumnTransformer, "verbose_feature_names_out", "{feature_name.__class__}")
    False
    """
    if (attribute not in FIXED and attribute not in CHECKED) or not any(
        base.__module__.startswith("sklearn.") and attribute in allowed(base)
        for base in owner.__mro__
    ):
        return True
    if attribute in CHECKED:
        return CHECKED[attribute](value)
    return FIXED[attribute].issuperset(value if isinstance(value, list | tuple) else [value])


def _is_public_path(value: Any) -> bool:
    """Whether a value is no text, or a path of public attributes."""
    return not isinstance(value, str) or PATH.fullmatch(value) is not None


def _names_only(value: Any) -> bool:
    """Whether a format string has only two names, and none of their attributes."""
    if not isinstance(value, str):
        return True
    try:
        fields = [field[1:] for field in Formatter().parse(value) if field[1] is not None]
    except ValueError:
        return False
    return all(
        name in ("feature_name", "transformer_name") and not spec and not conversion
        for name, spec, conversion in fields
    )


def _is_usual_encoding(value: Any) -> bool:
    return not isinstance(value, str) or value.lower().replace("_", "-") in ENCODINGS


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    """Whether a collection holds only text."""
    return isinstance(value, np.ndarray | list | tuple) and all(
        isinstance(each, str) for each in np.ravel(np.asarray(value, dtype=object))
    )


def _is_plain(value: Any) -> bool:
    """Whether a value, or each value of an array or a list, is a number, text or None."""
    if isinstance(value, np.ndarray):
        return not value.dtype.hasobject or all(map(_is_plain, value.ravel().tolist()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, bool | int | float | str | np.generic | None)


# Attributes whose values follow a rule.
CHECKED: dict[str, Callable[[Any], bool]] = {
    "classes_": _is_plain,
    "encoding": _is_usual_encoding,
    "feature_names_in_": _is_text,
    "importance_getter": _is_public_path,
    "n_features_in_": _is_count,
    "verbose_feature_names_out": _names_only,  # a format string could read all of this process
}


def _is_defined(owner: type, name: str) -> bool:
    """Whether a name has a meaning in a class that an attribute would change."""
    return name.startswith("__") or any(
        not isinstance(vars(base).get(name), bool | int | float | str | None)
        for base in owner.__mro__
    )
