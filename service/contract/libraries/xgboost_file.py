"""XGBoost file: a booster of XGBoost as UBJSON, checked before XGBoost reads it.

XGBoost follows the indexes in its trees without checking them.
"""

import json
from itertools import pairwise
from typing import Any

import numpy as np

from service.contract.libraries import ubjson
from service.contract.libraries.damage import are_trees, refuse

OF_SPLITS = ("categories_nodes", "categories_segments", "categories_sizes")
OF_NODES = (
    "left_children",
    "right_children",
    "split_indices",
    "split_conditions",
    "split_type",
    "default_left",
    "parents",
)
NUMBERS_OF_NODES = ("loss_changes", "sum_hessian")
ALL_OF_TREES = {
    *OF_NODES,
    *OF_SPLITS,
    *NUMBERS_OF_NODES,
    "base_weights",
    "categories",
    "id",
    "tree_param",
}
NO_PARENT = (2**31 - 1, -1)  # of trees with one number in a leaf, and with several


def dump(booster: Any) -> bytes:
    """Write a booster."""
    return bytes(booster.save_raw("ubj"))


def load(content: bytes) -> Any:
    """Read a booster that `check` has passed."""
    from xgboost import Booster

    booster = Booster()
    booster.load_model(bytearray(content))
    return booster


def check(content: bytes) -> None:
    """Check that all indexes and counts of a booster lead to what is there.

    Raises
    ------
    ArtifactError
        They do not, or it is no booster.
    """
    refuse("XGBoost", lambda: _damage(ubjson.loads(content)["learner"]))


def _damage(learner: dict[str, Any]) -> str | None:
    """Say what is wrong with a booster; None if nothing is."""
    numbers = learner["learner_model_param"]
    features, classes, targets = (
        int(numbers[name]) for name in ("num_feature", "num_class", "num_target")
    )
    groups = max(classes, targets, 1)
    base = json.loads(numbers["base_score"])
    kind, booster = learner["gradient_booster"]["name"], learner["gradient_booster"]
    if len(base if isinstance(base, list) else [base]) != groups:
        return "it has another number of base scores than of outputs"
    if len(learner["feature_names"]) not in (0, features):
        return "it has another number of names than of features"
    if int(_parameters(learner["objective"]).get("num_class", classes)) != classes:
        return "its objective has another number of classes than it"
    if kind == "gblinear":
        complete = len(booster["model"]["weights"]) == (features + 1) * groups
        return None if complete else "it has another number of weights than of features"
    if kind == "dart":
        if len(booster["weight_drop"]) != len(booster["gbtree"]["model"]["trees"]):
            return "it has another number of weights than of trees"
        booster = booster["gbtree"]
    elif kind != "gbtree":
        return f"there is no booster of the kind {kind!r}"
    model = booster["model"]
    return _wrong_trees(model, features, groups) or _wrong_categories(model["cats"], features)


def _parameters(objective: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in objective.values():
        found |= each if isinstance(each, dict) else {}
    return found


def _wrong_trees(model: dict[str, Any], features: int, groups: int) -> str | None:
    trees, rounds = model["trees"], [*map(int, model["iteration_indptr"])]
    if not len(trees) == len(model["tree_info"]) == int(model["gbtree_model_param"]["num_trees"]):
        return "it has another number of trees than it says"
    if any(not 0 <= group < groups for group in model["tree_info"]):
        return "a tree belongs to an output that is not there"
    if rounds[0] != 0 or rounds[-1] != len(trees) or any(a > b for a, b in pairwise(rounds)):
        return "its rounds are not its trees"
    counts = [int(tree["tree_param"]["num_nodes"]) for tree in trees]
    if [tree["id"] for tree in trees] != [*range(len(trees))]:
        return "a tree has another number than it says"
    for tree, count in zip(trees, counts, strict=True):
        leaf = int(tree["tree_param"]["size_leaf_vector"])
        if tree.keys() - {"leaf_weights"} != ALL_OF_TREES:
            return "a tree has other parts than XGBoost writes"
        lengths = {len(tree[name]) for name in (*OF_NODES, *NUMBERS_OF_NODES)}
        lengths.add(len(tree["base_weights"]) // max(leaf, 1))
        if lengths != {count} or count < 1 or leaf not in (0, 1, groups):
            return "a tree has another number of nodes than it says"
        if leaf > 1 and not _leaves_are_there(tree, leaf):
            return "a leaf of a tree is not there"
        if int(tree["tree_param"]["num_feature"]) != features:
            return "a tree has another number of features than it says"
        if not _sets_are_there(tree, count):
            return "a set of categories in a tree is not there"
    if not trees:
        return None
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    left, right, splits = (
        np.concatenate([_whole(tree[name]) for tree in trees]) for name in OF_NODES[:3]
    )
    owner = np.repeat(np.arange(len(trees)), counts)
    inner = left != -1
    right[~inner] = -1
    for children in (left, right):
        inside = (children[inner] >= 0) & (children[inner] < np.asarray(counts)[owner[inner]])
        if not inside.all():
            return "an index in a tree leads nowhere"
        children[inner] += starts[owner[inner]]
    parents = np.concatenate([_whole(tree["parents"]) for tree in trees])
    named = np.concatenate([np.flatnonzero(inner), np.flatnonzero(inner)])
    if (
        not np.isin(parents[starts], NO_PARENT).all()
        or (
            parents[np.concatenate([left[inner], right[inner]])] != (named - starts[owner[named]])
        ).any()
    ):
        return "a node of a tree has another parent than it says"
    if not are_trees(left, right, starts):
        return "an index in a tree leads in a circle, or twice to the same node"
    if ((splits[inner] < 0) | (splits[inner] >= features)).any():
        return "a tree asks for a feature that is not there"
    return None


def _whole(values: Any) -> np.ndarray:
    """Return whole numbers as an array."""
    array = np.asarray(values)
    if len(array) and array.dtype.kind not in "iu":
        raise TypeError("they are no whole numbers")
    return array.astype(np.int64)


def _leaves_are_there(tree: dict[str, Any], size: int) -> bool:
    """Whether a tree with several numbers a leaf has them; a leaf's right child says where."""
    leaves = np.asarray(tree["right_children"])[np.asarray(tree["left_children"]) == -1]
    there = (leaves >= 0) & ((leaves + 1) * size <= len(tree["leaf_weights"]))
    return bool(there.all())


def _sets_are_there(tree: dict[str, Any], count: int) -> bool:
    """Whether each split by category has its set of categories."""
    nodes, begins, sizes = (_whole(tree[name]) for name in OF_SPLITS)
    by_category = np.flatnonzero(np.asarray(tree["split_type"]) == 1)
    inner = by_category[np.asarray(tree["left_children"])[by_category] != -1]
    return bool(
        len(nodes) == len(begins) == len(sizes)
        and ((nodes >= 0) & (nodes < count)).all()
        and np.isin(inner, nodes).all()
        and (begins >= 0).all()
        and (sizes >= 0).all()
        and (begins + sizes <= len(tree["categories"])).all()
        and all(0 <= int(category) < 2**24 for category in tree["categories"])
    )


def _wrong_categories(cats: dict[str, Any], features: int) -> str | None:
    """Say what is wrong with the names of the categories in training."""
    if not len(cats["enc"]):
        return None
    counts = []
    for each in cats["enc"]:
        values, offsets = each["values"], each.get("offsets")
        if offsets is None:
            counts.append(len(values))
            continue
        ends = np.asarray(offsets, dtype=np.int64)
        if len(ends) and (ends[0] != 0 or ends[-1] != len(values) or (np.diff(ends) < 0).any()):
            return "the name of a category is not there"
        counts.append(max(len(ends) - 1, 0))
    segments, order = (
        np.asarray(cats[name], dtype=np.int64) for name in ("feature_segments", "sorted_idx")
    )
    sizes = np.array(counts)
    sound = (
        len(counts) == features
        and np.array_equal(segments, np.concatenate([[0], np.cumsum(sizes)]))
        and len(order) == sizes.sum()
        and (order >= 0).all()
        and (order < np.repeat(sizes, sizes)).all()
    )
    return None if sound else "its categories are not those of its features"
