"""Light copy: an estimator as it goes into its file, while the user's own stays as it is.

It lacks what is never called (`never_called`), holds NumPy's arrays where pandas' were, and keeps
the output that `sklearn.set_config` asked for, which is a setting of the notebook's process. What
no file can hold is refused here, with its place and with advice.
"""

from collections import OrderedDict, defaultdict
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, NoneType
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.utils import Bunch
from sklearn.utils._set_output import _SetOutputMixin

from service.contract.errors import EstimatorError
from service.contract.model_file import allow_list, attributes, own_code
from service.contract.model_file.light import advice, never_called
from service.contract.model_file.surface.functions import KINDS
from service.contract.text import sentence, show

DEPTH = 100  # objects and collections in each other; the deepest that was seen has 20
PLAIN = (bool, int, float, str, bytes, NoneType, slice, np.generic, np.dtype)
FUNCTIONS = (*KINDS, np.ufunc, MethodType, BuiltinFunctionType, FunctionType)
COLLECTIONS = (list, tuple, set, dict, OrderedDict, defaultdict, Bunch)
OUTPUT = "_sklearn_output_config"


class LightCopy:
    """A copy of an estimator for its file; what needs no change is shared with the original.

    Parameters
    ----------
    original : estimator

    Attributes
    ----------
    estimator : estimator
        The copy.
    left_out : list of str
        What it lacks, e.g. 'GridSearchCV.scorer_'.

    Raises
    ------
    EstimatorError
        Something in it cannot be in a file; the text says what, where, and what to do.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
    >>> search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2).fit(X, y)
    >>> copy = LightCopy(search)
    >>> copy.left_out[-2:]
    ['GridSearchCV.scorer_', 'GridSearchCV.cv_results_']
    >>> hasattr(search, "scorer_"), hasattr(copy.estimator, "scorer_")
    (True, False)
    """

    def __init__(self, original: Any) -> None:
        self._left_out: dict[str, None] = {}
        self._made: dict[int, tuple[Any, Any]] = {}  # with the original, which keeps its id
        self._open: list[int] = []
        self._holders: list[tuple[Any, str]] = [(original, "")]
        self.estimator = self._copy(original, type(original).__name__)
        self.left_out = [*self._left_out]

    def _copy(self, value: Any, path: str) -> Any:
        kind = type(value)
        if isinstance(value, PLAIN):
            return value
        if id(value) in self._open:
            self._refuse(path, "is what holds it. A model file is a tree; cut the circle.")
        if len(self._open) > DEPTH:
            self._refuse(path, f"is nested in more than {DEPTH} others. Make it flatter.")
        if id(value) not in self._made:
            self._open.append(id(value))
            self._made[id(value)] = value, self._copy_of(value, kind, path)
            self._open.pop()
        return self._made[id(value)][1]

    def _copy_of(self, value: Any, kind: type, path: str) -> Any:
        holder, attribute = self._holders[-1]
        if isinstance(value, FUNCTIONS) or self._acts_as_function(value, kind):
            self._check(path, advice.on_function(value, holder, attribute))
            return value
        if isinstance(value, type):
            self._check(path, advice.on_class(value))
            return value
        if isinstance(value, partial):
            self._copy(value.func, path)
            state: Any = value.__reduce__()[2]
            # Whoever looks at its attributes gives it an empty dict, which the file would have.
            bare = partial(value.func, *value.args, **value.keywords)
            return bare if state[3] == {} else value
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if isinstance(value, pd.Index | pd.api.extensions.ExtensionArray) or (
            isinstance(value, pd.Series | pd.DataFrame) and not self._is_in_own_code()
        ):
            return self._array(np.asarray(value), path)
        if kind is frozenset:
            return self._copy(set(value), path)
        self._check(path, advice.on_class(kind))
        if kind in COLLECTIONS or issubclass(kind, tuple):
            return self._collection(value, path)
        return self._object(value, kind, path) if hasattr(value, "__dict__") else value

    def _array(self, value: np.ndarray, path: str) -> np.ndarray:
        if type(value) not in (np.ndarray, np.ma.MaskedArray):  # a file is mapped by joblib
            value = np.array(value, subok=False)
        if value.dtype.kind == "T":  # text of any length, which no file of arrays can hold
            return value.astype(object)
        if not value.dtype.hasobject or value.dtype.names:
            return value
        copies = [self._copy(each, f"{path}[{i}]") for i, each in enumerate(value.ravel())]
        if _same(copies, value.ravel()):
            return value
        copy = np.empty(len(copies), dtype=object)
        copy[:] = copies
        return copy.reshape(value.shape)

    def _collection(self, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            self._check(path, advice.on_keys(value))
            self._copy(getattr(value, "default_factory", None), path)
            copies = [self._copy(each, f"{path}[{show(key)}]") for key, each in value.items()]
            if _same(copies, value.values()):
                return value
            copy = value.copy()
            copy.update(zip(value, copies, strict=True))
            return copy
        copies = [self._copy(each, f"{path}[{i}]") for i, each in enumerate(value)]
        if _same(copies, value):
            return value
        return type(value)(*copies) if hasattr(value, "_fields") else type(value)(copies)

    def _object(self, value: Any, kind: type, path: str) -> Any:
        held, left_out = never_called.without(value)
        self._left_out.update(dict.fromkeys(f"{kind.__name__}.{name}" for name in left_out))
        held |= self._output(value, path)
        copies = {}
        for name, each in held.items():
            self._holders.append((value, name))
            rebuilt = name in attributes.REBUILT.get(kind, ())
            copies[name] = each if rebuilt else self._copy(each, f"{path}.{name}")
            self._holders.pop()
        if copies.keys() == vars(value).keys() and _same(copies.values(), vars(value).values()):
            return value
        copy = kind.__new__(kind)  # type: ignore[call-overload]
        vars(copy).update(copies)
        return copy

    def _output(self, value: Any, path: str) -> dict[str, Any]:
        """Return the setting of a transformer's output, if the notebook's settings make it."""
        own = vars(value).get(OUTPUT, {})
        if not isinstance(value, _SetOutputMixin) or not hasattr(value, "set_output"):
            return {}
        output = own.get("transform") or get_config()["transform_output"]
        if output not in ("default", "pandas"):
            self._refuse(
                path,
                f"gives tables of {output}, which the API does not have. Use "
                '`.set_output(transform="pandas")` or "default", and fit again.',
            )
        return {} if output == "default" or own else {OUTPUT: {"transform": output}}

    def _acts_as_function(self, value: Any, kind: type) -> bool:
        """Whether an object of an unlisted class is called here, e.g. one of `numpy.vectorize`."""
        holder, attribute = self._holders[-1]
        return (
            callable(value)
            and not isinstance(value, type | partial)
            and not allow_list.holds_class(kind)
            and attributes.takes_functions(type(holder), attribute)
            and kind.__module__ not in advice.HERE
        )

    def _is_in_own_code(self) -> bool:
        return type(self._holders[-1][0]).__module__ == own_code.MODULE

    def _check(self, path: str, found: str | None) -> None:
        if found is not None:
            self._refuse(path, found)

    def _refuse(self, path: str, reason: str) -> NoReturn:
        holder, attribute = self._holders[-1]
        place = f"{type(holder).__name__}.{attribute}" if attribute else "It"
        where = "" if path in (place, type(holder).__name__) else f" (at {sentence(path)})"
        raise EstimatorError(f"{place}{where} {reason}")


def _same(copies: Any, originals: Any) -> bool:
    return all(copy is original for copy, original in zip(copies, originals, strict=True))
