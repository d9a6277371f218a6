"""The model file: written and read with skops, never with pickle.

The rules for what it may hold are ours and never read from the file. They are applied twice: to
what the file describes, then to what was built from it.
"""

from pathlib import Path
from typing import Any

import skops.io

from service.contract.errors import ArtifactError, EstimatorError
from service.contract.model_file import object_graph, structure
from service.contract.model_file import tree as model_tree
from service.contract.model_file.allow_list import ALLOWED
from service.contract.text import sentence

__all__ = ["ALLOWED", "dumps", "load", "loads"]


def dumps(estimator: Any) -> bytes:
    """Write an estimator.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator

    Returns
    -------
    content : bytes
        What a model file holds.

    Raises
    ------
    EstimatorError
        skops cannot write it, e.g. because it holds a lambda.
    """
    try:
        return skops.io.dumps(estimator)  # type: ignore[no-any-return]
    except Exception as error:  # skops and the estimator may raise anything here
        raise EstimatorError(
            f"{type(estimator).__name__} cannot be written as a skops file: {error}. "
            "Replace what it names (a lambda, an open file) by a class in service/features.py."
        ) from error


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
        content = file.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{file.name} cannot be read ({error}). Publish again.") from error
    return loads(content, file.name)


def loads(content: bytes, name: str = "The model file") -> Any:
    """Read an estimator from the content of a file, as `load` does.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> loads(dumps(Ridge(alpha=2.0)))
    Ridge(alpha=2.0)
    """
    try:
        needed = model_tree.check(content)
    except ArtifactError:
        raise
    except Exception as error:  # a file that skops did not write may raise anything here
        raise ArtifactError(
            f"{name} is not a readable skops file ({type(error).__name__}). Publish again."
        ) from error
    try:
        estimator = skops.io.loads(content, trusted=needed)
        object_graph.check(estimator)
        structure.check(estimator)
    except ArtifactError:
        raise
    except Exception as error:  # skops, scikit-learn and NumPy may raise anything here
        raise ArtifactError(
            f"{name} cannot be loaded: {type(error).__name__}: "
            f"{sentence(str(error), longest=500)}. Publish again."
        ) from error
    return estimator
