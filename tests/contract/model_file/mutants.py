"""Model files that were altered at random, each in one to three places of its tree or arrays."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer
from sklearn.tree import DecisionTreeClassifier

from service.contract.model_file import allow_list, artifact
from service.contract.model_file.nodes import LOADERS
from service.features import AddRatio
from tests.support.models import iris, penguins

Node = dict[str, Any]

NAMES = [
    "builtins.eval",
    "builtins.map",
    "functools.partial",
    "numpy.fromfile",
    "numpy.ndarray",
    "operator.methodcaller",
    "os.system",
    "subprocess.run",
    *sorted(allow_list.ALLOWED),
]
LOADER_NAMES = [*LOADERS, "CachedNode", "MethodNode", "OperatorFuncNode", "QuantileForestNode"]
ATTRIBUTES = [
    "__class__",
    "__setstate__",
    "_validate_params",
    "estimators_",
    "fit",
    "get_params",
    "memory",
    "predict",
    "predict_proba",
    "stack_method_",
    "transform",
]
CONTENTS = [
    "null",
    "NaN",
    "-1",
    "0",
    "1e999",
    str(2**70),
    '"fit"',
    '"filename"',
    '"/dev/null"',
    "[",
]
ENTRIES = [
    "__class__",
    "__id__",
    "__loader__",
    "__module__",
    "content",
    "file",
    "key_types",
    "type",
]


def originals() -> list[bytes]:
    """Return the files to be altered."""
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    made = [
        CalibratedClassifierCV(tree, cv=2),
        GridSearchCV(tree, {"max_depth": [1, 2]}, cv=2, scoring="accuracy"),
        HistGradientBoostingClassifier(max_iter=2, random_state=0),
        RandomForestClassifier(3, random_state=0),
        StackingClassifier([("tree", tree)], GaussianNB(), cv=2),
        make_pipeline(AddRatio("petal_length", "petal_width"), GaussianNB()),
        make_pipeline(FunctionTransformer(np.log1p), KNeighborsClassifier(algorithm="kd_tree")),
        make_pipeline(SelectKBest(k=2), GaussianProcessClassifier()),
        KNeighborsClassifier(
            algorithm="ball_tree", metric="mahalanobis", metric_params={"V": np.eye(4)}
        ),
        make_pipeline(
            IterativeImputer(max_iter=1), FunctionTransformer(np.nan_to_num), GaussianNB()
        ),
        make_pipeline(SplineTransformer(), LogisticRegression(max_iter=5000)),
    ]
    fitted = [estimator.fit(iris().X, iris().y) for estimator in made]
    words = make_pipeline(TfidfVectorizer(), GaussianNB())
    words.steps[0][1].fit(["one word", "another word"])
    return [*map(artifact.dumps, [*fitted, words, penguins().estimator])]


def nodes(tree: Any) -> Iterator[Node]:
    """Return each node of a tree, but for the types of keys, which are most of them."""
    if isinstance(tree, dict) and "__loader__" in tree:
        yield tree
    for name, inner in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(inner, dict | list) and name != "key_types":
            yield from nodes(inner)


def copy(found: Any, dice: Random) -> Any:
    """Return a copy whose nodes have numbers of their own."""
    made = json.loads(json.dumps(found))
    for node in nodes([made] if isinstance(made, dict | list) else []):
        node["__id__"] = dice.randrange(1, 2**62)
    return made


def replace(node: Node, other: Node) -> None:
    node.clear()
    node.update(other)


def swap(found: list[Node], dice: Random) -> None:
    one, other = dice.sample(found, 2)
    first, second = copy([one, other], dice)
    replace(one, second)
    replace(other, first)


def move(found: list[Node], dice: Random) -> None:
    replace(dice.choice(found), copy(dice.choice(found), dice))


def rename(found: list[Node], dice: Random) -> None:
    module, _, kind = dice.choice(NAMES).rpartition(".")
    dice.choice(found).update(__module__=module, __class__=kind)


def change_loader(found: list[Node], dice: Random) -> None:
    dice.choice(found)["__loader__"] = dice.choice(LOADER_NAMES)


def change_number(found: list[Node], dice: Random) -> None:
    other = dice.choice(found).get("__id__")
    dice.choice(found)["__id__"] = dice.choice([other, other, None, "1", -1, 0, 2**70])


def change_value(found: list[Node], dice: Random) -> None:
    values = [node for node in found if isinstance(node.get("content"), str)]
    dice.choice(values)["content"] = dice.choice(CONTENTS)


def change_key(found: list[Node], dice: Random) -> None:
    contents = [node["content"] for node in found if isinstance(node.get("content"), dict)]
    content = dice.choice([each for each in contents if each])
    old, new = dice.choice([*content]), dice.choice(ATTRIBUTES)
    items = [(new if key == old else key, value) for key, value in content.items()]
    content.clear()
    content.update(items)


def change_key_types(found: list[Node], dice: Random) -> None:
    every = [node.get("key_types") for node in found]
    types = dice.choice([types for types in every if isinstance(types, dict)])
    types["content"] = copy([dice.choice(found) for _ in types.get("content", [])], dice)


def change_entry(found: list[Node], dice: Random) -> None:
    node, entry = dice.choice(found), dice.choice(ENTRIES)
    other = dice.choice(found)
    if entry in node and dice.random() < 0.5:
        del node[entry]
    else:
        node[entry] = copy(other.get(entry, other), dice)


def change_length(found: list[Node], dice: Random) -> None:
    contents = [node["content"] for node in found if isinstance(node.get("content"), list)]
    content = dice.choice([each for each in contents if each])
    if dice.random() < 0.5:
        content.pop(dice.randrange(len(content)))
    else:
        content.append(copy(dice.choice(found), dice))


ALTERATIONS: list[Callable[[list[Node], Random], None]] = [
    swap,
    move,
    rename,
    change_loader,
    change_number,
    change_value,
    change_key,
    change_key_types,
    change_entry,
    change_length,
]


def altered(content: bytes, dice: Random) -> bytes:
    """Alter a file: its tree, or now and then a byte of one of its members."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as original, zipfile.ZipFile(out, "w") as file:
        members = {name: original.read(name) for name in original.namelist()}
        schema = json.loads(members["schema.json"])
        for _ in range(dice.randint(1, 3)):
            with suppress(IndexError, ValueError):  # nothing is left that it could alter
                dice.choice(ALTERATIONS)([*nodes(schema)][1:], dice)
        members["schema.json"] = json.dumps(schema).encode()
        if dice.random() < 0.1:
            name = dice.choice([*members])
            damaged = bytearray(members[name])
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
            members[name] = bytes(damaged)
        named = members["schema.json"].decode(errors="replace")
        for name, member in members.items():
            if name in named or name == "schema.json" or dice.random() < 0.1:
                file.writestr(name, member)
    return out.getvalue()
