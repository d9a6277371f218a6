"""Datatypes: the kinds of value that a tensor of the Open Inference Protocol holds."""

import struct
from dataclasses import dataclass
from math import inf, nextafter
from typing import Any

import numpy as np

from service.contract.errors import InputError
from service.contract.text import show

LENGTH = struct.Struct("<I")  # stands before each text of a binary tensor


@dataclass(frozen=True)
class Datatype:
    r"""One of the protocol's datatypes.

    Parameters
    ----------
    name : str
    holds : str
        Its values in words.
    plain : type
        What a value of it is in Python.
    dtype : numpy dtype, optional
        How it lies in a binary tensor; None for text, which has no fixed size.
    low, high : int or float
        The bounds of a number.

    Examples
    --------
    >>> DATATYPES["INT8"].check("age", [30, None, 7.0])
    [30, None, 7]
    >>> DATATYPES["FP32"].from_bytes("'size'", b"\0\0\x80?", 1)
    [1.0]
    >>> DATATYPES["BYTES"].to_bytes(["red"])
    b'\x03\x00\x00\x00red'
    """

    name: str
    holds: str
    plain: type
    dtype: np.dtype | None = None
    low: float = -inf
    high: float = inf

    def check(self, feature: str, values: list[Any], private: bool = False) -> list[Any]:
        """Return a feature's JSON values, shape (n_rows,), if each is of this datatype or null.

        A value of a `private` feature is not repeated in the text of an error.

        Raises
        ------
        InputError
            Names the feature and row of the first that is not.
        """
        types = set(map(type, values))
        alike = types == {self.plain} or (self.plain is float and types == {int, float})
        if alike and (self.high == inf or self.low <= min(values) <= max(values) <= self.high):
            return values
        return [
            value if value is None else self._read(feature, row, value, private)
            for row, value in enumerate(values)
        ]

    def from_bytes(self, tensor: str, data: bytes, count: int) -> list[Any]:
        """Read a binary tensor of `count` values; NaN is a missing value.

        Raises
        ------
        InputError
            The bytes are not that many values of this datatype.
        """
        if self.dtype is None:
            return _texts(tensor, data, count)
        if len(data) != count * self.dtype.itemsize:
            raise InputError(
                f"Input {tensor} has {len(data)} bytes, but {count} values of {self.name} "
                f"are {count * self.dtype.itemsize}."
            )
        if self.plain is bool and data.strip(b"\0\1"):
            raise InputError(f"Input {tensor} has a byte that is neither 0 (false) nor 1 (true).")
        array = np.frombuffer(data, self.dtype)
        values: list[Any] = array.tolist()
        if self.plain is float and np.isnan(array).any():
            return [None if value != value else value for value in values]
        return values

    def to_bytes(self, values: Any) -> bytes:
        """Write a binary tensor, shape (n_values,)."""
        if self.dtype is not None:
            return np.asarray(values, self.dtype).tobytes()
        texts = [value.encode() for value in values]
        return b"".join(part for text in texts for part in (LENGTH.pack(len(text)), text))

    def _read(self, feature: str, row: int, value: Any, private: bool) -> Any:
        if not self._fits(value):
            shown = "of another kind" if private else show(value)
            raise InputError(
                f"Feature {feature!r} in row {row} is {shown}, but {self.name} holds {self.holds}."
            )
        return value if self.plain is float else self.plain(value)

    def _fits(self, value: Any) -> bool:
        if self.plain is str:
            return isinstance(value, str)
        if self.plain is bool:
            return type(value) in (bool, int) and 0 <= value <= 1
        if type(value) not in (int, float):
            return False
        if self.plain is int:
            return bool(self.low <= value <= self.high and value == int(value))
        return not self.high < abs(value) < inf  # what is not finite is left to the signature


def _texts(tensor: str, data: bytes, count: int) -> list[Any]:
    """Read texts, each after its length in bytes."""
    texts, place = [], 0
    for row in range(count):
        start = place + LENGTH.size
        if start > len(data):
            raise InputError(f"Input {tensor} ends before its text {row} of {count}.")
        place = start + LENGTH.unpack_from(data, place)[0]
        if place > len(data):
            raise InputError(f"Input {tensor} ends within its text {row}.")
        try:
            texts.append(data[start:place].decode())
        except UnicodeDecodeError as error:
            raise InputError(f"Input {tensor} has a text, {row}, that is not UTF-8.") from error
    if place < len(data):
        raise InputError(f"Input {tensor} has {len(data) - place} bytes after its {count} texts.")
    return texts


def _integer(name: str) -> Datatype:
    dtype = np.dtype(name.lower()).newbyteorder("<")
    info = np.iinfo(dtype)
    low, high = int(info.min), int(info.max)
    return Datatype(name, f"whole numbers from {low} to {high}", int, dtype, low, high)


def _float(name: str, dtype: str, beyond: float) -> Datatype:
    """Describe floats; `beyond` is the least number that rounds to infinity."""
    high = nextafter(beyond, 0) if beyond < inf else inf
    holds = "numbers" if high == inf else f"numbers up to {np.finfo(dtype).max}"
    return Datatype(name, holds, float, np.dtype(dtype), -high, high)


DATATYPES = {
    each.name: each
    for each in [
        Datatype("BOOL", "true, false, 1 or 0", bool, np.dtype("?")),
        *(_integer(f"{sign}INT{bits}") for sign in ("U", "") for bits in (8, 16, 32, 64)),
        _float("FP16", "<f2", 65520.0),
        _float("FP32", "<f4", 2.0**128 - 2.0**103),
        _float("FP64", "<f8", inf),
        Datatype("BYTES", "text", str),
    ]
}
