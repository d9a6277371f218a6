"""Kind: what is the same for all kinds of features."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from service.contract.text import printable, show

if TYPE_CHECKING:
    from service.contract.signature.feature import Feature

NEVER_MISSING = "is null, but was never missing in training, and the model refuses it"
Value = bool | int | float | str
Marks = dict[str, list[int]]
"""Rows with unusual values, counted from 0, by what is unusual."""


@dataclass(frozen=True)
class Misfit:
    """A value that does not fit, in a parsed column; `words` say why."""

    words: str


class Kind:
    """One kind of feature. The arguments are always the feature, and values of it.

    `wanted` names a value in an error, and `json` is the type of a value in JSON.
    """

    wanted: ClassVar[str]
    json: ClassVar[str]

    def json_type(self, feature: "Feature") -> str:
        """Return the type of its values in JSON."""
        return self.json

    def describe(self, feature: "Feature") -> str:
        """Say in a few words what the feature takes."""
        return feature.kind

    def placeholder(self, feature: "Feature") -> Value:
        """Return a value that fits and tells nothing."""
        return 0

    def parse(self, feature: "Feature", values: list[Any]) -> list[Any]:
        """Turn JSON values, shape (n_rows,), into the kind's own type, with a `Misfit` for some."""
        read = self.read
        return [
            (None if feature.nullable else Misfit(NEVER_MISSING))
            if value is None
            else read(feature, value)
            for value in values
        ]

    def read(self, feature: "Feature", value: Any) -> Any:
        """Turn a JSON value that is not null into the kind's own type, or a `Misfit`."""
        raise NotImplementedError

    def from_text(self, feature: "Feature", text: str) -> Any:
        """Read a value from a URL; what cannot be read is returned as it is."""
        return text

    def column(self, feature: "Feature", values: list[Any]) -> pd.Series:
        """Turn checked values, shape (n_rows,), into a column with the dtype of training."""
        if feature.dtype == "object":
            return self.objects(feature, values)
        return pd.Series(pd.array(values, dtype=feature.dtype))

    def objects(self, feature: "Feature", values: list[Any]) -> pd.Series:
        """Put values into a column of objects; a missing one is what it was in training."""
        missing = None if feature.missing_is_none else np.nan
        return pd.Series([missing if value is None else value for value in values], dtype=object)

    def is_widened(self, feature: "Feature", values: list[Any]) -> bool:
        """Whether checked values need another dtype than training had."""
        return False

    def unusual(self, feature: "Feature", values: list[Any]) -> Marks:
        """Find checked values that training did not have, other than missing ones."""
        return {}

    def vary(
        self, feature: "Feature", values: list[Any], random: np.random.Generator, unseen: bool
    ) -> list[Any]:
        """Make values that are like some of training, shape (n_rows,); some unseen if wanted."""
        return values

    def other(self, feature: "Feature", value: Any, wanted: str = "") -> Misfit:
        """Say that a value is not of the expected kind."""
        shown = "of another kind" if feature.private else show(value)
        return Misfit(f"is {shown}, but {wanted or self.wanted} is expected")


def is_encodable(value: Any) -> bool:
    """Whether UTF-8 can encode a value, if it is text."""
    return not isinstance(value, str) or value.isascii() or printable(value) == value


def outside(values: list[Any], low: Any, high: Any) -> list[int]:
    """Find the rows whose values are below or above all of training; missing ones are not."""
    if low is None or high is None:
        return []
    if len(values) == 1:
        return [] if values[0] is None or low <= values[0] <= high else [0]
    if isinstance(low, str):
        return [
            row
            for row, value in enumerate(values)
            if value is not None and not low <= value <= high
        ]
    numbers = np.array(values, dtype=np.float64)  # None becomes NaN: neither below nor above
    return np.flatnonzero((numbers < low) | (numbers > high)).tolist()
