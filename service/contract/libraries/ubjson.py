"""UBJSON: read in Python the binary JSON in which XGBoost writes its models."""

from typing import Any

import numpy as np

DEPTH = 20  # values in values; XGBoost's own have 9
NUMBERS: dict[str, np.dtype[Any]] = {
    "i": np.dtype(">i1"),
    "U": np.dtype(">u1"),
    "I": np.dtype(">i2"),
    "l": np.dtype(">i4"),
    "L": np.dtype(">i8"),
    "d": np.dtype(">f4"),
    "D": np.dtype(">f8"),
}
CONSTANTS = {"Z": None, "T": True, "F": False}


def loads(content: bytes) -> Any:
    r"""Read a value; arrays of one type of number become arrays of NumPy.

    Raises
    ------
    ValueError
        The content is no UBJSON, or has something behind its end.

    Examples
    --------
    >>> loads(b"{U\x01aSU\x02hiU\x01b[$i#U\x02\x01\x02}")
    {'a': 'hi', 'b': array([1, 2], dtype=int8)}
    """
    reader = _Reader(content)
    value = reader.value(reader.tag(), 0)
    if reader.position != len(content):
        raise ValueError("something is behind its end")
    return value


class _Reader:
    """Reads one value after another."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.position = 0

    def value(self, tag: str, depth: int) -> Any:
        if depth > DEPTH:
            raise ValueError(f"it is nested deeper than {DEPTH} values")
        if tag in NUMBERS:
            return self._numbers(tag, 1)[0].item()
        if tag in CONSTANTS:
            return CONSTANTS[tag]
        if tag == "S":
            return self._text()
        if tag == "C":
            return self._take(1).decode("ascii")
        if tag == "[":
            return self._array(depth)
        if tag == "{":
            return self._object(depth)
        raise ValueError(f"{tag!r} begins no value")

    def tag(self) -> str:
        return self._take(1).decode("latin-1")

    def _array(self, depth: int) -> Any:
        kind, count = self._head()
        if kind is not None and count is not None and kind in NUMBERS:
            return self._numbers(kind, count).astype(NUMBERS[kind].newbyteorder("="))
        values: list[Any] = []
        while len(values) != count:
            tag = kind or self.tag()
            if count is None and tag == "]":
                break
            values.append(self.value(tag, depth + 1))
        return values

    def _object(self, depth: int) -> dict[str, Any]:
        kind, count = self._head()
        found: dict[str, Any] = {}
        while len(found) != count:
            if count is None and self._peek() == "}":
                self.tag()
                break
            key = self._text()
            if key in found:
                raise ValueError(f"it has {key!r} twice")
            found[key] = self.value(kind or self.tag(), depth + 1)
        return found

    def _head(self) -> tuple[str | None, int | None]:
        """Read the type and the number of what follows, where they are said once for all."""
        kind = count = None
        if self._peek() == "$":
            self.tag()
            kind = self.tag()
        if self._peek() == "#":
            self.tag()
            count = self._length()
        if kind is not None and (count is None or kind in CONSTANTS):
            raise ValueError("a type stands without a number of values")
        return kind, count

    def _text(self) -> str:
        return self._take(self._length()).decode()

    def _length(self) -> int:
        tag = self.tag()
        length = self.value(tag, 0) if tag in NUMBERS else None
        if not isinstance(length, int) or not 0 <= length <= len(self._content) - self.position:
            raise ValueError(f"{length} is no length here")
        return length

    def _numbers(self, kind: str, count: int) -> np.ndarray:
        return np.frombuffer(self._take(count * NUMBERS[kind].itemsize), NUMBERS[kind])

    def _peek(self) -> str:
        return self._content[self.position : self.position + 1].decode("latin-1")

    def _take(self, count: int) -> bytes:
        part = self._content[self.position : self.position + count]
        if len(part) != count:
            raise ValueError("it ends too early")
        self.position += count
        return part
