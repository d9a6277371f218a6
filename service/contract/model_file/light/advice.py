"""Advice: why something cannot be in a model file, and what to do instead."""

import sys
from collections.abc import Iterable
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from service.contract.model_file import allow_list, attributes
from service.contract.text import name_of, sentence, show

KEYS = (bool, int, float, str, np.generic)
FILE = "service/features.py"
HERE = ("__main__", "__mp_main__")  # a notebook or a script


def on_function(function: Any, holder: Any, attribute: str) -> str | None:
    """Return why a function cannot be in a model file and what to do; None if it can be.

    Parameters
    ----------
    function : function, method, ufunc or builtin
    holder : object
        What keeps it.
    attribute : str
        Under which name.

    Examples
    --------
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> step = FunctionTransformer(lambda x: x + 1)
    >>> print(on_function(step.func, step, "func"))
    is a <lambda>, ... Write it as `def my_function(...)` in service/features.py, then ...
    """
    if allow_list.holds_function(function):
        return None
    name = getattr(function, "__name__", type(function).__name__)
    moved, new_name = "a function that calls it", "my_function"
    if isinstance(function, MethodType):
        what = f"the method {name} of a {type(function.__self__).__name__}"
    elif name == "<lambda>":
        what, moved = "a <lambda>, a function without a name", "it"
    elif isinstance(function, FunctionType) and _is_here(function):
        what, moved, new_name = f"{name}, a function of this notebook", "it", name
    else:
        full = sentence(f"{getattr(function, '__module__', None)}.{name}")
        what = f"{full}, which is not on the allow-list of functions that only compute"
    return f"is {what}. {_move(moved, new_name, holder, attribute)}"


def on_class(kind: type) -> str | None:
    """Return why objects of a class cannot be in a model file and what to do; None if they can be.

    Examples
    --------
    >>> from pathlib import PurePosixPath
    >>> print(on_class(PurePosixPath))
    is of the type PurePosixPath, which no model file can hold. Keep numbers, text, ...
    """
    if allow_list.holds_class(kind):
        return None
    name, library = kind.__name__, kind.__module__.partition(".")[0]
    if _is_here(kind):
        return (
            f"is a {name}, a class of this notebook. A model file names a class and does not carry "
            f"its code. Move the class to {FILE}, with the imports that it needs, then "
            f"`from service.features import {name}`, use `{name}(...)` as before, and fit again."
        )
    if kind.__module__ == "service.features":
        return f"is a {name}, which {FILE} does not have now. Save the file there, and fit again."
    if name == "Timestamp":
        return (
            "is a pandas Timestamp with a time zone, which no model file can hold. Encode dates "
            "without one: `X[…].dt.tz_convert('UTC').dt.tz_localize(None)`, and fit again."
        )
    if library == "pandas":
        return (
            f"is a pandas {name}. Keep its values instead, e.g. `.to_dict()` or `.to_numpy()`, and "
            "fit again."
        )
    if library in sys.stdlib_module_names:
        return (
            f"is of the type {sentence(name)}, which no model file can hold. Keep numbers, text, "
            "lists and dicts in its place, and make it where it is used."
        )
    return (
        f"is a {sentence(name)} of the library {sentence(library)}, whose types are not trusted. "
        f"If you trust it, name {sentence(name_of(kind))!r} in "
        "service/trusted_types.py, and publish again; see docs/models.md."
    )


def on_keys(keys: Iterable[Any]) -> str | None:
    """Return why a dict cannot be in a model file and what to do; None if it can be.

    Examples
    --------
    >>> print(on_keys([("a", "b")]))
    has the key ('a', 'b'). A dict's keys are text, numbers or booleans there: ...
    """
    odd = [key for key in keys if not isinstance(key, KEYS)]
    if not odd:
        return None
    return (
        f"has the key {show(odd[0])}. A dict's keys are text, numbers or booleans there: "
        "write it as text, and fit again."
    )


def _is_here(thing: Any) -> bool:
    """Whether a function or class is written in a notebook or a script, or inside a function."""
    return thing.__module__ in HERE or "<locals>" in thing.__qualname__


def _move(what: str, name: str, holder: Any, attribute: str) -> str:
    """Say how a function moves to the user's own file."""
    kind = type(holder)
    use = "use it here"
    if attribute in attributes.parameters(kind):
        use = f"`{kind.__name__}({attribute}={name})`"
    return (
        "A model file names a function and does not carry its code. "
        f"Write {what} as `def {name}(...)` in {FILE}, then "
        f"`from service.features import {name}`, {use}, and fit again."
    )
