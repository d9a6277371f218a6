"""Labels: categories, and text that has too many values to be one."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from service.contract.signature.kinds.kind import Kind, Marks, Misfit, Value, is_encodable
from service.contract.text import shortened, show

if TYPE_CHECKING:
    from service.contract.signature.feature import Feature

DESCRIBED = 5  # categories named in an error
JSON = {str: "string", int: "integer", float: "number", bool: "boolean"}
PLACEHOLDERS: dict[str, Value] = {"string": "string", "boolean": False}


class Category(Kind):
    """One of the values that training had, or a new one of their type."""

    def json_type(self, feature: "Feature") -> str:
        """Return the type of its values in JSON."""
        types = feature.category_types
        return next((name for kind, name in JSON.items() if kind in types), "string")

    def describe(self, feature: "Feature") -> str:
        """Name the first categories."""
        known = feature.categories or []
        if feature.private or not known:
            return feature.kind
        shown = ", ".join(shortened(each) for each in known[:DESCRIBED])
        return f"category: {shown}" + (", …" if len(known) > DESCRIBED else "")

    def placeholder(self, feature: "Feature") -> Value:
        """Return a value that fits and tells nothing."""
        return PLACEHOLDERS.get(self.json_type(feature), 0)

    def read(self, feature: "Feature", value: Any) -> Any:
        """Take a value of the categories' type."""
        if type(value) in feature.category_types:
            if isinstance(value, int) and not -(2**63) <= value < 2**64:
                return Misfit("is outside the range of 64 bits")
            return value if is_encodable(value) else Misfit("is not valid Unicode text")
        if float in feature.category_types and type(value) is int:
            return float(value)
        if int in feature.category_types and type(value) is float and value.is_integer():
            return int(value)  # pandas made floats of them, because one was missing
        if feature.private:
            types = {"string": "text", "integer": "an integer", "number": "a number"}
            return self.other(feature, value, types.get(self.json_type(feature), "true or false"))
        known = feature.categories or []
        return self.other(
            feature, value, f"a category such as {show(known[0])}" if known else "text"
        )

    def from_text(self, feature: "Feature", text: str) -> Any:
        """Read a category from a URL."""
        kind = self.json_type(feature)
        if kind == "string":
            return text
        if kind == "boolean":
            return {"true": True, "false": False}.get(text.lower(), text)
        for number in (int, float) if kind == "integer" else (float,):
            with suppress(ValueError):
                return number(text)
        return text

    def column(self, feature: "Feature", values: list[Any]) -> pd.Series:
        """Make a column of categories; one that training did not have is added."""
        if feature.dtype != "category":
            return super().column(feature, values)
        unseen = [v for v in dict.fromkeys(values) if v is not None and v not in feature.seen]
        return pd.Series(pd.Categorical(values, categories=[*(feature.categories or ()), *unseen]))

    def unusual(self, feature: "Feature", values: list[Any]) -> Marks:
        """Find categories that training did not have."""
        seen = feature.seen
        rows = [row for row, value in enumerate(values) if value not in seen]
        return {"unseen": rows} if rows else {}

    def vary(
        self, feature: "Feature", values: list[Any], random: np.random.Generator, unseen: bool
    ) -> list[Any]:
        """Draw categories again."""
        known = [*(feature.categories or [])]
        if unseen and known and type(known[0]) is not bool:
            known.append(type(known[0])("987654321"))
        return [known[i] for i in random.integers(len(known), size=len(values))] or values


class Text(Kind):
    """Any text; what training had is neither kept nor shown."""

    wanted, json = "text", "string"

    def placeholder(self, feature: "Feature") -> Value:
        """Return a value that fits and tells nothing."""
        return "text"

    def read(self, feature: "Feature", value: Any) -> Any:
        """Take text that UTF-8 can encode."""
        if not isinstance(value, str):
            return self.other(feature, value)
        return value if is_encodable(value) else Misfit("is not valid Unicode text")

    def vary(
        self, feature: "Feature", values: list[Any], random: np.random.Generator, unseen: bool
    ) -> list[Any]:
        """Mix the words of two texts, with one that no training has if wanted."""
        mixed = []
        for text, place in zip(values, random.integers(len(values), size=len(values)), strict=True):
            words = [*(text or "").split(), *(values[place] or "").split()]
            chosen = [
                word
                for word, kept in zip(words, random.random(len(words)) < 0.5, strict=True)
                if kept
            ]
            mixed.append(" ".join([*chosen, "qxzwvk"] if unseen else chosen) or text)
        return mixed
