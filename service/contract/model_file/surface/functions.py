"""Functions: those of NumPy, SciPy and scikit-learn that only compute, by rule.

They are the public functions of the modules below. `CALLED` leaves out what calls one of its
arguments, and `EXCLUDED` what does something else than compute, each with its reason.
"""

import importlib
import inspect
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
from skops.io._trusted_types import NUMPY_UFUNC_TYPE_NAMES, SCIPY_UFUNC_TYPE_NAMES

from service.contract.text import name_of

# What a function is, beside a ufunc; most of NumPy's dispatch.
KINDS = (FunctionType, BuiltinFunctionType, type(np.clip))
UFUNCS = frozenset(NUMPY_UFUNC_TYPE_NAMES) | frozenset(SCIPY_UFUNC_TYPE_NAMES)

# NumPy's own modules, in which these functions are defined.
OF_NUMPY = frozenset(
    {
        "numpy._core._multiarray_umath",
        "numpy._core.fromnumeric",
        "numpy._core.function_base",
        "numpy._core.multiarray",
        "numpy._core.numeric",
        "numpy._core.shape_base",
        "numpy.fft._helper",
        "numpy.fft._pocketfft",
        "numpy.lib._arraypad_impl",
        "numpy.lib._arraysetops_impl",
        "numpy.lib._function_base_impl",
        "numpy.lib._histograms_impl",
        "numpy.lib._nanfunctions_impl",
        "numpy.lib._polynomial_impl",
        "numpy.lib._shape_base_impl",
        "numpy.lib._stride_tricks_impl",
        "numpy.lib._twodim_base_impl",
        "numpy.lib._type_check_impl",
        "numpy.lib._ufunclike_impl",
        "numpy.linalg._linalg",
    }
)
OF_SKLEARN = (
    "sklearn.feature_selection",
    "sklearn.metrics",
    "sklearn.metrics.cluster",
    "sklearn.metrics.pairwise",
    "sklearn.preprocessing",
)
# Names of parameters that are called.
CALLED = frozenset(
    {
        "estimator",
        "func",
        "func1d",
        "funclist",
        "function",
        "mask_func",
        "pyfunc",
        "reduce_func",
        "score_func",
        "scorer",
        "scoring",
    }
)
EXCLUDED = {
    "numpy.copyto": "writes into its argument",
    "numpy.empty": "shows memory of this process",
    "numpy.empty_like": "shows memory of this process",
    "numpy.from_dlpack": "reads memory that it is handed",
    "numpy.frombuffer": "reads memory that it is handed",
    "numpy.fromfile": "opens a file",
    "numpy.fromiter": "consumes what it is handed",
    "numpy.frompyfunc": "makes a function",
    "numpy.fromstring": "reads memory that it is handed",
    "numpy.nested_iters": "makes iterators that write",
    "numpy.place": "writes into its argument",
    "numpy.put": "writes into its argument",
    "numpy.put_along_axis": "writes into its argument",
    "numpy.putmask": "writes into its argument",
    "numpy.shares_memory": "may never end",
}
# What no rule finds, with the reason.
ADDED = {
    "sklearn.feature_extraction.text.strip_accents_ascii": "a preprocessor of texts",
    "sklearn.feature_extraction.text.strip_accents_unicode": "a preprocessor of texts",
    "sklearn.feature_extraction.text.strip_tags": "a preprocessor of texts",
    "scipy._lib.array_api_compat.numpy._aliases.asarray": "a spline keeps it",
    "sklearn.metrics._scorer.negative_likelihood_ratio": "a score",
    "sklearn.metrics._scorer.positive_likelihood_ratio": "a score",
    "sklearn.utils.validation.check_array": "histogram boosting keeps it",
}


def computing() -> frozenset[str]:
    """Return the names of the functions that only compute; ufuncs are listed apart.

    Examples
    --------
    >>> names = computing()
    >>> {"numpy.nan_to_num", "sklearn.metrics.pairwise.rbf_kernel"} <= names
    True
    >>> names & {"numpy.load", "numpy.fromfile", "numpy.apply_along_axis", "numpy.piecewise"}
    frozenset()
    """
    found = {name_of(each) for each in (*_of_numpy(), *_of_sklearn()) if not _calls(each)}
    return frozenset(found - EXCLUDED.keys() | ADDED.keys())


def _of_numpy() -> Iterator[Any]:
    for module in (np, np.fft, np.linalg):
        for name in module.__all__:
            each = getattr(module, name)
            if isinstance(each, KINDS):
                home = inspect.getmodule(getattr(each, "_implementation", each))
                of_c = home is np and not inspect.isfunction(each)  # it is compiled
                if home is not None and (of_c or home.__name__ in OF_NUMPY):
                    yield each


def _of_sklearn() -> Iterator[Any]:
    for name in OF_SKLEARN:
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", dir(module)):
            each = getattr(module, public)
            own = inspect.isfunction(each) and each.__module__.startswith(name)
            if own and not public.startswith("_"):
                yield each


def _calls(function: Any) -> bool:
    try:
        names = inspect.signature(function).parameters.keys()
    except ValueError:  # a compiled function without a signature: it takes arrays
        return False
    return not names or not CALLED.isdisjoint(names)
