"""A case, and what the files are made from."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import skops.io
from sklearn.ensemble import (
    StackingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics._scorer import _PassthroughScorer
from sklearn.pipeline import Pipeline

from tests.support.models import iris

Node = dict[str, Any]
Files = dict[str, bytes]


@dataclass(frozen=True)
class Case:
    make: Callable[[str], bytes]
    acts: bool


CASES: dict[str, Case] = {}


def case(make: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Add a case, which gets a path that it may try to write to."""
    CASES[make.__name__] = Case(make, acts=False)
    return make


def acts(make: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Add a case that acts where only types are looked at."""
    CASES[make.__name__] = Case(make, acts=True)
    return make


# What the files are made from.


def fitted(estimator: Any) -> Any:
    return estimator.fit(iris().X, iris().y)


def line() -> Any:
    return fitted(LogisticRegression(max_iter=1000))


def written(thing: Any) -> bytes:
    """Write anything, as everybody can who has skops; `artifact.dumps` would refuse it."""
    content: bytes = skops.io.dumps(thing)
    return content


def shadowed(estimator: Any, **attributes: Any) -> bytes:
    """Put attributes into an object that are none of its class's."""
    vars(estimator).update(attributes)
    return written(estimator)


def calling(thing: Any, method: str) -> Any:
    """Return an estimator whose `transform(X)` calls a method of anything by name."""
    caller = StackingRegressor(estimators=[])
    vars(caller).update(
        estimators_=[thing], stack_method_=[method], _concatenate_predictions=np.logical_and
    )
    return caller


def payload(path: str) -> Any:
    """Return a function that, whatever it is called with, writes a file at a path."""
    end = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    vars(end)["score"] = partial(np.dtype, "f8")
    write = Pipeline([("call", calling(np.zeros(1), "tofile")), ("end", end)])
    return partial(_PassthroughScorer.__new__(_PassthroughScorer), write, path)


def edited(estimator: Any, edit: Callable[[Node], Any], files: Files | None = None) -> bytes:
    """Write an estimator, and edit the tree in the file; arrays that it no longer names go."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(written(estimator))) as made:
        schema = json.loads(made.read("schema.json"))
        edit(schema)
        tree = json.dumps(schema)
        with zipfile.ZipFile(out, "w") as file:
            for name in made.namelist():
                if name in tree and name != "schema.json":
                    file.writestr(name, made.read(name))
            for name, content in (files or {}).items():
                file.writestr(name, content)
            file.writestr("schema.json", tree)
    return out.getvalue()


def attributes(node: Node) -> Node:
    """Return the attributes of an object's node."""
    found: Node = node["content"]["content"]
    return found


def put(estimator: Any, attribute: str, node: Node) -> bytes:
    """Set one attribute of an estimator to a node of our own."""

    def edit(schema: Node) -> None:
        own, types = attributes(schema), schema["content"]["key_types"]["content"]
        if attribute not in own:
            types.append(types[0])
        own[attribute] = node

    return edited(estimator, edit)


def node(loader: str, name: str, **more: Any) -> Node:
    module, _, kind = name.rpartition(".")
    number = node.number = getattr(node, "number", 0) + 1  # type: ignore[attr-defined]
    return {
        "__class__": kind,
        "__module__": module,
        "__loader__": loader,
        "__id__": number,
        **more,
    }


def value(content: Any) -> Node:
    return node("JsonNode", "builtins.str", content=json.dumps(content), is_json=True)


def sequence(loader: str, name: str, *content: Node) -> Node:
    return node(loader, name, content=[*content])


def mapping(**content: Node) -> Node:
    kinds = [node("TypeNode", "builtins.str") for _ in content]
    keys = sequence("ListNode", "builtins.list", *kinds)
    return node("DictNode", "builtins.dict", content=content, key_types=keys)
