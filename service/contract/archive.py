"""Archive: the zip that a model file is, a tree of nodes with its arrays beside it."""

import json
import re
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from typing import Any, NoReturn
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from skops.io._protocol import PROTOCOL

from service.contract.errors import ArtifactError
from service.contract.feature import sentence

SCHEMA = "schema.json"
NAMES = re.compile(r"schema\.json|[0-9]+\.np[yz]|[0-9a-f-]{36}\.bin")
SPARSE_BYTES = 2**30  # what one sparse matrix, the only thing that is compressed, may unpack to
READ_HEADER: dict[tuple[int, int], Callable[[BytesIO], Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def refuse(reason: str) -> NoReturn:
    """Raise ArtifactError, with a reason that ends without a full stop."""
    raise ArtifactError(
        f"The model file is refused: {sentence(reason)}. Publish again, without it."
    )


class Archive:
    """The members of a model file, bounded and each of them used.

    Nothing but sparse matrices is compressed, so that a small file stays small.

    Raises
    ------
    ArtifactError
        Its members are not those that skops writes.
    """

    def __init__(self, content: bytes) -> None:
        self._zip = ZipFile(BytesIO(content))
        members = self._zip.infolist()
        names = [member.filename for member in members]
        for name, count in Counter(names).items():
            if count > 1 or not NAMES.fullmatch(name):
                refuse(f"it has the member {name!r} {count} times")
        stored = all(
            each.compress_type == ZIP_STORED and not each.flag_bits & 1 for each in members
        )
        if not stored or sum(each.file_size for each in members) > len(content):
            refuse("it unpacks to more than it holds")
        self._unused = {*names}

    def schema(self) -> dict[str, Any]:
        """Give the root of the tree."""
        root: dict[str, Any] = json.loads(self._read(SCHEMA))
        protocol, version = root.pop("protocol", None), root.pop("_skops_version", None)
        if type(protocol) is not int or protocol != PROTOCOL or not isinstance(version, str):
            refuse(f"its protocol is not {PROTOCOL}")
        return root

    def check_array(self, name: Any) -> None:
        """Check that a member is an array of plain values, as long as it says."""
        _check_array(self._read(name, ".npy"))

    def array(self, name: Any) -> np.ndarray:
        """Give an array, which is one of plain values."""
        array: np.ndarray = np.load(BytesIO(self._read(name, ".npy")), allow_pickle=False)
        return array

    def check_sparse(self, name: Any) -> None:
        """Check the arrays that make up a sparse matrix."""
        with ZipFile(BytesIO(self._read(name, ".npz"))) as arrays:
            if sum(member.file_size for member in arrays.infolist()) > SPARSE_BYTES:
                refuse(f"{name} unpacks to more than {SPARSE_BYTES} bytes")
            for member in arrays.infolist():
                _check_array(arrays.read(member))

    def check_bytes(self, name: Any) -> None:
        """Check that there is such a member."""
        self._read(name, ".bin")

    def is_same(self, one: Any, other: Any) -> bool:
        """Say whether two members hold the same."""
        if not isinstance(one, str) or not isinstance(other, str):
            return False
        return one == other or self._zip.read(one) == self._zip.read(other)

    def check_all_used(self) -> None:
        """Check that no member is left that no node names."""
        if self._unused:
            refuse(f"no node names its member {min(self._unused)!r}")

    def _read(self, name: Any, ending: str = "") -> bytes:
        if not isinstance(name, str) or not name.endswith(ending):
            refuse(f"a node names the file {name!r}, where one ending in {ending} belongs")
        self._unused.discard(name)
        return self._zip.read(name)


def _check_array(content: bytes) -> None:
    stream = BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version not in READ_HEADER:
        refuse(f"an array is written in NumPy's format {version}")
    shape, _, dtype = READ_HEADER[version](stream)
    count = 1
    for length in shape:
        count *= length
    if dtype.hasobject or min(shape, default=0) < 0:
        refuse("an array holds objects")
    if count * dtype.itemsize != len(content) - stream.tell() or (count and not dtype.itemsize):
        refuse("an array is longer or shorter than it says")
