"""Inventory: what was found in a model file so far, its names and its numbered nodes."""

from typing import Any

from service.contract.model_file import allow_list, own_code
from service.contract.model_file.archive import Archive, refuse

Node = dict[str, Any]


class Inventory:
    """The names and the nodes that a model file's tree has shown so far.

    Parameters
    ----------
    archive : Archive
        The file.

    Attributes
    ----------
    names : set of str
        Types and functions that are on the allow-list or the user's own.
    unlisted : set of str
        Those that are neither.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.names: set[str] = set()
        self.unlisted: set[str] = set()
        self._numbered: dict[int, Node] = {}
        self._leaves: dict[int, Node] = {}

    def is_same_as_before(self, node: Node) -> bool:
        """Whether a node is like the one that had its number before, if there was one."""
        first = self._numbered.setdefault(node["__id__"], node)
        return first is node or self._is_alike(first, node)

    def add_leaf(self, node: Node) -> None:
        """Keep a node that was looked at, and need not be again wherever it is."""
        self._leaves[node["__id__"]] = node

    def is_repeated_leaf(self, node: Node) -> bool:
        """Whether a leaf was looked at before. Of a forest's nodes, three in four were."""
        number = node.get("__id__")
        return (
            type(number) is int
            and self._leaves.get(number) == node
            and node.get("is_json", True) is True  # which 1 is equal to
        )

    def is_listed(self, name: str, names: frozenset[str], kind: type = type) -> bool:
        """Whether a name is on a list or the user's own; if it is neither, note or refuse it."""
        listed = name in names or own_code.defines(name, kind)
        if not listed and name in allow_list.ALLOWED:
            refuse(f"{name} is where it does not belong")
        (self.names if listed else self.unlisted).add(name)
        return listed

    def expect(self, name: str, expected: str) -> None:
        """Refuse any other name than the one that belongs here."""
        if name != expected:
            refuse(f"{name} is where {expected} belongs")
        self.names.add(name)

    def _is_alike(self, one: Any, other: Any) -> bool:
        """Whether two nodes are the same, except for the numbers and the names of files in them.

        An object that is held twice is written twice, with the same number. The parts that it
        returns for writing may be new each time.
        """
        if one is other:
            return True
        if type(one) is not type(other):
            return False
        if isinstance(one, dict):
            if [*one] != [*other]:
                return False
            for key, value in one.items():
                match = other[key]
                if key == "__id__" or (type(value) is type(match) is str and value == match):
                    continue
                if key == "file" and self.archive.is_same(value, match):
                    continue
                if not self._is_alike(value, match):
                    return False
            return True
        if isinstance(one, list):
            return len(one) == len(other) and all(map(self._is_alike, one, other))
        return bool(one == other)
