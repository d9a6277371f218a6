"""Object graph: what was built from a model file, checked before any of it is used.

The rules for the tree in the file are applied once more, to the objects: they hold however the
file came to make them. Values are checked here, too, if scikit-learn calls something by them or
opens something.
"""

from collections import OrderedDict, defaultdict
from functools import partial
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from service.contract.errors import ArtifactError
from service.contract.model_file import allow_list, attributes, own_code
from service.contract.model_file.archive import refuse
from service.contract.model_file.place import PLAIN, ROOT, Place
from service.contract.model_file.surface.functions import KINDS
from service.contract.text import name_of, sentence

VALUES = (bool, int, float, str, bytes, NoneType, slice, type(pd.NA))
OF_NUMPY = (np.generic, np.dtype, np.random.RandomState, np.random.Generator)
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


def _check_parameters(value: Any) -> None:
    """Check an estimator's parameters as its own `fit` does."""
    if isinstance(value, BaseEstimator) and hasattr(type(value), "_parameter_constraints"):
        value._validate_params()
