"""Feature: one column of a model's input, which values it takes and how they are read."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from service.contract.errors import SignatureError
from service.contract.text import printable, show

Kind = Literal["number", "integer", "boolean", "category"]
Value = bool | int | float | str


@dataclass(frozen=True)
class Misfit:
    """A value that does not fit, in a parsed column; `words` say why."""

    words: str


class Feature(BaseModel):
    """One column of the training table.

    `dtype` is the column's pandas dtype in training. The values of a request get the same, so
    that the estimator predicts on a table like the one it was fitted with. The values of a
    `private` feature, of training and of requests, are never logged, and never in a message.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    dtype: str
    nullable: bool
    categories: list[Value] | None = None
    minimum: float | int | None = None
    maximum: float | int | None = None
    private: bool = False

    @classmethod
    def from_column(cls, name: str, column: pd.Series) -> Self:
        """Describe a training column, shape (n_rows,)."""
        present = column.dropna()
        kind = _kind(name, column.dtype, present)
        categories = minimum = maximum = None
        if kind == "category":
            categories = sorted(
                present.unique().tolist(), key=lambda value: (str(type(value)), value)
            )
        elif kind != "boolean" and len(present):
            minimum, maximum = present.min().item(), present.max().item()
            if not isfinite(minimum) or not isfinite(maximum):
                raise SignatureError(
                    f"Feature {name!r} holds an infinite value. Replace it by a missing one first."
                )
        return cls(
            name=name,
            kind=kind,
            dtype="category"
            if isinstance(column.dtype, pd.CategoricalDtype)
            else str(column.dtype),
            nullable=len(present) < len(column),
            categories=categories,
            minimum=minimum,
            maximum=maximum,
        )

    @property
    def json_type(self) -> str:
        """The type of its values in JSON.

        Examples
        --------
        >>> Feature.from_column("size", pd.Series(["S", "M"])).json_type
        'string'
        """
        if self.kind == "category":
            return "integer" if int in self._category_types else "string"
        return self.kind

    def describe(self) -> str:
        """Say in a few words what the feature takes."""
        if self.kind == "category" and not self.private:
            shown = ", ".join(map(str, (self.categories or [])[:5]))
            words = f"category: {shown}" + (", …" if len(self.categories or []) > 5 else "")
        else:
            words = self.kind
        return f"{self.name} ({words}{', may be null' if self.nullable else ''})"

    def placeholder(self) -> Value | None:
        """Return a value that fits and tells nothing: null if it may be, else one of its kind.

        Examples
        --------
        >>> Feature.from_column("size", pd.Series([2, 6])).placeholder()
        0
        """
        if self.nullable:
            return None
        kinds: dict[str, Value] = {"string": "string", "boolean": False}
        return kinds.get(self.json_type, 0)

    def parse(self, values: list[Any]) -> tuple[list[Any], list[dict[str, Any]]]:
        """Check JSON values, and turn them into the feature's own type.

        Parameters
        ----------
        values : list, shape (n_rows,)

        Returns
        -------
        values : list, shape (n_rows,)
            float, int, bool or str by kind; None if one is missing.
        problems : list of dict
            One entry for each row that does not fit, counted from 0.

        Examples
        --------
        >>> Feature.from_column("size", pd.Series([2.0, 6.0])).parse([3, "big"])[1]
        [{'feature': 'size', 'row': 1, 'problem': "is 'big', but a number is expected"}]
        """
        if self.kind == "number" and set(map(type, values)) == {float} and isfinite(sum(values)):
            return values, []  # the usual case: all are finite if their sum is
        parsed = [self._read(value) for value in values]
        if Misfit not in set(map(type, parsed)):
            return parsed, []
        return parsed, [
            {"feature": self.name, "row": row, "problem": value.words}
            for row, value in enumerate(parsed)
            if type(value) is Misfit
        ]

    def _read(self, value: Any) -> Any:
        if (problem := self._problem(value)) is not None:
            return Misfit(problem)
        if value is None or self.kind in ("category", "boolean"):
            return value
        return float(value) if self.kind == "number" else int(value)

    def _problem(self, value: Any) -> str | None:
        """Say what is wrong with a value; None if it fits."""
        if value is None:
            return None if self.nullable else "is null, but was never missing in training"
        if self.kind == "category":
            if type(value) in self._category_types:
                if isinstance(value, int) and not -(2**63) <= value < 2**64:
                    return "is outside the range of 64 bits"
                return None if _encodable(value) else "is not valid Unicode text"
            if self.private:
                return self._other(value, "text" if self.json_type == "string" else "an integer")
            known = self.categories or []
            return self._other(value, f"a category such as {known[0]!r}")
        if self.kind == "boolean":
            return None if isinstance(value, bool) else self._other(value, "true or false")
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self._other(value, _article(self.kind))
        if self.kind == "number":
            try:
                finite = isfinite(value)
            except OverflowError:
                finite = False
            return None if finite else "is not a finite number; send null for a missing value"
        if value != value or value in (inf, -inf) or value != int(value):
            return self._other(value, "a whole number")
        low, high = _integer_range(self.dtype)
        return None if low <= value <= high else f"is outside the range of {self.dtype}"

    def _other(self, value: Any, wanted: str) -> str:
        """Say that a value is not of the expected kind."""
        return f"is {'of another kind' if self.private else show(value)}, but {wanted} is expected"

    def column(self, values: list[Any]) -> pd.Series:
        """Turn checked values, shape (n_rows,), into a column with the dtype of training."""
        if self.kind == "number" and self.dtype.startswith("float"):
            return pd.Series(np.array(values, dtype=np.float64).astype(self.dtype))
        if self.dtype == "category":
            known = self.categories or []
            unseen = [v for v in dict.fromkeys(values) if v is not None and v not in self._seen]
            return pd.Series(pd.Categorical(values, categories=[*known, *unseen]))
        if self.dtype == "object":
            return pd.Series([np.nan if value is None else value for value in values], dtype=object)
        return pd.Series(pd.array(values, dtype=self.dtype))

    def from_text(self, text: str) -> Any:
        """Read a value from a URL; an empty one is null.

        What cannot be read is returned as it is, so that `parse` can name it.
        """
        if text == "":
            return None
        if self.kind == "boolean":
            return {"true": True, "false": False}.get(text.lower(), text)
        if self.json_type == "string":
            return text
        for number in (float,) if self.kind == "number" else (int, float):
            with suppress(ValueError):
                return number(text)
        return text

    def unusual(self, values: list[Any]) -> tuple[Literal["unseen", "out_of_range"], list[int]]:
        """Find values that training did not have.

        Parameters
        ----------
        values : list, shape (n_rows,)
            Checked ones.

        Returns
        -------
        mark : "unseen" or "out_of_range"
            A category that was not in training, or a number outside its range.
        rows : list of int
        """
        if self.kind == "category":
            seen = self._seen
            return "unseen", [row for row, value in enumerate(values) if value not in seen]
        low, high = self.minimum, self.maximum
        if low is None or high is None:
            return "out_of_range", []
        if len(values) == 1:
            outside = [] if values[0] is None or low <= values[0] <= high else [0]
        else:
            numbers = np.array(
                values, dtype=np.float64
            )  # None becomes NaN, which is neither below nor above
            outside = np.flatnonzero((numbers < low) | (numbers > high)).tolist()
        return "out_of_range", outside

    @cached_property
    def _seen(self) -> frozenset[Value | None]:
        return frozenset([None, *(self.categories or ())])

    @cached_property
    def _category_types(self) -> frozenset[type]:
        return frozenset(map(type, self.categories or ()))


def _kind(name: str, dtype: Any, present: pd.Series) -> Kind:
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(dtype):
        return "integer"
    if pd.api.types.is_float_dtype(dtype):
        return "number"
    types = {type(value) for value in present}
    if types == {bool}:
        return "boolean"
    if types == {str} or (isinstance(dtype, pd.CategoricalDtype) and types == {int}):
        return "category"
    if not types:
        raise SignatureError(f"Feature {name!r} has no value at all. Drop the column first.")
    found = ", ".join(sorted(t.__name__ for t in types))
    raise SignatureError(
        f"Feature {name!r} (dtype {dtype}) holds {found}; a feature must be all numbers, "
        "all true or false, or all text. Convert the column first."
    )


def _integer_range(dtype: str) -> tuple[int, int]:
    info = np.iinfo(dtype.lower())
    return int(info.min), int(info.max)


def _article(kind: Kind) -> str:
    return "an integer" if kind == "integer" else f"a {kind}"


def _encodable(value: Any) -> bool:
    return not isinstance(value, str) or value.isascii() or printable(value) == value
