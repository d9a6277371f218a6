"""Boosters: taken out of an estimator into files of their own, and put back in.

In the model file a `BoosterFile` stands for each. Nothing of a booster is ever pickled. What
transformers of other libraries keep in pandas' objects is taken apart in the same way.
"""

import copy
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from service.contract.errors import ArtifactError, EstimatorError
from service.contract.libraries import (
    lightgbm_file,
    lightgbm_model,
    listing,
    pandas_parts,
    xgboost_file,
    xgboost_model,
)
from service.contract.libraries.pandas_parts import PandasParts
from service.contract.text import name_of, show

BOOSTERS = "booster-*"  # the names of their files
NAME = re.compile(r"booster-(0|[1-9][0-9]{0,5})\.(ubj|txt)")
LARGEST = 2**31  # bytes of a booster's file; XGBoost counts some of them by 32 bits
# By their names: a process without boosters imports neither library.
ENDINGS = {"xgboost.core.Booster": "ubj", "lightgbm.basic.Booster": "txt"}
FORMATS: dict[str, Any] = {"ubj": xgboost_file, "txt": lightgbm_file}
MODELS: dict[str, Any] = {
    "xgboost.sklearn.XGBModel": xgboost_model,
    "lightgbm.sklearn.LGBMModel": lightgbm_model,
}
PLAIN = (
    str,
    bytes,
    bool,
    int,
    float,
    type(None),
    type,
    np.generic,
    ModuleType,
    FunctionType,
    BuiltinFunctionType,
    MethodType,
    partial,  # to look at its attributes would change it
)


class BoosterFile:
    """Stands in a model file for a booster, and names the file that holds it.

    Parameters
    ----------
    name : str
        Such as ``booster-0.ubj``, beside the model file.
    """

    def __init__(self, name: str) -> None:
        self.name = name


def take_out(estimator: Any) -> tuple[Any, dict[str, bytes]]:
    r"""Return an estimator with a `BoosterFile` for each booster, and the files' contents.

    Objects of pandas are taken apart into plain values.

    What training alone needs is left out: callbacks, metrics, the course of the evaluation.

    Parameters
    ----------
    estimator : fitted estimator
        It stays as it is; where there is nothing to take out, it is what is returned.

    Returns
    -------
    estimator : fitted estimator
    files : dict of str to bytes

    Raises
    ------
    EstimatorError
        It ranks.

    Examples
    --------
    >>> from lightgbm import LGBMRegressor
    >>> bare, files = take_out(LGBMRegressor(n_estimators=2, verbose=-1).fit([[0], [1]], [0, 1]))
    >>> bare._Booster.name, files[bare._Booster.name][:15]
    ('booster-0.txt', b'tree\nversion=v4')
    """
    files: dict[str, bytes] = {}
    instead: dict[int, Any] = {}
    found = False
    for each in walk(estimator):
        found = found or _model_of(each) is not None
        if name_of(type(each)) in listing.RANKERS:
            raise EstimatorError(
                f"{type(each).__name__} gives scores that only compare the rows of one query, and "
                "each row is predicted alone here. Publish a regressor of the grades instead."
            )
        ending = ENDINGS.get(name_of(type(each)))
        if ending is not None:
            name = f"booster-{len(files)}.{ending}"
            files[name] = FORMATS[ending].dump(each)
            instead[id(each)] = BoosterFile(name)
        elif isinstance(each, pandas_parts.KINDS) and pandas_parts.is_whole(each):
            instead[id(each)] = pandas_parts.take_apart(each)
    if not instead and not found:
        return estimator, {}
    bare = copy.deepcopy(estimator, instead)
    for each in walk(bare):
        if (module := _model_of(each)) is not None:
            module.leave_out(each)
    return bare, files


def put_back(estimator: Any, read: Callable[[str], bytes]) -> set[str]:
    """Put the boosters into an estimator where a `BoosterFile` stands.

    Parameters
    ----------
    estimator : fitted estimator
        Whose every object was checked.
    read : callable
        Gives the content of a file by its name.

    Returns
    -------
    names : set of str
        The files that were read.

    Raises
    ------
    ArtifactError
        A file is missing or damaged, or does not belong to its estimator.
    """
    boosters: dict[str, Any] = {}
    for holder in [*walk(estimator)]:
        slots = holder if isinstance(holder, dict | list) else getattr(holder, "__dict__", {})
        pairs = [*slots.items()] if isinstance(slots, dict) else [*enumerate(slots)]
        for slot, held in pairs:
            if type(held) is BoosterFile:
                if held.name not in boosters:
                    boosters[held.name] = _load(held.name, read)
                slots[slot] = boosters[held.name]
            elif type(held) is PandasParts:
                slots[slot] = pandas_parts.put_together(held)
        if (module := _model_of(holder)) is not None:
            module.check(holder)
    return {*boosters}


def reader(folder: Path) -> Callable[[str], bytes]:
    """Return what reads the files of boosters in a version's folder."""

    def read(name: str) -> bytes:
        file = folder / name
        try:
            if file.stat().st_size > LARGEST:
                raise ArtifactError(f"{name} is larger than {LARGEST} bytes. Publish again.")
            return file.read_bytes()
        except OSError as error:
            raise ArtifactError(f"{name} cannot be read ({error}). Publish again.") from error

    return read


def use_one_thread(estimator: Any) -> None:
    """Have each booster predict on the thread that asks; no prediction depends on their number."""
    for each in walk(estimator):
        if (module := _model_of(each)) is not None:
            module.use_one_thread(each)


def walk(estimator: Any) -> Iterator[Any]:
    """Return everything that an estimator holds, itself too, but nothing inside a booster."""
    seen: dict[int, Any] = {}
    waiting = [estimator]
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, PLAIN):
            continue
        seen[id(each)] = each  # keeps it alive, so that no other object gets its id
        yield each
        if name_of(type(each)) in ENDINGS or isinstance(each, pandas_parts.KINDS):
            continue
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list | tuple | set | frozenset):
            waiting += each
        elif isinstance(each, np.ndarray):
            waiting += each.ravel().tolist() if each.dtype.hasobject else []
        waiting += getattr(each, "__dict__", {}).values()


def _load(name: Any, read: Callable[[str], bytes]) -> Any:
    if not isinstance(name, str) or (match := NAME.fullmatch(name)) is None:
        raise ArtifactError(f"{show(name)} is no file of a booster. Publish again.")
    content = read(name)
    FORMATS[match[2]].check(content)
    return FORMATS[match[2]].load(content)


def _model_of(holder: Any) -> Any:
    """Return the module for the models of a library, if the holder is one of them."""
    kind: Any = type(holder)
    return _module_for(kind)


@cache
def _module_for(kind: type) -> Any:
    names = map(name_of, kind.__mro__)
    return next((MODELS[name] for name in names if name in MODELS), None)
