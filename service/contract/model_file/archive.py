"""Archive: the zip file that a model file is, with a tree of nodes and its arrays."""

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from io import SEEK_CUR, SEEK_END, BytesIO
from struct import Struct
from typing import Any, BinaryIO, Literal, NoReturn
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo
from zlib import crc32

import numpy as np
from skops.io._protocol import PROTOCOL

from service.contract.errors import ArtifactError
from service.contract.text import sentence, show

SCHEMA = "schema.json"
NAMES = re.compile(r"schema\.json|[0-9]+\.np[yz]|[0-9a-f-]{36}\.bin")
SPARSE_BYTES = 2**30  # of all sparse matrices, unpacked; nothing else is compressed
LOCAL_HEADER = Struct("<4s22xHH")  # its signature, and the lengths of name and extra field
READ_HEADER: dict[tuple[int, int], Callable[[BytesIO], Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
MAGIC = 8  # bytes at the beginning of an array
LENGTH = {(1, 0): 2, (2, 0): 4}  # bytes that say how long its header is


Shape = tuple[int, ...]
Order = Literal["C", "F"]


def refuse(reason: str) -> NoReturn:
    """Raise ArtifactError for a reason, which has no full stop at its end."""
    raise ArtifactError(
        f"The model file is refused: {sentence(reason)}. Publish again, without it."
    )


class Archive:
    """The members of a model file, limited in size; each must be used.

    Only sparse matrices are compressed, so a small file stays small.

    Each byte is read once, here: so what is checked is what is built, whoever writes into the file
    meanwhile. And the file is not in memory beside its members, each of which can go by itself.

    Parameters
    ----------
    file : binary file
        It is not needed any more afterwards.

    Raises
    ------
    ArtifactError
        Its members are not those that skops writes.
    """

    def __init__(self, file: BinaryIO) -> None:
        size = file.seek(0, SEEK_END)
        with ZipFile(file) as archive:
            members = archive.infolist()
            self._check_members(members, size)
            self._contents = {each.filename: _content(file, each) for each in members}
        self._unused = {*self._contents}
        self._stored_bytes, self._sparse_bytes = size, SPARSE_BYTES  # that may be built
        self._built: set[int] = set()
        self._sizes: dict[str, int] = {}
        self._digests: dict[str, bytes] = {}
        self._schema: dict[str, Any] | None = None

    @staticmethod
    def _check_members(members: list[ZipInfo], size: int) -> None:
        names = [member.filename for member in members]
        for name, count in Counter(names).items():
            if count > 1 or not NAMES.fullmatch(name):
                refuse(f"it has the member {name!r} {count} times")
        stored = all(
            each.compress_type == ZIP_STORED and not each.flag_bits & 1 for each in members
        )
        if not stored or sum(each.file_size for each in members) > size:
            refuse("its members unpack to more than its own size")

    def schema(self) -> dict[str, Any]:
        """Return the root of the tree, of which there is one."""
        if self._schema is None:
            root = json.loads(self.read(SCHEMA))
            protocol, version = root.pop("protocol", None), root.pop("_skops_version", None)
            if type(protocol) is not int or protocol != PROTOCOL or not isinstance(version, str):
                refuse(f"its protocol is not {PROTOCOL}")
            self._schema = root
        return self._schema

    def check_array(self, name: Any, number: int) -> None:
        """Check that a member is an array of plain values, and has the length that it states.

        skops reads it again for each `number` of a node that names it.
        """
        if self._size(name, ".npy") is None:
            content = self.read(name)
            _check_array(content)
            self._sizes[name] = len(content)
        self._count(name, number)

    def array(self, name: Any) -> np.ndarray:
        """Return an array of plain values, which was checked before."""
        return read_array(self.read(name))

    def check_sparse(self, name: Any, number: int) -> None:
        """Check the arrays of a sparse matrix."""
        if self._size(name, ".npz") is None:
            with ZipFile(BytesIO(self.read(name))) as arrays:
                size = sum(member.file_size for member in arrays.infolist())
                if size > SPARSE_BYTES:
                    refuse(f"{name} unpacks to more than {SPARSE_BYTES} bytes")
                for member in arrays.infolist():
                    _check_array(arrays.read(member))
            self._sizes[name] = size
        self._count(name, number)

    def check_bytes(self, name: Any, number: int) -> None:
        """Check that there is such a member."""
        if self._size(name, ".bin") is None:
            self._sizes[name] = len(self.read(name))
        self._count(name, number)

    def _size(self, name: Any, ending: str) -> int | None:
        """Return the unpacked size of a member; None if it was not checked yet."""
        if not isinstance(name, str) or not name.endswith(ending):
            refuse(f"a node names the file {show(name)}, where one ending in {ending} belongs")
        return self._sizes.get(name)

    def _count(self, name: str, number: int) -> None:
        """Count the bytes that are built from a member, once for each node's number."""
        if number in self._built:
            return
        self._built.add(number)
        if name.endswith(".npz"):
            self._sparse_bytes -= self._sizes[name]
        else:
            self._stored_bytes -= self._sizes[name]
        if min(self._stored_bytes, self._sparse_bytes) < 0:
            refuse(f"its nodes unpack {name} and others to more than it may hold")

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether two members have the same content."""
        if not isinstance(one, str) or not isinstance(other, str):
            return False
        return one == other or self._digest(one) == self._digest(other)

    def _digest(self, name: str) -> bytes:
        if name not in self._digests:
            self._digests[name] = sha256(self._contents[name]).digest()
        return self._digests[name]

    def check_all_used(self) -> None:
        """Check that each member is named by a node."""
        if self._unused:
            refuse(f"no node uses its member {min(self._unused)!r}")

    def read(self, name: str) -> bytes:
        """Return the content of a member."""
        self._unused.discard(name)
        return self._contents[name]

    def clear(self) -> None:
        """Let go of the members; those that somebody has read stay with them."""
        self._contents.clear()
        self._schema = None


def _content(file: BinaryIO, member: ZipInfo) -> bytes:
    """Return what a stored member holds as `ZipFile.read` does, which takes six times as long."""
    file.seek(member.header_offset)
    signature, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    is_there = signature == b"PK\3\4" and file.read(name) == member.filename.encode()
    file.seek(extra, SEEK_CUR)
    content = file.read(member.file_size)
    if not is_there or len(content) != member.file_size or crc32(content) != member.CRC:
        raise BadZipFile(f"{member.filename} is damaged")
    return content


def read_array(content: bytes) -> np.ndarray:
    """Return an array of plain values as `numpy.load` does, which compiles each header anew.

    Examples
    --------
    >>> file = BytesIO()
    >>> np.save(file, [[1, 2], [3, 4]])
    >>> read_array(file.getvalue()).tolist()
    [[1, 2], [3, 4]]
    """
    shape, order, dtype, start = _described(content)
    return np.ndarray(shape, dtype, content, start, order=order).copy("K")


def _check_array(content: bytes) -> None:
    shape, _, dtype, start = _described(content)
    count = 1
    for length in shape:
        count *= length
    if dtype.hasobject or min(shape, default=0) < 0:
        refuse("an array holds objects")
    if count * dtype.itemsize != len(content) - start or (count and not dtype.itemsize):
        refuse("an array is longer or shorter than it says")


def _described(content: bytes) -> tuple[Shape, Order, np.dtype[Any], int]:
    """Return an array's shape, order and dtype, and where its values begin."""
    version = np.lib.format.read_magic(BytesIO(content))
    if version not in READ_HEADER:
        refuse(f"an array is written in NumPy's format {version}")
    start = MAGIC + LENGTH[version]
    end = start + int.from_bytes(content[MAGIC:start], "little")
    return *_header(version, content[MAGIC:end]), end


@lru_cache(10_000)  # the arrays of many trees have the same few headers, which NumPy compiles
def _header(version: tuple[int, int], content: bytes) -> tuple[Shape, Order, np.dtype[Any]]:
    shape, is_fortran, dtype = READ_HEADER[version](BytesIO(content))
    return shape, "F" if is_fortran else "C", dtype
