"""The model file: written and read with skops, never with pickle.

The rules for what it may hold are ours and never read from the file. They are applied twice: to
what the file describes, then to what was built from it.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any, BinaryIO

import pandas as pd
import skops.io
from sklearn.cluster import Birch
from skops.io._audit import NODE_TYPE_MAPPING, get_tree
from skops.io._general import function_get_state, object_get_state
from skops.io._numpy import NdArrayNode
from skops.io._protocol import PROTOCOL
from skops.io._sklearn import TreeNode
from skops.io._utils import LoadContext, SaveContext, get_state, gettype
from skops.io.exceptions import UntrustedTypesFoundException

from service.contract.errors import ArtifactError, EstimatorError, LabloopError
from service.contract.libraries import boosters
from service.contract.model_file import object_graph, structure
from service.contract.model_file import tree as model_tree
from service.contract.model_file.allow_list import ALLOWED
from service.contract.model_file.archive import Archive, read_array
from service.contract.model_file.light.light_copy import LightCopy
from service.contract.text import sentence

__all__ = ["ALLOWED", "dumps", "dumps_copy", "light_copy", "load", "loads"]


def _state_of_na(_: Any, context: SaveContext) -> dict[str, Any]:
    """Return the node of `pandas.NA`, of which there is one object, without attributes."""
    kind, content = type(pd.NA), get_state(None, context)
    named = {"__class__": kind.__name__, "__module__": kind.__module__}
    return {**named, "__loader__": "ObjectNode", "content": content}


# What skops does not write by itself: Birch has linked nodes, which are left out here, and some of
# NumPy's functions are builtins.
skops.io._utils._get_state.register(Birch, object_get_state)
skops.io._utils._get_state.register(BuiltinFunctionType, function_get_state)
skops.io._utils._get_state.register(type(pd.NA), _state_of_na)


class _ArrayNode(NdArrayNode):  # type: ignore[misc]
    """skops' node of an array, which lets go of the member once the array is built."""

    buffer: Any

    def _construct(self) -> Any:
        if self.type == "numpy":
            array = read_array(self.buffer.getvalue())
            if (self.module_name, self.class_name) != ("numpy", "ndarray"):
                array = gettype(self.module_name, self.class_name)(array)  # of a single value
        else:
            array = super()._construct()
        self.buffer = None
        self.children.clear()
        return array


class _TreeNode(TreeNode):  # type: ignore[misc]
    """skops' node of a decision tree, which lets go of the arrays that the tree has copied."""

    def _construct(self) -> Any:
        tree = super()._construct()
        self.args = self.attrs = None
        self.children.clear()
        return tree


# A forest is in memory once while it is built: its members go as its trees come.
NODE_TYPE_MAPPING["NdArrayNode", PROTOCOL] = _ArrayNode
NODE_TYPE_MAPPING["TreeNode", PROTOCOL] = _TreeNode


def dumps(estimator: Any) -> bytes:
    """Write an estimator, without what predict never calls.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
        It is not changed. Its boosters are taken out before, as
        `service.contract.libraries.boosters` does.

    Returns
    -------
    content : bytes
        What a model file holds.

    Raises
    ------
    EstimatorError
        Something in it cannot be written, e.g. a lambda; the text says what, where, and what to do.
    """
    return dumps_copy(light_copy(estimator))


def dumps_copy(light: LightCopy) -> bytes:
    """Write a light copy, as `dumps` makes one."""
    try:
        return skops.io.dumps(light.estimator)  # type: ignore[no-any-return]
    except Exception as error:  # skops and the estimator may raise anything here
        raise EstimatorError(
            f"{type(light.estimator).__name__} cannot be written as a skops file "
            f"({type(error).__name__}: {sentence(str(error))}). Keep numbers, text, lists, dicts "
            "and scikit-learn's estimators in it."
        ) from error


def light_copy(estimator: Any) -> LightCopy:
    """Copy an estimator for its file, without what predict never calls.

    Raises
    ------
    EstimatorError
        Something in it cannot be in a file; the text says what, where, and what to do.

    Examples
    --------
    >>> from sklearn.linear_model import RidgeCV
    >>> from sklearn.model_selection import KFold
    >>> light_copy(RidgeCV(cv=KFold(3))).left_out
    ['RidgeCV.cv']
    """
    kind = type(estimator).__name__
    try:
        return LightCopy(estimator)
    except LabloopError as error:
        best = _best(estimator)
        raise EstimatorError(
            f"{kind} cannot be written as a skops file: {error}"
            + (f" Or publish its `best_estimator_`, a {best}, alone: it can be." if best else "")
        ) from error


def _best(estimator: Any) -> str | None:
    """Return the class of a search's best estimator, if that alone could be written."""
    best = vars(estimator).get("best_estimator_") if hasattr(estimator, "__dict__") else None
    try:
        return type(LightCopy(best).estimator).__name__ if best is not None else None
    except LabloopError:
        return None


def types_in(content: bytes) -> list[str]:
    """Return the names of the types and functions that the content of a model file needs."""
    return model_tree.check(Archive(BytesIO(content)))


def load(file: Path) -> Any:
    """Read an estimator, if everything in it is allowed, and its trees are trees.

    Parameters
    ----------
    file : Path

    Returns
    -------
    estimator : fitted scikit-learn estimator

    Raises
    ------
    ArtifactError
        The file is not a skops file, is damaged, or holds something that is not allowed.
    """
    try:
        opened = file.open("rb")
    except OSError as error:
        raise ArtifactError(f"{file.name} cannot be read ({error}). Publish again.") from error
    with opened:
        return _load(opened, file.name, boosters.reader(file.parent))


def loads(
    content: bytes,
    name: str = "The model file",
    booster: Callable[[str], bytes] = lambda name: b"",
) -> Any:
    """Read an estimator from the content of a file, as `load` does.

    Parameters
    ----------
    content : bytes
    name : str
    booster : callable
        Gives the content of a booster's file by its name.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> loads(dumps(Ridge(alpha=2.0)))
    Ridge(alpha=2.0)
    """
    return _load(BytesIO(content), name, booster)


def _load(file: BinaryIO, name: str, booster: Callable[[str], bytes]) -> Any:
    try:
        archive = Archive(file)
        needed = model_tree.check(archive)
    except ArtifactError:
        raise
    except OSError as error:
        raise ArtifactError(f"{name} cannot be read ({error}). Publish again.") from error
    except Exception as error:  # a file that skops did not write may raise anything here
        raise ArtifactError(
            f"{name} is not a readable skops file ({type(error).__name__}). Publish again."
        ) from error
    try:
        estimator = _build(archive, needed)
        object_graph.check(estimator)
        structure.check(estimator)
        boosters.put_back(estimator, booster)
    except ArtifactError:
        raise
    except Exception as error:  # skops, scikit-learn and NumPy may raise anything here
        raise ArtifactError(
            f"{name} cannot be loaded: {type(error).__name__}: "
            f"{sentence(str(error), longest=500)}. Publish again."
        ) from error
    return estimator


def _build(archive: Archive, checked: list[str]) -> Any:
    """Build what a file describes as `skops.io.load` does; the archive is empty afterwards."""
    context = LoadContext(src=archive, protocol=PROTOCOL)
    described = get_tree(archive.schema(), context, trusted=None)
    _audit(context, checked)
    archive.clear()
    context.memo.clear()  # a node that nothing else holds goes with the one that it is part of
    return described.construct()


def _audit(context: LoadContext, checked: list[str]) -> None:
    """Check that skops is about to build nothing of another type than those that were checked.

    It does so by itself, too, but looks at each node again wherever that stands.
    """
    names = {f"{node.module_name}.{node.class_name}" for node in context.memo.values()}
    if unchecked := names.difference(checked):
        raise UntrustedTypesFoundException(unchecked)
