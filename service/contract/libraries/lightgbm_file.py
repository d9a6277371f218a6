"""LightGBM file: a booster of LightGBM as its text, checked before LightGBM reads it.

LightGBM follows the indexes in its trees, and the lengths in its text, without checking them.
"""

import json
import re
from typing import Any

import numpy as np

from service.contract.libraries.damage import are_trees, refuse

# What training was told, e.g. names of files: no prediction depends on it.
PARAMETERS = re.compile(r"\nparameters:\n.*?\nend of parameters\n", re.DOTALL)
END = "end of trees\n"
AFTER = re.compile(
    r"\s*(?:feature_importances:\n(?:[^\n]*=[0-9.e+-]+\n)*\s*)?pandas_categorical:(.*)\n"
)
WORDS = re.compile(r"[a-z0-9_]+(?: [a-z_]+(?::[0-9.e+-]+)?)*")  # an objective
ALONE = {"average_output"}  # keys without a value
NUMBER = r"-?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,3})?|inf|nan)"
NUMBERS = re.compile(rf" *(?:{NUMBER}(?: +{NUMBER})* *)?")
OF_TREES = {"num_leaves", "num_cat", "leaf_value", "is_linear", "shrinkage"}
OF_SPLITS = ("split_feature", "left_child", "right_child", "decision_type")
OF_SETS = {"cat_boundaries", "cat_threshold"}
LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
SPLITS = ("threshold", "split_gain", "internal_value", "internal_weight", "internal_count")
LINEAR = ("leaf_const", "num_features", "leaf_features", "leaf_coeff")


def dump(booster: Any) -> bytes:
    """Write a booster, up to its best iteration if training stopped early."""
    text: str = booster.model_to_string()
    return PARAMETERS.sub("\n", text).encode()


def load(content: bytes) -> Any:
    """Read a booster that `check` has passed."""
    from lightgbm import Booster

    return Booster(model_str=content.decode())


def check(content: bytes) -> None:
    """Check that all indexes, counts and lengths of a booster lead to what is there.

    Raises
    ------
    ArtifactError
        They do not, or it is no booster.
    """
    refuse("LightGBM", lambda: _damage(content))


def _damage(content: bytes) -> str | None:
    """Say what is wrong with a booster; None if nothing is."""
    begin = content.index(b"\n\n") + 2
    first, *lines = content[:begin].decode().rstrip("\n").split("\n")
    head = _keys(lines)
    features, classes, outputs = (
        int(head[name]) for name in ("max_feature_idx", "num_class", "num_tree_per_iteration")
    )
    features += 1
    if first != "tree" or head["version"] != "v4":
        return "its text has another version"
    if not 1 <= outputs <= 1_000_000 or classes not in (1, outputs):
        return "it has another number of classes than of trees in an iteration"
    for name in ("feature_names", "feature_infos"):
        if len(head[name].split(" ")) != features:
            return f"it has another number of {name} than of features"
    objective = head.get("objective", "custom")
    if not WORDS.fullmatch(objective):
        return "its objective is none"
    if any(int(number) != classes for number in re.findall(r"num_class:(\S+)", objective)):
        return "its objective has another number of classes than it"
    sizes = [*map(int, head["tree_sizes"].split())]
    if len(sizes) % outputs:
        return "it has another number of trees than it says"
    for number, size in enumerate(sizes):
        block = content[begin : begin + size].decode()
        whole = size > 0 and block.startswith(f"Tree={number}\n") and block.endswith("\n\n\n")
        if not whole or "\n\n" in block[:-3]:  # LightGBM reads up to an empty line
            return "a tree is not where it says"
        if (reason := _wrong_tree(_keys(block.split("\n")[1:]), features)) is not None:
            return reason
        begin += size
    rest = content[begin:].decode()
    after = AFTER.fullmatch(rest, len(END)) if rest.startswith(END) else None
    if after is None:
        return "something follows its trees"
    known = json.loads(after[1])
    if known is not None and not all(isinstance(each, list) for each in known):
        return "its categories are not lists"
    return None


def _keys(lines: list[str]) -> dict[str, str]:
    """Read lines ``key=value``; each key may be there once."""
    found: dict[str, str] = {}
    for line in filter(None, lines):
        key, equals, value = line.partition("=")
        if key in found or bool(equals) == (key in ALONE):
            raise ValueError(f"a line with {key!r} is odd")
        found[key] = value
    return found


def _wrong_tree(tree: dict[str, str], features: int) -> str | None:
    if not all(map(NUMBERS.fullmatch, tree.values())):
        return "a tree holds something else than numbers"
    leaves, sets = int(tree["num_leaves"]), int(tree["num_cat"])
    if leaves < 1 or sets < 0:
        return "a tree has no leaf"
    linear, whole = int(tree["is_linear"]) != 0, leaves > 1
    expected = OF_TREES | {*LEAVES, *SPLITS, *OF_SPLITS}
    expected |= (OF_SETS if sets else set()) | ({*LINEAR} if linear else set())
    if tree.keys() != expected if whole else not OF_TREES <= tree.keys() <= expected:
        return "a tree has other parts than LightGBM writes"
    lengths = {len(tree[name].split()) for name in (LEAVES if whole else LEAVES[:1])}
    if lengths != {leaves}:
        return "a tree has another number of leaves than it says"
    if linear and not _terms_are_there(tree, leaves, features):
        return "a tree asks for a feature that is not there"
    if not whole:
        return None
    splits, left, right, kinds = (
        np.array([*map(int, tree[name].split())], dtype=np.int64) for name in OF_SPLITS
    )
    thresholds = tree["threshold"].split()
    if {len(tree[name].split()) for name in (*OF_SPLITS, *SPLITS)} != {leaves - 1}:
        return "a tree has another number of splits than it says"
    if ((splits < 0) | (splits >= features)).any():
        return "a tree asks for a feature that is not there"
    # Below zero is a leaf: -1 the first, -2 the second.
    children = np.concatenate([left, right])
    if (children >= leaves - 1).any() or (~children[children < 0] >= leaves).any():
        return "an index in a tree leads nowhere"
    left, right = (np.where(each < 0, leaves - 2 - each, each) for each in (left, right))
    no_child = np.full(leaves, -1)
    left, right = (np.concatenate([each, no_child]) for each in (left, right))
    if not are_trees(left, right, np.array([0])):
        return "an index in a tree leads in a circle, or twice to the same node"
    return None if _sets_are_there(tree, sets, kinds, thresholds) else "a set is not there"


def _terms_are_there(tree: dict[str, str], leaves: int, features: int) -> bool:
    """Whether each leaf of a linear tree has its terms."""
    constants, counts, used, factors = (tree[name].split() for name in LINEAR)
    terms = sum(map(int, counts))
    return (
        len(constants) == len(counts) == leaves
        and min(map(int, counts)) >= 0
        and len(used) == len(factors) == terms
        and all(0 <= int(feature) < features for feature in used)
    )


def _sets_are_there(
    tree: dict[str, str], sets: int, kinds: np.ndarray, thresholds: list[str]
) -> bool:
    """Whether each split by category has its set of categories."""
    chosen = [float(t) for t, kind in zip(thresholds, kinds, strict=True) if kind & 1]
    if not sets:
        return not chosen
    ends = np.array([*map(int, tree["cat_boundaries"].split())])
    return bool(
        len(ends) == sets + 1
        and ends[0] == 0
        and (np.diff(ends) >= 0).all()
        and len(tree["cat_threshold"].split()) == ends[-1]
        and all(number in range(sets) for number in chosen)
    )
