"""Node indexes: whether the children that the nodes of trees name make trees of them."""

import numpy as np


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
