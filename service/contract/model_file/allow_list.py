"""Allow-list: the classes and functions that a model file may hold.

It belongs to the server and is never read from the file. What is scikit-learn's, NumPy's and
SciPy's follows from their public surface by the rules in `service.contract.model_file.surface`;
the rest is listed here. Which class may hold what in which attribute is in
`service.contract.model_file.attributes`.
"""

from functools import cache
from types import FunctionType
from typing import Any

import numpy as np

from service.contract.libraries import listing, trusted
from service.contract.model_file import own_code
from service.contract.model_file.surface import classes, compiled, functions
from service.contract.model_file.surface.classes import resolve
from service.contract.text import name_of

__all__ = ["ALLOWED", "holds_class", "holds_function", "resolve"]

# Classes whose objects are made from attributes. None of them opens a file, starts a program or
# imports by name, whatever its attributes are, as long as the rules of `attributes.FIXED` hold.
OBJECTS = classes.of_python()
# Those that are tuples with names.
NAMED_TUPLES = frozenset(name for name in OBJECTS if issubclass(classes.resolve(name), tuple))
# Compiled classes: their state is a tuple of arrays and numbers.
COMPILED = compiled.states()
MADE = OBJECTS - NAMED_TUPLES | COMPILED.keys()  # what an object's node may be
TREE = "sklearn.tree._tree.Tree"
LOSSES = compiled.losses()
# Functions that only compute.
UFUNCS = functions.UFUNCS
FUNCTIONS = functions.computing()
# Types of single values: those that a dict's keys may have, and others that an estimator may name.
SCALARS = frozenset(
    {"builtins.bool", "builtins.float", "builtins.int", "builtins.str"}
    | {
        name_of(each)
        for each in {*np.sctypeDict.values()}
        if issubclass(each, np.bool_ | np.number | np.str_ | np.datetime64 | np.timedelta64)
    }
)
DTYPES = SCALARS | {
    "builtins.dict",  # a defaultdict makes these
    "builtins.list",
    "builtins.object",
    "builtins.set",
    "numpy.floating",
    "numpy.integer",
    "numpy.number",
}
DICTS = frozenset({"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"})
SPARSE = frozenset(
    f"scipy.sparse._{kind}.{kind}_{suffix}"
    for kind in ("bsr", "coo", "csc", "csr", "dia")
    for suffix in ("array", "matrix")
)
GENERATORS = frozenset({"numpy.random._generator.Generator", "numpy.random.mtrand.RandomState"})
LISTS = (COMPILED.keys(), DICTS, DTYPES, FUNCTIONS, GENERATORS, LOSSES, OBJECTS, SPARSE, UFUNCS)
ALLOWED = frozenset().union(*LISTS) | {
    "builtins.bytes",
    "collections.defaultdict",
    "builtins.slice",
    "builtins.tuple",
    "functools.partial",
    "numpy.dtype",
    "numpy.ma.MaskedArray",
    "numpy.ndarray",
    TREE,
}


def holds_class(kind: type) -> bool:
    """Whether objects of a class may be in a model file: listed here or by the user, or their own.

    Examples
    --------
    >>> holds_class(dict), holds_class(memoryview)
    (True, False)
    """
    name = name_of(kind)
    if kind.__module__ == own_code.MODULE:
        return own_code.defines(name, type)
    return (name in ALLOWED or listing.lists(name)) and resolve(name) is kind


def holds_function(function: Any) -> bool:
    """Whether a function may be in a model file: it only computes, or is the user's own.

    Examples
    --------
    >>> holds_function(np.clip), holds_function(np.load)
    (True, False)
    """
    name = f"{getattr(function, '__module__', None)}.{getattr(function, '__name__', None)}"
    return (
        function in _functions() or name in trusted.names() or own_code.defines(name, FunctionType)
    )


@cache
def _functions() -> frozenset[Any]:
    return frozenset(map(resolve, FUNCTIONS | UFUNCS))
