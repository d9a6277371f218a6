"""Handover: a model passes from the process that validated it to the worker, piece by piece.

A large forest is never there twice. What is sent leaves the one process as it arrives in the
other: first everything small, then one array or decision tree after the other. And each piece is
small, because whoever unpickles one holds Python's lock, and all requests wait for it.
"""

import pickle
import struct
from collections.abc import Iterator
from functools import partial
from io import BufferedReader, BufferedWriter, BytesIO
from multiprocessing.connection import Connection
from typing import Any, BinaryIO

import numpy as np
from sklearn.tree._tree import Tree

from service.api.registry import free_memory
from service.contract.predictors.decision_trees import NODE_BYTES

SIZE = struct.Struct("!Q")
APART_BYTES = 2**14  # what is smaller is quicker to send with everything else


class Parcel:
    """What is to be sent; it lets go of each piece as soon as that is sent.

    Parameters
    ----------
    value : object
        Its arrays and decision trees stay where they are until they are sent. Whoever else holds
        it keeps them in memory.

    Raises
    ------
    Exception
        It cannot be pickled. Nothing was sent yet.
    """

    def __init__(self, value: Any) -> None:
        self._head, self._arrays, trees = _taken_apart(value)
        self._trees = [*trees.values()]

    def send(self, to: Connection) -> None:
        """Send everything."""
        unfreed = 0
        with open(to.fileno(), "wb", closefd=False) as pipe:
            for sent in self._pieces(pipe):
                unfreed += sent
                if unfreed > free_memory.WORTH_BYTES:
                    free_memory.give_back()
                    unfreed = 0

    def _pieces(self, pipe: BufferedWriter) -> Iterator[int]:
        """Send one piece after the other; yield how many bytes it had, once it is gone."""
        yield from _send(pipe, self._head, self._arrays)
        self._trees.reverse()
        while self._trees:
            head, arrays, _ = _taken_apart(self._trees.pop().__reduce__()[2])
            yield from _send(pipe, head, arrays)


def receive(results: Connection) -> Any:
    """Return what a parcel held, the only one that came through this pipe.

    Raises
    ------
    EOFError
        The sender ended before it had sent everything.
    """
    with open(results.fileno(), "rb", closefd=False) as pipe:
        trees: list[Tree] = []
        value = _received(pipe, trees)
        for tree in trees:
            tree.__setstate__(_received(pipe, []))
    return value


class _Pickler(pickle.Pickler):
    """Leaves large decision trees out: each is named by its number, and what it is made of."""

    def __init__(self, file: BinaryIO, arrays: list[pickle.PickleBuffer]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL, buffer_callback=partial(_stays, arrays))
        self.trees: dict[int, Tree] = {}
        self._numbers: dict[int, int] = {}

    def persistent_id(self, obj: Any) -> Any:
        if type(obj) is not Tree or obj.node_count * NODE_BYTES < APART_BYTES:
            return None
        self.trees[id(obj)] = obj
        number = self._numbers.setdefault(id(obj), len(self._numbers))
        return number, obj.__reduce__()[1]


def _stays(arrays: list[pickle.PickleBuffer], array: pickle.PickleBuffer) -> bool:
    """Whether an array stays with what holds it; if it does not, it is added to a list."""
    if array.raw().nbytes < APART_BYTES:
        return True
    arrays.append(array)
    return False


class _Unpickler(pickle.Unpickler):
    """Makes an empty decision tree for each that was left out."""

    def __init__(self, head: bytes, arrays: Iterator[np.ndarray], trees: list[Tree]) -> None:
        super().__init__(BytesIO(head), buffers=arrays)
        self._trees = trees

    def persistent_load(self, pid: Any) -> Tree:
        number, arguments = pid
        if number == len(self._trees):
            self._trees.append(Tree(*arguments))
        return self._trees[number]


def _taken_apart(value: Any) -> tuple[bytes, list[pickle.PickleBuffer], dict[int, Tree]]:
    """Return an object's pickle without its large arrays and decision trees, and these."""
    head, arrays = BytesIO(), list[pickle.PickleBuffer]()
    pickler = _Pickler(head, arrays)
    pickler.dump(value)
    return head.getvalue(), arrays, pickler.trees


def _send(pipe: BufferedWriter, head: bytes, arrays: list[pickle.PickleBuffer]) -> Iterator[int]:
    pipe.write(SIZE.pack(len(head)) + head)
    yield len(head)
    arrays.reverse()
    while arrays:
        with arrays.pop().raw() as content:
            sent = content.nbytes
            pipe.write(SIZE.pack(sent))
            pipe.write(content)
        del content
        yield sent


def _received(pipe: BufferedReader, trees: list[Tree]) -> Any:
    return _Unpickler(_block(pipe).tobytes(), _blocks(pipe), trees).load()


def _blocks(pipe: BufferedReader) -> Iterator[np.ndarray]:
    while True:
        yield _block(pipe)


def _block(pipe: BufferedReader) -> np.ndarray:
    """Read the size of a piece, and the piece."""
    size = pipe.read(SIZE.size)
    if len(size) == SIZE.size:
        (count,) = SIZE.unpack(size)
        block = np.empty(count, np.uint8)
        if pipe.readinto(block.data) == count:
            return block
    raise EOFError("the sender ended in the middle")
