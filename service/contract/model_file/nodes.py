"""Nodes: what each kind of node in a model file may hold, and where it may be."""

import json
import re
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import cast

import numpy as np

from service.contract.libraries import listing, trusted
from service.contract.model_file import allow_list
from service.contract.model_file.archive import refuse
from service.contract.model_file.inventory import Inventory, Node
from service.contract.model_file.place import PLAIN, Place
from service.contract.text import show

VALUE = re.compile(r'[-"0-9tfnNI]')  # how one value begins as JSON
DEPTH = 100  # nodes in nodes; the deepest of scikit-learn's estimators that were tried has 26


def visit(seen: Inventory, node: Node, place: Place, depth: int) -> None:
    """Check a node and all nodes in it.

    Parameters
    ----------
    seen : Inventory
        What was found before; what is found is added.
    node : dict
    place : Place
        Where it is.
    depth : int
        How many nodes it is in.

    Raises
    ------
    ArtifactError
        A node is not as skops writes it, or is where it does not belong.
    """
    if depth > DEPTH:
        refuse(f"it is nested deeper than {DEPTH} nodes")
    if seen.is_repeated_leaf(node):
        return
    loader = node.get("__loader__", "")
    if loader not in LOADERS:
        refuse(f"{place} needs the loader {loader!r}, which is not used here")
    keys, look = LOADERS[loader]
    if loader == "NdArrayNode" and node.get("type") == "json":
        keys = OBJECT_ARRAY
    if node.keys() != keys:
        refuse(f"{place} holds a {loader} of {', '.join(node)}")
    number, module, kind = node["__id__"], node["__module__"], node["__class__"]
    if type(number) is not int or number <= 0:
        refuse(f"{place} holds a {loader} with the number {number!r}")
    if not isinstance(module, str) or not isinstance(kind, str) or "." in kind:
        refuse(f"{place} holds a {loader} of the class {kind!r} in {module!r}")
    # skops builds the first node that has a number wherever that number stands.
    if not seen.is_same_as_before(node):
        refuse(f"{place} holds another node with the number {number}")
    look(seen, node, f"{module}.{kind}", place, depth + 1)
    if loader in LEAVES:
        seen.add_leaf(node)


def _visit_all(seen: Inventory, nodes: Iterable[Node], place: Place, depth: int) -> None:
    for node in nodes:
        visit(seen, node, place, depth)


def _json_value(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.expect(name, "builtins.str")
    if node["is_json"] is not True or not VALUE.match(node["content"]):
        refuse(f"{place} holds something else than one value as JSON")


def _sequence(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    base = {"ListNode": list, "SetNode": set, "TupleNode": tuple}[node["__loader__"]]
    names = {f"builtins.{base.__name__}"} | (allow_list.NAMED_TUPLES if base is tuple else set())
    _check_base(seen, name, frozenset(names), base)
    _visit_all(seen, node["content"], place, depth)


def _mapping(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    _check_base(seen, name, allow_list.DICTS, dict)
    _check_keys(seen, node, allow_list.SCALARS, depth)
    _visit_all(seen, node["content"].values(), place, depth)


def _default_dict(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.expect(name, "collections.defaultdict")
    parts = node["content"]
    _check_parts(parts, {"main": "DictNode", "default_factory": "TypeNode"})
    _visit_all(seen, parts.values(), place, depth)


def _check_base(seen: Inventory, name: str, names: frozenset[str], base: type) -> None:
    if seen.is_listed(name, names) and not issubclass(allow_list.resolve(name), base):
        refuse(f"{name} is no {base.__name__}")


def _check_keys(seen: Inventory, node: Node, kinds: frozenset[str], depth: int) -> None:
    """Check that keys are plain: skops calls whatever is given as the type of a key."""
    types = node["key_types"]
    if types["__loader__"] != "ListNode" or len(types["content"]) != len(node["content"]):
        refuse("a dict does not have one type for each key")
    for each in types["content"]:
        kind = f"{each['__module__']}.{each['__class__']}"
        if each["__loader__"] != "TypeNode" or kind not in kinds:
            refuse(f"a dict has keys of {kind}")
    visit(seen, types, PLAIN, depth)


def _array(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    if node["type"] == "numpy":
        seen.is_listed(name, allow_list.SCALARS | {"numpy.ndarray"})
        seen.archive.check_array(node["file"], node["__id__"])
        return
    seen.expect(name, "numpy.ndarray")
    shape = node["shape"]
    if shape["__loader__"] != "TupleNode" or any(
        each["__loader__"] != "JsonNode" or not each["content"].isdigit()
        for each in shape["content"]
    ):
        refuse(f"{place} holds an array of an odd shape")
    _visit_all(seen, [shape, *node["content"]], place, depth)


def _masked_array(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.expect(name, "numpy.ma.MaskedArray")
    _check_parts(node["content"], {"data": "NdArrayNode", "mask": "NdArrayNode"})
    _visit_all(seen, node["content"].values(), place, depth)


def _sparse_matrix(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.is_listed(name, allow_list.SPARSE)
    if node["type"] != "scipy":
        refuse(f"{place} holds a sparse matrix of the type {node['type']!r}")
    seen.archive.check_sparse(node["file"], node["__id__"])


def _raw_bytes(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.expect(name, "builtins.bytes")
    seen.archive.check_bytes(node["file"], node["__id__"])


def _dtype(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.expect(name, "numpy.dtype")
    _check_parts(node, {"content": "NdArrayNode"}, whole=False)
    visit(seen, node["content"], PLAIN, depth)


def _scalar_type(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.is_listed(name, allow_list.DTYPES)


def _slice_bounds(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.expect(name, "builtins.slice")
    bounds = node["content"]
    if bounds.keys() != {"start", "stop", "step"} or any(
        bound is not None and type(bound) not in (int, str) for bound in bounds.values()
    ):  # text is the name of a column
        refuse(f"{place} holds a slice of {show(bounds)}")


def _random_state(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.expect(name, "numpy.random.mtrand.RandomState")
    visit(seen, node["content"], PLAIN, depth)
    numbers = node["content"]["content"]["state"]["content"]
    if not 0 <= json.loads(numbers["pos"]["content"]) <= 624:
        refuse(f"{place} holds a RandomState whose position is beyond its numbers")


def _generator(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.expect(name, "numpy.random._generator.Generator")
    parts = node["content"]
    _check_parts(parts, {"bit_generator": "DictNode", "seed_seq": "DictNode"})
    _visit_all(seen, parts.values(), PLAIN, depth)
    if json.loads(parts["bit_generator"]["content"]["bit_generator"]["content"]) != "PCG64":
        refuse(f"{place} holds another random generator than PCG64")
    if json.loads(parts["seed_seq"]["content"]["pool_size"]["content"]) != 4:
        refuse(f"{place} holds a random generator with an odd pool")


def _function(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    named = frozenset({name} if name in trusted.names() else ())
    names = allow_list.FUNCTIONS | allow_list.UFUNCS | named
    if seen.is_listed(name, names, FunctionType):
        place.check_function(name)


def _partial(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.expect(name, "functools.partial")
    place.check_function(name)
    parts = node["content"]
    loaders = {"func": "FunctionNode", "args": "TupleNode", "kwds": "DictNode"}
    _check_parts(parts, {**loaders, "namespace": "JsonNode"})
    if parts["namespace"]["content"] != "null":
        refuse(f"{place} holds a partial with attributes")
    visit(seen, parts["func"], place, depth)
    _visit_all(seen, [parts["args"], parts["kwds"], parts["namespace"]], PLAIN, depth)


def _object(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    named = frozenset({name} if listing.lists(name) else ())
    if not seen.is_listed(name, allow_list.MADE | named):
        return
    kind = allow_list.resolve(name)
    place.check_object(kind)
    state = node["content"]
    if name in allow_list.COMPILED:
        _check_parts(node, {"content": "TupleNode"}, whole=False)
        loaders, entries = allow_list.COMPILED[name], state["content"]
        if len(entries) != len(loaders) or any(
            each["__loader__"] not in expected
            for each, expected in zip(entries, loaders, strict=True)
        ):
            refuse(f"{place} holds a {kind.__name__} of another state than scikit-learn writes")
        visit(seen, state, Place(kind), depth)
    elif state["__loader__"] == "JsonNode" and state["content"] == "null":
        visit(seen, state, PLAIN, depth)
    else:
        _check_parts(node, {"content": "DictNode"}, whole=False)
        seen.expect(f"{state['__module__']}.{state['__class__']}", "builtins.dict")
        _check_keys(seen, state, frozenset({"builtins.str"}), depth)
        for attribute, value in state["content"].items():
            visit(seen, value, Place.of(kind, attribute), depth)


def _constructed(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    """Check an object that is made by calling its class: only the user's own may be."""
    if seen.is_listed(name, frozenset()):
        place.check_object(allow_list.resolve(name))
    _check_parts(node, {"content": "TupleNode"}, whole=False)
    visit(seen, node["content"], PLAIN, depth)


def _loss(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.is_listed(name, allow_list.LOSSES)
    arguments = _arguments(seen, node, place, depth)
    if node["content"]["content"] or len(arguments) > 1:
        refuse(f"{place} holds a loss that is made of more than a number")


def _tree(seen: Inventory, node: Node, name: str, place: Place, depth: int) -> None:
    seen.expect(name, allow_list.TREE)
    _, classes, outputs = _arguments(seen, node, place, depth)
    counts = seen.archive.array(classes["file"])
    if counts.dtype != np.intp or counts.shape != (json.loads(outputs["content"]),):
        refuse(f"{place} holds a tree with another number of outputs than it says")


def _arguments(seen: Inventory, node: Node, place: Place, depth: int) -> list[Node]:
    """Check that a compiled class gets only plain arguments and state; return the arguments."""
    place.check_object(object)
    reduced = node["__reduce__"]
    _check_parts(reduced, {"args": "TupleNode"})
    _visit_all(seen, [reduced["args"], node["content"]], PLAIN, depth)
    return cast(list[Node], reduced["args"]["content"])


def _check_parts(parts: Node, loaders: dict[str, str], whole: bool = True) -> None:
    """Check that a node has these parts, each with its loader."""
    if (whole and parts.keys() != loaders.keys()) or any(
        parts[name]["__loader__"] != loader for name, loader in loaders.items()
    ):
        refuse(f"a node has the parts {', '.join(parts)}, which is not how skops writes it")


Look = Callable[[Inventory, Node, str, Place, int], None]
LEAVES = ("JsonNode", "TypeNode")  # they may be anywhere, and hold no other node
COMMON = frozenset({"__class__", "__id__", "__loader__", "__module__"})
CONTENT = COMMON | {"content"}
OBJECT_ARRAY = CONTENT | {"type", "shape"}
LOADERS: dict[str, tuple[frozenset[str], Look]] = {
    "BytesNode": (COMMON | {"file"}, _raw_bytes),
    "ConstructorFromReduceNode": (CONTENT, _constructed),
    "DTypeNode": (CONTENT, _dtype),
    "DefaultDictNode": (CONTENT, _default_dict),
    "DictNode": (CONTENT | {"key_types"}, _mapping),
    "FunctionNode": (COMMON, _function),
    "JsonNode": (CONTENT | {"is_json"}, _json_value),
    "ListNode": (CONTENT, _sequence),
    "LossNode": (CONTENT | {"__reduce__"}, _loss),
    "MaskedArrayNode": (CONTENT, _masked_array),
    "NdArrayNode": (COMMON | {"type", "file"}, _array),
    "ObjectNode": (CONTENT, _object),
    "PartialNode": (CONTENT, _partial),
    "RandomGeneratorNode": (CONTENT, _generator),
    "RandomStateNode": (CONTENT, _random_state),
    "SetNode": (CONTENT, _sequence),
    "SliceNode": (CONTENT, _slice_bounds),
    "SparseMatrixNode": (COMMON | {"type", "file"}, _sparse_matrix),
    "TreeNode": (CONTENT | {"__reduce__"}, _tree),
    "TupleNode": (CONTENT, _sequence),
    "TypeNode": (COMMON, _scalar_type),
}
