"""Structure: whether the trees in a loaded estimator are trees.

The compiled code of scikit-learn follows the indexes in a tree without checking them. An altered
index leads it outside the array, or round in a circle, as soon as a row comes that way. The
golden rows may never come that way.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._forest import BaseForest
from sklearn.ensemble._gb import BaseGradientBoosting
from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.neighbors import BallTree, KDTree
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import Tree

from service.contract.errors import ArtifactError
from service.contract.model_file.allow_list import COMPILED, resolve
from service.contract.model_file.object_graph import VALUES, items

# They check the width of a table once, and pass it to their trees unchecked.
COUNTED = {"estimators_", "n_trees_per_iteration_", "_bin_mapper", "_n_features", "_predictors"}
FORESTS = (BaseForest, BaseGradientBoosting, IsolationForest)


def check(estimator: Any) -> None:
    """Check every decision tree and neighbour tree that an estimator holds.

    The state of other compiled code is not checked: who may write to `MODELS_DIR` is trusted not
    to crash the API on purpose.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator

    Raises
    ------
    ArtifactError
        An index in a tree leads nowhere, in a circle, or twice to the same node; or an ensemble
        has another number of trees than it states.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> check(DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1]))
    """
    for found, features in _trees(estimator).values():
        if not SOUND[type(found)](found, features):
            raise ArtifactError(
                f"{type(found).__name__} in the model file is damaged: an index in it leads "
                "nowhere, in a circle, or twice to the same node. Publish again."
            )


def _trees(estimator: Any) -> dict[int, tuple[Any, int]]:
    """Walk through everything that an estimator holds; return each tree with its table's width.

    The holder of a tree checks that a table is as wide as its own `n_features_in_`; a forest does
    so once for all its trees. A tree with several holders gets the smallest of their widths.
    """
    found: dict[int, tuple[Any, int]] = {}
    seen: dict[tuple[int, int, bool], Any] = {}
    waiting: list[tuple[Any, int, bool]] = [(estimator, 0, False)]
    while waiting:
        each, width, in_forest = waiting.pop()
        if type(each) in VALUES:
            continue
        if type(each) in SOUND:
            found[id(each)] = each, min(width, found.get(id(each), (each, width))[1])
            continue
        inside = items(each)
        if inside is None:
            in_forest = in_forest and isinstance(each, BaseDecisionTree)
            width = width if in_forest else _width(each)
        if (id(each), width, in_forest) in seen:
            continue
        seen[id(each), width, in_forest] = (
            each  # keeps it alive, so that no other object gets its id
        )
        if inside is None:
            if isinstance(each, BaseGradientBoosting | BaseHistGradientBoosting):
                _check_boosting(each)
            inside = [*getattr(each, "__dict__", {}).values()]
            in_forest = in_forest or isinstance(each, FORESTS)
        waiting += [(value, width, in_forest) for value in inside]
    return found


def _width(holder: Any) -> int:
    """Return the width of the table that an object's trees get; 0 if it states none."""
    width = getattr(holder, "n_features_in_", 0)
    if isinstance(holder, IsolationForest):  # which passes each tree only some columns
        width = min([width, *map(len, getattr(holder, "estimators_features_", ()))])
    return int(width)


def _check_boosting(estimator: Any) -> None:
    """Check the counts by which compiled code loops over trees and categories.

    An unfitted one, as a prototype in another estimator, has none of what they count: `predict`
    asks for that before any compiled code runs.
    """
    if COUNTED.isdisjoint(vars(estimator)):
        return
    if isinstance(estimator, BaseGradientBoosting):
        sound = estimator.estimators_.shape[1] == estimator.n_trees_per_iteration_
    else:
        binner = estimator._bin_mapper
        sound = len(binner.is_categorical_) == len(binner.bin_thresholds_) == estimator._n_features
    if not sound:
        raise ArtifactError(
            f"{type(estimator).__name__} in the model file is damaged: it has another number of "
            "trees or features than it says. Publish again."
        )


def _tree_is_sound(tree: Any, features: int) -> bool:
    if not 0 < tree.node_count <= tree.capacity:
        return False
    left, right = tree.children_left, tree.children_right
    inner = left != -1
    return bool(
        np.array_equal(right != -1, inner)
        and _reaches_each_once(left[inner], right[inner], np.flatnonzero(inner), len(left))
        and _within(tree.feature[inner], min(features, tree.n_features))
        and tree.max_depth >= 0
    )


def _histogram_tree_is_sound(tree: Any, features: int) -> bool:
    nodes = tree.nodes
    inner = nodes["is_leaf"] == 0
    splits = nodes[inner]
    left, right = splits["left"].astype(np.int64), splits["right"].astype(np.int64)
    bitsets = splits["bitset_idx"][splits["is_categorical"] != 0]
    return bool(
        _reaches_each_once(left, right, np.flatnonzero(inner), len(nodes))
        and _within(splits["feature_idx"], features)
        and _within(bitsets, len(tree.raw_left_cat_bitsets))
        and tree.raw_left_cat_bitsets.shape[1:] == (8,)
    )


def _neighbours_are_sound(tree: Any, _: int) -> bool:
    state = tree.__getstate__()
    data, order, nodes, bounds = state[:4]
    metric = state[11]
    numbers = np.arange(len(nodes))
    return bool(
        np.array_equal(np.sort(order), np.arange(len(data)))
        and (nodes["idx_start"] >= 0).all()
        and (nodes["idx_start"] <= nodes["idx_end"]).all()
        and (nodes["idx_end"] <= len(data)).all()
        and (2 * numbers[nodes["is_leaf"] == 0] + 2 < len(nodes)).all()
        and bounds.shape[0] == (2 if isinstance(tree, KDTree) else 1)
        and bounds.shape[1] == len(nodes)
        and bounds.shape[2] == data.shape[1]  # with it the width of a query is compared
        and _distance_is_sound(metric, data.shape[1])
    )


def _distance_is_sound(metric: Any, features: int) -> bool:
    """Whether the weights or the matrix of a distance are as wide as the table, if it is known."""
    _, weights, matrix = metric.__getstate__()[:3]
    kind = type(metric).__name__
    sizes = {
        "Mahalanobis": {*matrix.shape},
        "SEuclidean": {len(weights)},
        "Minkowski": {len(weights)} - {0},
    }
    needed = next((size for name, size in sizes.items() if kind.startswith(name)), set())
    return not needed or (len(needed) == 1 and needed <= {features or max(needed)})


def _reaches_each_once(
    left: np.ndarray, right: np.ndarray, parents: np.ndarray, count: int
) -> bool:
    """Whether each node but the first is the child of one node before it."""
    children = np.concatenate([left, right])
    return bool(
        np.array_equal(np.sort(children), np.arange(1, count))
        and (left > parents).all()
        and (right > parents).all()
    )


def _within(numbers: np.ndarray, stop: int) -> bool:
    return bool((numbers >= 0).all() and (numbers < stop).all())


SOUND: dict[type, Callable[[Any, int], bool]] = {
    Tree: _tree_is_sound,
    TreePredictor: _histogram_tree_is_sound,
    KDTree: _neighbours_are_sound,
    BallTree: _neighbours_are_sound,
    **{resolve(name): _distance_is_sound for name in COMPILED if "_dist_metrics" in name},
}
