"""The model file: written and read with skops, never with pickle.

What may be in it is decided here, by us, and never read from the file: first on
what the file describes, then on what was built of it.
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
    """Return the content of a model file.

    Raises
    ------
    EstimatorError
        skops cannot write it, for instance because it holds a lambda.
    """
    try:
        return skops.io.dumps(estimator)  # type: ignore[no-any-return]
    except Exception as error:  # skops and the estimator may raise anything here
        raise EstimatorError(
            f"{type(estimator).__name__} cannot be written as a skops file: {error}. "
            "Replace what it names (a lambda, an open file) by a class in service/features.py."
        ) from error


def load(file: Path) -> Any:
    """Read an estimator of which all that it holds is allowed, and whose trees are trees.

    Raises
    ------
    ArtifactError
        The file is no skops file, is damaged, or holds what is not allowed.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{file.name} cannot be read ({error}). Publish again.") from error
    return loads(content, file.name)


def loads(content: bytes, name: str = "The model file") -> Any:
    """Do as `load`, with the content of a file.

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
    except Exception as error:  # what is no node of skops may raise anything here
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
