"""Damage: what is the same in looking for it in the boosters of all libraries."""

from collections.abc import Callable

import numpy as np

from service.contract.errors import ArtifactError

NOT_AS_WRITTEN = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    TypeError,
    ValueError,
)


def refuse(library: str, damage: Callable[[], str | None]) -> None:
    """Refuse a booster's file if there is damage, or if looking for it fails.

    Parameters
    ----------
    library : str
        Whose booster it is.
    damage : callable
        Says what is wrong with the file; None if nothing is.

    Raises
    ------
    ArtifactError
        Something is.

    Examples
    --------
    >>> refuse("XGBoost", lambda: "it has no trees")
    Traceback (most recent call last):
        ...
    service.contract.errors.ArtifactError: A booster of XGBoost is damaged: it has no trees. ...
    """
    try:
        reason = damage()
    except NOT_AS_WRITTEN as error:
        reason = f"it is not as {library} writes it ({type(error).__name__})"
    if reason is not None:
        raise ArtifactError(f"A booster of {library} is damaged: {reason}. Publish again.")


def are_trees(left: np.ndarray, right: np.ndarray, roots: np.ndarray) -> bool:
    """Whether all that is reached from the roots is reached once, and nothing else is named.

    Parameters
    ----------
    left, right : ndarray of int, shape (n_nodes,)
        The children of each node, of all trees; -1 in both for a leaf.
    roots : ndarray of int, shape (n_trees,)
        The first node of each tree.

    Examples
    --------
    >>> left, right = np.array([1, -1, -1]), np.array([2, -1, -1])
    >>> are_trees(left, right, np.array([0]))
    True
    >>> left[1] = right[1] = 0
    >>> are_trees(left, right, np.array([0]))
    False
    """
    times = np.zeros(len(left), dtype=int)
    reached = roots
    while len(reached):
        np.add.at(times, reached, 1)
        if (times[reached] > 1).any():
            return False
        inner = reached[(left[reached] != -1) | (right[reached] != -1)]
        reached = np.concatenate([left[inner], right[inner]])
        if ((reached < 0) | (reached >= len(left))).any():
            return False
    return True
