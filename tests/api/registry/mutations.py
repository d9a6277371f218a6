"""Ways to alter a version's folder."""

import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.neighbors import KNeighborsClassifier

from service.contract.model import checksums
from service.contract.model.manifest import BASELINE, GOLDEN, MANIFEST, MODEL
from service.contract.model_file import artifact
from tests.support.models import iris

FILES = [MODEL, GOLDEN, BASELINE, MANIFEST, checksums.SUMS]
Mutation = Callable[[Path, random.Random], object]

# Damage that the checksums notice.


def flip_a_bit(folder: Path, dice: random.Random) -> None:
    file = folder / dice.choice(FILES)
    content = bytearray(file.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    file.write_bytes(content)


def cut(folder: Path, dice: random.Random) -> None:
    file = folder / dice.choice(FILES)
    content = file.read_bytes()
    file.write_bytes(content[: dice.randrange(len(content))])


def remove(folder: Path, dice: random.Random) -> None:
    (folder / dice.choice(FILES)).unlink()


def swap(folder: Path, dice: random.Random) -> None:
    one, other = (folder / name for name in dice.sample(FILES, 2))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


# Damage with checksums that fit it.


def with_sums(alter: Mutation) -> Mutation:
    def mutate(folder: Path, dice: random.Random) -> None:
        alter(folder, dice)
        checksums.write(folder)

    return mutate


class Trap:
    """Unpickling this leaves a file behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def a_pickle(folder: Path, dice: random.Random) -> None:
    (folder / MODEL).write_bytes(pickle.dumps(Trap(folder.parent.parent / "trace")))


def cut_model(folder: Path, dice: random.Random) -> None:
    content = (folder / MODEL).read_bytes()
    (folder / MODEL).write_bytes(content[: dice.randrange(len(content))])


def a_model_of_another_kind(folder: Path, dice: random.Random) -> None:
    X, y = iris().X, iris().y
    wrong = RandomForestClassifier(20, random_state=0).fit(X, 2 - y)
    (folder / MODEL).write_bytes(artifact.dumps(wrong))


def another_signature(folder: Path, dice: random.Random) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    features = manifest["signature"]["features"]
    change = dice.choice(["rename", "drop", "reverse", "kind", "twice", "garbage"])
    if change == "rename":
        dice.choice(features)["name"] = "other"
    elif change == "drop":
        features.pop(dice.randrange(4))
    elif change == "reverse":
        features.reverse()
    elif change == "kind":
        dice.choice(features).update(kind=dice.choice(["integer", "boolean", "category"]))
    elif change == "twice":
        features.append(dice.choice(features))
    else:
        manifest["signature"] = dice.choice([None, [], {"features": 7}])
    (folder / MANIFEST).write_text(json.dumps(manifest))


def read(folder: Path) -> Any:
    file = folder / MODEL
    return skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))


def alter_a_tree(folder: Path, dice: random.Random) -> None:
    """Change one index of one node of one tree: a child, or a feature of an inner node."""
    forest = read(folder)
    tree = dice.choice(forest.estimators_).tree_
    node = dice.choice(np.flatnonzero(tree.children_left != -1).tolist())
    field = dice.choice(["children_left", "children_right", "feature"])
    index = getattr(tree, field)
    if field == "feature":
        index[node] = dice.choice([-1, 4, 1000, 2**40, -(2**40)])
    else:
        others = {-(2**40), -1, 0, node, tree.node_count, 2**40, dice.randrange(tree.node_count)}
        index[node] = dice.choice(sorted(others - {int(index[node])}))
    (folder / MODEL).write_bytes(artifact.dumps(forest))


def alter_a_histogram_tree(folder: Path, dice: random.Random) -> None:
    """Put a boosting model in place whose nodes lead astray."""
    boosting = HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(iris().X, iris().y)
    nodes = boosting._predictors[dice.randrange(3)][dice.randrange(3)].nodes
    assert nodes.dtype == PREDICTOR_RECORD_DTYPE
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    nodes[dice.choice(["left", "right"])][dice.choice(inner.tolist())] = dice.choice([0, 2**31])
    (folder / MODEL).write_bytes(artifact.dumps(boosting))


def alter_neighbours(folder: Path, dice: random.Random) -> None:
    """Put a neighbours model in place whose tree points outside of its points."""
    near = KNeighborsClassifier(algorithm="kd_tree", leaf_size=5).fit(iris().X, iris().y)
    state = [*near._tree.__getstate__()]
    if dice.random() < 0.5:
        state[1][dice.randrange(150)] = dice.choice([-(2**40), 150, 2**40])
    else:
        state[2]["idx_end"][dice.randrange(len(state[2]))] = 2**40
    near._tree.__setstate__(tuple(state))
    (folder / MODEL).write_bytes(artifact.dumps(near))


MUTATIONS: dict[str, Mutation] = {
    "bit": flip_a_bit,
    "cut": cut,
    "missing": remove,
    "swapped": swap,
    "pickle": with_sums(a_pickle),
    "cut model": with_sums(cut_model),
    "other model": with_sums(a_model_of_another_kind),
    "signature": with_sums(another_signature),
    "tree": with_sums(alter_a_tree),
    "histogram tree": with_sums(alter_a_histogram_tree),
    "neighbours": with_sums(alter_neighbours),
}
