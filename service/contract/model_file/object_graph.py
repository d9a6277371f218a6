"""Object graph: what was built from a model file, checked before any of it is used.

The rules for the tree in the file are applied once more, to the objects: they hold however the
file came to make them. Values are checked here, too, if scikit-learn calls something by them or
opens something.
"""

from collections import OrderedDict, defaultdict
from functools import cache, lru_cache, partial
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_parameter_constraints

from service.contract.errors import ArtifactError
from service.contract.model_file import allow_list, attributes, own_code
from service.contract.model_file.archive import refuse
from service.contract.model_file.place import PLAIN, ROOT, Place
from service.contract.model_file.surface.functions import KINDS
from service.contract.text import name_of, sentence

VALUES = (bool, int, float, str, bytes, NoneType, slice, type(pd.NA))
OF_NUMPY = (np.generic, np.dtype, np.random.RandomState, np.random.Generator)
PLAIN_VALUES = (bool, int, float, str, NoneType)
CHECKING = BaseEstimator._validate_params, BaseEstimator.get_params
FUNCTIONS = (*KINDS, np.ufunc)
KEYS = (bool, int, float, str, np.generic)
COLLECTIONS = (
    list,
    tuple,
    set,
    dict,
    OrderedDict,
    defaultdict,
    Bunch,
    np.ndarray,
    np.ma.MaskedArray,
)


def check(estimator: Any) -> None:
    """Check everything that an estimator holds.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator

    Raises
    ------
    ArtifactError
        A type, an attribute, a key or a function is not on the allow-list, or is not where it
        belongs; or a parameter has a value that scikit-learn does not accept.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> odd = Ridge()
    >>> check(odd)
    >>> odd.predict = print
    >>> check(odd)
    Traceback (most recent call last):
        ...
    service.contract.errors.ArtifactError: ... Ridge holds the attribute 'predict', ...
    """
    seen: dict[tuple[int, Place], Any] = {}
    waiting: list[tuple[Any, Place]] = [(estimator, ROOT)]
    while waiting:
        value, place = waiting.pop()
        if type(value) in VALUES:
            continue
        if (id(value), place) not in seen:
            seen[id(value), place] = value  # keeps it alive, so that no other object gets its id
            waiting += _inside(value, place)


def _inside(value: Any, place: Place) -> list[tuple[Any, Place]]:
    """Check one value; return what it holds, each with its place."""
    kind = type(value)
    ours = kind.__module__ == own_code.MODULE
    if _is_collection(kind) or (ours and isinstance(value, COLLECTIONS)):
        if isinstance(value, dict):
            _check_keys(value)
        return [(each, place) for each in items(value) or []]
    if isinstance(value, OF_NUMPY):
        return []
    if isinstance(value, partial):
        place.check_function(_check_function(value.func))
        return [(each, PLAIN) for each in (value.args, value.keywords, value.__dict__)]
    if isinstance(value, FUNCTIONS):
        place.check_function(_check_function(value))
        return []
    if isinstance(value, type):
        _check_listed(value)
        return []
    _check_listed(kind)
    place.check_object(kind)
    if issparse(value):
        if hasattr(value, "check_format"):  # the formats whose indexes compiled code follows
            value.check_format()
        return []
    if isinstance(value, BaseEstimator) and hasattr(kind, "_parameter_constraints"):
        _check_parameters(value)
    if name_of(kind) in allow_list.COMPILED:
        return [(each, Place(kind)) for each in value.__getstate__()]
    inside = []
    for name, held in getattr(value, "__dict__", {}).items():
        inner = Place.of(kind, name)
        inner.check_value(held)
        if name not in attributes.REBUILT.get(kind, ()):
            inside.append((held, inner))
    return inside


def _is_collection(kind: type) -> bool:
    return kind in COLLECTIONS or (
        issubclass(kind, tuple) and name_of(kind) in allow_list.NAMED_TUPLES
    )


def items(value: Any) -> list[Any] | None:
    """Return what a collection or a partial holds; None for any other object.

    Examples
    --------
    >>> items([1, "two"]), items(print)
    ([1, 'two'], None)
    """
    if isinstance(value, dict):
        return [*value.values(), getattr(value, "default_factory", None)]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords, value.__dict__]
    if isinstance(value, np.ma.MaskedArray):
        return [value.data, value.mask]
    if isinstance(value, np.ndarray):
        return [*value.ravel().tolist()] if value.dtype.hasobject else []
    return [*value] if isinstance(value, list | tuple | set | frozenset) else None


def _check_keys(value: dict[Any, Any]) -> None:
    for key in value:
        if not isinstance(key, KEYS) or type(key).__module__ == own_code.MODULE:
            refuse(f"a dict has a key of the type {type(key).__name__}")


def _check_listed(kind: type) -> None:
    if not allow_list.holds_class(kind):
        held = sentence(name_of(kind))
        raise ArtifactError(f"It holds {held}, which is not on the allow-list.")


def _check_function(function: Any) -> str:
    """Check that a function is listed; return its name."""
    name = getattr(function, "__name__", repr(function))
    if not allow_list.holds_function(function):
        held = sentence(f"{getattr(function, '__module__', None)}.{name}")
        raise ArtifactError(f"It holds {held}, which is not on the allow-list.")
    return str(name)


def _check_parameters(estimator: BaseEstimator) -> None:
    """Check an estimator's parameters as its own `fit` does, `_validate_params`.

    The many trees of a forest have the same few values, and each is checked once.
    """
    kind: Any = type(estimator)
    if (kind._validate_params, kind.get_params) != CHECKING:  # it does that in its own way
        estimator._validate_params()
        return
    for name in _parameters(kind):
        value = getattr(estimator, name)
        look = _check_plain if type(value) in PLAIN_VALUES else _check_parameter
        look(kind, name, value)


def _check_parameter(kind: Any, name: str, value: Any) -> None:
    validate_parameter_constraints(kind._parameter_constraints, {name: value}, kind.__name__)


_check_plain = lru_cache(10_000, typed=True)(_check_parameter)


@cache
def _parameters(kind: Any) -> list[str]:
    return kind._get_param_names()  # type: ignore[no-any-return]
