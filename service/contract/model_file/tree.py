"""Model tree: what a model file describes, looked at before anything of it is built.

`schema.json` in the file is a tree of nodes. A node names its loader and a type,
and skops calls what the tree says: types to make keys of, constructors,
`__setstate__`. So each node must be one that we know, with nothing in it that
we do not know, at a place where it belongs.
"""

import json
import re
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, cast

import numpy as np

from service.contract.errors import ArtifactError
from service.contract.model_file import allow_list, own_code
from service.contract.model_file.archive import Archive, refuse
from service.contract.model_file.place import PLAIN, ROOT, Place
from service.contract.text import sentence, show

DEPTH = 100  # nodes in nodes; the deepest of scikit-learn's estimators that were tried has 26

Node = dict[str, Any]


def check(content: bytes) -> list[str]:
    """Check the content of a model file; return the names of the types and functions in it.

    Raises
    ------
    ArtifactError
        Something in it is not on the allow-list, or stands where it does not belong.

    Examples
    --------
    >>> import skops.io
    >>> check(skops.io.dumps([1, "two"]))
    ['builtins.list', 'builtins.str']
    >>> check(skops.io.dumps([lambda: 1]))
    Traceback (most recent call last):
        ...
    service.contract.errors.ArtifactError: It needs service.contract.model_file.tree.<lambda>, ...
    """
    archive = Archive(content)
    walk = _Walk(archive)
    walk.visit(archive.schema(), ROOT, 0)
    if walk.unlisted:
        names = sentence(", ".join(sorted(walk.unlisted)), longest=500)
        raise ArtifactError(
            f"It needs {names}, which is not on the allow-list. "
            "Define your own functions and classes in service/features.py and import them from "
            "there; what comes from a library can be allowed in "
            "service/contract/model_file/allow_list.py."
        )
    archive.check_all_used()
    return sorted(walk.names)


class _Walk:
    """Visits each node at each place where it stands, and notes the names in it."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.names: set[str] = set()
        self.unlisted: set[str] = set()
        self._known: dict[int, Node] = {}

    def visit(self, node: Node, place: Place, depth: int) -> None:
        if depth > DEPTH:
            refuse(f"it is nested deeper than {DEPTH} nodes")
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
        if not self._is_alike(self._known.setdefault(number, node), node):
            refuse(f"{place} holds another node with the number {number}")
        look(self, node, f"{module}.{kind}", place, depth + 1)

    def _is_alike(self, one: Any, other: Any) -> bool:
        """Whether two nodes are the same, but for the numbers and the names of files in them.

        An object that is held twice is written twice, with the same number; what it gives to be
        written may be made anew each time.
        """
        if one is other:
            return True
        if type(one) is not type(other):
            return False
        if isinstance(one, dict):
            return [*one] == [*other] and all(
                key == "__id__"
                or (key == "file" and self.archive.is_same(value, other[key]))
                or self._is_alike(value, other[key])
                for key, value in one.items()
            )
        if isinstance(one, list):
            return len(one) == len(other) and all(map(self._is_alike, one, other))
        return bool(one == other)

    def _visit_all(self, nodes: Iterable[Node], place: Place, depth: int) -> None:
        for node in nodes:
            self.visit(node, place, depth)

    def _is_listed(self, name: str, names: frozenset[str], kind: type = type) -> bool:
        """Whether a name is on a list or the user's own. If not, it is noted or refused."""
        listed = name in names or own_code.defines(name, kind)
        if not listed and name in allow_list.ALLOWED:
            refuse(f"{name} stands where it does not belong")
        (self.names if listed else self.unlisted).add(name)
        return listed

    def _expect(self, name: str, expected: str) -> None:
        if name != expected:
            refuse(f"{name} stands where {expected} belongs")
        self.names.add(name)

    # Values.

    def json_value(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._expect(name, "builtins.str")
        if node["is_json"] is not True or not re.match(r'[-"0-9tfnNI]', node["content"]):
            refuse(f"{place} holds something else than one value as JSON")

    def sequence(self, node: Node, name: str, place: Place, depth: int) -> None:
        base = {"ListNode": list, "SetNode": set, "TupleNode": tuple}[node["__loader__"]]
        self._check_base(name, frozenset({f"builtins.{base.__name__}"}), base)
        self._visit_all(node["content"], place, depth)

    def mapping(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._check_base(name, allow_list.DICTS, dict)
        self._check_keys(node, allow_list.SCALARS, depth)
        self._visit_all(node["content"].values(), place, depth)

    def default_dict(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._expect(name, "collections.defaultdict")
        parts = node["content"]
        _check_parts(parts, {"main": "DictNode", "default_factory": "TypeNode"})
        self._visit_all(parts.values(), place, depth)

    def _check_base(self, name: str, names: frozenset[str], base: type) -> None:
        if self._is_listed(name, names) and not issubclass(allow_list.resolve(name), base):
            refuse(f"{name} is no {base.__name__}")

    def _check_keys(self, node: Node, kinds: frozenset[str], depth: int) -> None:
        """Check that keys are plain: skops calls what stands as the type of a key."""
        types = node["key_types"]
        if types["__loader__"] != "ListNode" or len(types["content"]) != len(node["content"]):
            refuse("a dict does not have one type for each key")
        for each in types["content"]:
            kind = f"{each['__module__']}.{each['__class__']}"
            if each["__loader__"] != "TypeNode" or kind not in kinds:
                refuse(f"a dict has keys of {kind}")
        self.visit(types, PLAIN, depth)

    def array(self, node: Node, name: str, place: Place, depth: int) -> None:
        if node["type"] == "numpy":
            self._is_listed(name, allow_list.SCALARS | {"numpy.ndarray"})
            self.archive.check_array(node["file"], node["__id__"])
            return
        self._expect(name, "numpy.ndarray")
        shape = node["shape"]
        if shape["__loader__"] != "TupleNode" or any(
            each["__loader__"] != "JsonNode" or not each["content"].isdigit()
            for each in shape["content"]
        ):
            refuse(f"{place} holds an array of an odd shape")
        self._visit_all([shape, *node["content"]], place, depth)

    def masked_array(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._expect(name, "numpy.ma.MaskedArray")
        _check_parts(node["content"], {"data": "NdArrayNode", "mask": "NdArrayNode"})
        self._visit_all(node["content"].values(), place, depth)

    def sparse_matrix(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._is_listed(name, allow_list.SPARSE)
        if node["type"] != "scipy":
            refuse(f"{place} holds a sparse matrix of the type {node['type']!r}")
        self.archive.check_sparse(node["file"], node["__id__"])

    def raw_bytes(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._expect(name, "builtins.bytes")
        self.archive.check_bytes(node["file"], node["__id__"])

    def dtype(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._expect(name, "numpy.dtype")
        _check_parts(node, {"content": "NdArrayNode"}, whole=False)
        self.visit(node["content"], PLAIN, depth)

    def scalar_type(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._is_listed(name, allow_list.DTYPES)

    def slice_bounds(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._expect(name, "builtins.slice")
        bounds = node["content"]
        if bounds.keys() != {"start", "stop", "step"} or any(
            bound is not None and type(bound) not in (int, str) for bound in bounds.values()
        ):  # text is the name of a column
            refuse(f"{place} holds a slice of {show(bounds)}")

    def random_state(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._expect(name, "numpy.random.mtrand.RandomState")
        self.visit(node["content"], PLAIN, depth)
        numbers = node["content"]["content"]["state"]["content"]
        if not 0 <= json.loads(numbers["pos"]["content"]) <= 624:
            refuse(f"{place} holds a RandomState that stands beyond its numbers")

    def generator(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._expect(name, "numpy.random._generator.Generator")
        parts = node["content"]
        _check_parts(parts, {"bit_generator": "DictNode", "seed_seq": "DictNode"})
        self._visit_all(parts.values(), PLAIN, depth)
        if json.loads(parts["bit_generator"]["content"]["bit_generator"]["content"]) != "PCG64":
            refuse(f"{place} holds another random generator than PCG64")
        if json.loads(parts["seed_seq"]["content"]["pool_size"]["content"]) != 4:
            refuse(f"{place} holds a random generator with an odd pool")

    # Functions.

    def function(self, node: Node, name: str, place: Place, depth: int) -> None:
        names = allow_list.FUNCTIONS | allow_list.UFUNCS
        if self._is_listed(name, names, FunctionType):
            place.check_function(name)

    def partial(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._expect(name, "functools.partial")
        place.check_function(name)
        parts = node["content"]
        loaders = {"func": "FunctionNode", "args": "TupleNode", "kwds": "DictNode"}
        _check_parts(parts, {**loaders, "namespace": "JsonNode"})
        if parts["namespace"]["content"] != "null":
            refuse(f"{place} holds a partial with attributes")
        self.visit(parts["func"], place, depth)
        self._visit_all([parts["args"], parts["kwds"], parts["namespace"]], PLAIN, depth)

    # Objects.

    def object(self, node: Node, name: str, place: Place, depth: int) -> None:
        if not self._is_listed(name, allow_list.OBJECTS | allow_list.COMPILED):
            return
        kind = allow_list.resolve(name)
        place.check_object(kind)
        state = node["content"]
        if name in allow_list.COMPILED:
            _check_parts(node, {"content": "TupleNode"}, whole=False)
            self.visit(state, Place(kind), depth)
        elif state["__loader__"] == "JsonNode" and state["content"] == "null":
            self.visit(state, PLAIN, depth)
        else:
            _check_parts(node, {"content": "DictNode"}, whole=False)
            self._expect(f"{state['__module__']}.{state['__class__']}", "builtins.dict")
            self._check_keys(state, frozenset({"builtins.str"}), depth)
            for attribute, value in state["content"].items():
                self.visit(value, Place.of(kind, attribute), depth)

    def constructed(self, node: Node, name: str, place: Place, depth: int) -> None:
        """Look at what is made by calling its class: only the user's own may be."""
        if self._is_listed(name, frozenset()):
            place.check_object(allow_list.resolve(name))
        _check_parts(node, {"content": "TupleNode"}, whole=False)
        self.visit(node["content"], PLAIN, depth)

    def loss(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._is_listed(name, allow_list.LOSSES)
        arguments = self._arguments(node, place, depth)
        if node["content"]["content"] or len(arguments) > 1:
            refuse(f"{place} holds a loss that is made of more than a number")

    def tree(self, node: Node, name: str, place: Place, depth: int) -> None:
        self._expect(name, allow_list.TREE)
        _, classes, outputs = self._arguments(node, place, depth)
        counts = self.archive.array(classes["file"])
        if counts.dtype != np.intp or counts.shape != (json.loads(outputs["content"]),):
            refuse(f"{place} holds a tree with another number of outputs than it says")

    def _arguments(self, node: Node, place: Place, depth: int) -> list[Node]:
        """Return the arguments for a compiled class's constructor; they and its state are plain."""
        place.check_object(object)
        reduced = node["__reduce__"]
        _check_parts(reduced, {"args": "TupleNode"})
        self._visit_all([reduced["args"], node["content"]], PLAIN, depth)
        return cast(list[Node], reduced["args"]["content"])


def _check_parts(parts: Node, loaders: dict[str, str], whole: bool = True) -> None:
    """Check the names of a node's parts, and the loaders that they need."""
    if (whole and parts.keys() != loaders.keys()) or any(
        parts[name]["__loader__"] != loader for name, loader in loaders.items()
    ):
        refuse(f"a node is made of {', '.join(parts)}, which are not as they are written")


Look = Callable[[_Walk, Node, str, Place, int], None]
COMMON = frozenset({"__class__", "__id__", "__loader__", "__module__"})
CONTENT = COMMON | {"content"}
OBJECT_ARRAY = CONTENT | {"type", "shape"}
LOADERS: dict[str, tuple[frozenset[str], Look]] = {
    "BytesNode": (COMMON | {"file"}, _Walk.raw_bytes),
    "ConstructorFromReduceNode": (CONTENT, _Walk.constructed),
    "DTypeNode": (CONTENT, _Walk.dtype),
    "DefaultDictNode": (CONTENT, _Walk.default_dict),
    "DictNode": (CONTENT | {"key_types"}, _Walk.mapping),
    "FunctionNode": (COMMON, _Walk.function),
    "JsonNode": (CONTENT | {"is_json"}, _Walk.json_value),
    "ListNode": (CONTENT, _Walk.sequence),
    "LossNode": (CONTENT | {"__reduce__"}, _Walk.loss),
    "MaskedArrayNode": (CONTENT, _Walk.masked_array),
    "NdArrayNode": (COMMON | {"type", "file"}, _Walk.array),
    "ObjectNode": (CONTENT, _Walk.object),
    "PartialNode": (CONTENT, _Walk.partial),
    "RandomGeneratorNode": (CONTENT, _Walk.generator),
    "RandomStateNode": (CONTENT, _Walk.random_state),
    "SetNode": (CONTENT, _Walk.sequence),
    "SliceNode": (CONTENT, _Walk.slice_bounds),
    "SparseMatrixNode": (COMMON | {"type", "file"}, _Walk.sparse_matrix),
    "TreeNode": (CONTENT | {"__reduce__"}, _Walk.tree),
    "TupleNode": (CONTENT, _Walk.sequence),
    "TypeNode": (COMMON, _Walk.scalar_type),
}
