"""Numbers: floats, whole numbers, and true or false."""

from contextlib import suppress
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from service.contract.signature.kinds.kind import Kind, Marks, Misfit, Value, outside

if TYPE_CHECKING:
    from service.contract.signature.feature import Feature


LARGEST = {dtype: float(np.finfo(dtype).max) for dtype in ("float32", "float64")}


class Number(Kind):
    """A float."""

    wanted, json = "a number", "number"

    def parse(self, feature: "Feature", values: list[Any]) -> list[Any]:
        """Turn JSON numbers into floats."""
        is_usual = set(map(type, values)) == {float}
        if is_usual and sum(map(abs, values)) <= LARGEST.get(feature.dtype, LARGEST["float64"]):
            return values  # all fit if their sum does
        return super().parse(feature, values)

    def read(self, feature: "Feature", value: Any) -> Any:
        """Turn a JSON number into a float."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.other(feature, value)
        with suppress(OverflowError):
            if isfinite(value):
                largest = LARGEST.get(feature.dtype.lower(), inf)
                if abs(value) <= largest:
                    return float(value)
                return Misfit(f"is outside the range of {feature.dtype}")
        return Misfit("is not a finite number; send null for a missing value")

    def from_text(self, feature: "Feature", text: str) -> Any:
        """Read a number from a URL."""
        try:
            return float(text)
        except ValueError:
            return text

    def column(self, feature: "Feature", values: list[Any]) -> pd.Series:
        """Make a column of floats."""
        if feature.dtype.startswith("float"):
            return pd.Series(np.array(values, dtype=np.float64).astype(feature.dtype))
        return super().column(feature, values)

    def unusual(self, feature: "Feature", values: list[Any]) -> Marks:
        """Find numbers outside of training's range."""
        rows = outside(values, feature.minimum, feature.maximum)
        return {"out_of_range": rows} if rows else {}

    def vary(
        self, feature: "Feature", values: list[Any], random: np.random.Generator, unseen: bool
    ) -> list[Any]:
        """Move numbers by about a tenth of training's range."""
        low, high = _bounds(feature)
        shift = random.normal(scale=0.1 * (high - low), size=len(values)).tolist()
        return [v if v is None else v + s for v, s in zip(values, shift, strict=True)]


class Integer(Number):
    """A whole number; a `fractional` feature takes others, too."""

    wanted, json = "an integer", "integer"

    def json_type(self, feature: "Feature") -> str:
        """Return the type of its values in JSON."""
        return "number" if feature.fractional else "integer"

    def parse(self, feature: "Feature", values: list[Any]) -> list[Any]:
        """Turn JSON numbers into integers."""
        return Kind.parse(self, feature, values)

    def read(self, feature: "Feature", value: Any) -> Any:
        """Turn a JSON number into an integer, if it is whole."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.other(feature, value)
        if value != value or value in (inf, -inf):
            return self.other(feature, value, "a whole number")
        if value != int(value):
            return value if feature.fractional else self.other(feature, value, "a whole number")
        low, high = _range("object" if feature.fractional else feature.dtype)
        if not low <= value <= high:
            return Misfit(f"is outside the range of {feature.dtype}")
        return int(value)

    def from_text(self, feature: "Feature", text: str) -> Any:
        """Read a whole number from a URL."""
        try:
            return int(text)
        except ValueError:
            return super().from_text(feature, text)

    def column(self, feature: "Feature", values: list[Any]) -> pd.Series:
        """Make a column of integers; of floats where one is missing or not whole, as pandas does.

        pandas' own `Int64` holds a missing value beside integers.
        """
        if feature.dtype == "object":
            return self.objects(feature, values)
        dtype = "float64" if self.is_widened(feature, values) else feature.dtype
        if feature.dtype[0].isupper():
            nullable = "Float64" if dtype == "float64" else dtype
            return pd.Series(pd.array(values, dtype=nullable))
        # pandas' own way takes large unsigned integers for floats.
        return pd.Series(np.array(values, dtype=dtype))

    def is_widened(self, feature: "Feature", values: list[Any]) -> bool:
        """Whether values need floats: one is missing, not whole, or beyond the dtype of training.

        pandas' own `Int64` has a place for a missing one.
        """
        types = set(map(type, values))
        if feature.dtype[0].isupper() and feature.dtype != "object":
            types -= {type(None)}
        if not types <= {int}:
            return True
        low, high = _range(feature.dtype)
        whole = [value for value in values if value is not None]
        return bool(whole) and not low <= min(whole) <= max(whole) <= high

    def unusual(self, feature: "Feature", values: list[Any]) -> Marks:
        """Find numbers that are not whole, or outside of training's range."""
        marks = super().unusual(feature, values)
        if feature.fractional and (rows := [r for r, v in enumerate(values) if type(v) is float]):
            marks["not_whole"] = rows
        return marks

    def vary(
        self, feature: "Feature", values: list[Any], random: np.random.Generator, unseen: bool
    ) -> list[Any]:
        """Move integers within training's range; some are not whole, if they may be unseen."""
        low, high = _bounds(feature)
        moved = super().vary(feature, values, random, unseen)
        whole = [v if v is None else min(max(round(v), low), high) for v in moved]
        if not feature.fractional or not unseen:
            return whole
        parts = random.choice([0, 0.5], size=len(values)).tolist()
        return [v if v is None or not p else v + p for v, p in zip(whole, parts, strict=True)]


class Boolean(Kind):
    """True or false."""

    wanted, json = "true or false", "boolean"

    def placeholder(self, feature: "Feature") -> Value:
        """Return a value that fits and tells nothing."""
        return False

    def read(self, feature: "Feature", value: Any) -> Any:
        """Take a JSON boolean, or 0 or 1."""
        if type(value) in (bool, int, float) and value in (0, 1):
            return bool(value)
        return self.other(feature, value)

    def from_text(self, feature: "Feature", text: str) -> Any:
        """Read true or false from a URL, or 1 or 0."""
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)

    def column(self, feature: "Feature", values: list[Any]) -> pd.Series:
        """Make a column of booleans; of objects where one is missing, as pandas does."""
        if self.is_widened(feature, values):
            return self.objects(feature, values)
        return super().column(feature, values)

    def is_widened(self, feature: "Feature", values: list[Any]) -> bool:
        """Whether values need objects: one is missing, and the dtype has no place for it."""
        return feature.dtype == "bool" and None in values


def _bounds(feature: "Feature") -> tuple[Any, Any]:
    return feature.minimum or 0, feature.maximum or 0


def _range(dtype: str) -> tuple[int, int]:
    """Return the bounds of an integer dtype; objects have those of signed and unsigned ones."""
    if dtype == "object":
        return -(2**63), 2**64 - 1
    info = np.iinfo(dtype.lower())
    return int(info.min), int(info.max)
