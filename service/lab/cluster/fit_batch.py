"""Fit batch: calls of functions on their way to a worker, and what it makes of them.

They travel as bytes, and are unpacked in the worker by `run`. So a scheduler needs none of their
modules, and a worker that lacks one says which; unpacked by Dask, they would end that worker.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import cloudpickle
from joblib._utils import _ExceptionWithTraceback
from sklearn.callback._callback_context import CallbackContext

from service.contract.errors import ClusterError

Call = tuple[Any, tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Large:
    """Stands for an argument that was sent before."""

    place: int


class _Packer(cloudpickle.Pickler):  # type: ignore[misc]
    """A pickler that leaves out what only the notebook needs.

    scikit-learn gives each fit a context for callbacks, which knows those of all other fits. So
    each of 10,000 fits would carry 10,000 contexts.
    """

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, CallbackContext):
            return _new, (type(obj),), vars(obj) | {"_children_map": {}}
        return super().reducer_override(obj)


def _new(kind: type) -> Any:
    return object.__new__(kind)


def packed(calls: list[Call]) -> bytes:
    """Turn calls into bytes; what a notebook's cell defines goes with its code.

    Examples
    --------
    >>> run(packed([(sum, (Large(0),), {}), (lambda: 7, (), {})]), [[1, 2, 3]])
    [6, 7]
    """
    file = BytesIO()
    _Packer(file).dump(calls)
    return file.getvalue()


def run(calls: bytes, large: list[Any]) -> Any:
    """Run calls one after the other, as a worker does.

    Parameters
    ----------
    calls : bytes
        As `packed` returns them.
    large : list
        The arguments for which a `Large` stands.

    Returns
    -------
    list or _ExceptionWithTraceback
        Their results, or the error that one of them raised. It is returned and not raised, since
        what a task raises is an error of the cluster.
    """
    try:
        unpacked = cloudpickle.loads(calls)
    except (ImportError, AttributeError) as error:
        return ClusterError(_missing(error))

    def argument(value: Any) -> Any:
        return large[value.place] if isinstance(value, Large) else value

    try:
        return [
            function(*map(argument, args), **{key: argument(kwargs[key]) for key in kwargs})
            for function, args, kwargs in unpacked
        ]
    except BaseException as error:
        return _ExceptionWithTraceback(error)


def _missing(error: ImportError | AttributeError) -> str:
    """Say what a worker lacks, and what to do.

    Examples
    --------
    >>> _missing(ModuleNotFoundError("No module named 'helper'", name="helper"))
    "The workers have no module 'helper', ...
    """
    end = (
        "Put what it needs of it into service/features.py and restart workers and kernel, or "
        "define it in a cell, or start workers that have the module."
    )
    if isinstance(error, ModuleNotFoundError):
        return f"The workers have no module {error.name!r}, which a call needs. {end}"
    return f"The workers have another version of a module than this notebook: {error}. {end}"
