"""Feature: one column of a model's input, which values it takes and how they are read."""

from functools import cached_property
from typing import Any, Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict

from service.contract.signature.column import Described, describe
from service.contract.signature.kinds import KINDS
from service.contract.signature.kinds.kind import Kind, Marks, Misfit, Value
from service.contract.text import shortened

KindName = Literal["number", "integer", "boolean", "category", "text", "datetime", "timedelta"]
SHOWN_CATEGORIES = 100
LONGEST_SHOWN = 100  # characters of a category


class Feature(BaseModel):
    """One column of the training table.

    `dtype` is the column's pandas dtype in training. The values of a request get the same, so
    that the estimator predicts on a table like the one it was fitted with. A `nullable` feature
    may be missing; `never_missing` says that it never was in training, and the estimator answers
    all the same. Likewise an integer may be `fractional`. The values of a `private` feature, of
    training and of requests, are never logged, and never in a message.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: KindName
    dtype: str
    nullable: bool
    never_missing: bool = False
    missing_is_none: bool = False  # in a column of objects; otherwise it is NaN
    fractional: bool = False
    categories: list[Value] | None = None
    minimum: float | int | str | None = None
    maximum: float | int | str | None = None
    private: bool = False

    @classmethod
    def from_column(cls, name: str, column: pd.Series, kind: str | None = None) -> Self:
        """Describe a training column, shape (n_rows,).

        Parameters
        ----------
        name : str
        column : Series of shape (n_rows,)
        kind : str, optional
            "text" or "category", for a column of text.

        Raises
        ------
        SignatureError
            No kind has such values; the text says which values.

        Examples
        --------
        >>> Feature.from_column("size", pd.Series([2.0, None])).kind
        'number'
        >>> Feature.from_column("when", pd.to_datetime(pd.Series(["2024-02-03"]))).minimum
        '2024-02-03T00:00:00'
        """
        described: Described = describe(name, column, kind)
        return cls.model_validate({"name": name, **described})

    @cached_property
    def _kind(self) -> Kind:
        return KINDS[self.kind]

    @property
    def json_type(self) -> str:
        """The type of its values in JSON.

        Examples
        --------
        >>> Feature.from_column("size", pd.Series(["S", "M"])).json_type
        'string'
        """
        return self._kind.json_type(self)

    @property
    def has_zone(self) -> bool:
        """Whether its moments have a time zone."""
        return "," in self.dtype

    @property
    def is_hidden(self) -> bool:
        """Whether no value of training may be shown."""
        return self.private or self.kind == "text"

    @property
    def is_plain(self) -> bool:
        """Whether its values are float64."""
        return self.kind == "number" and self.dtype == "float64"

    @property
    def is_widening(self) -> bool:
        """Whether some of its values need another dtype than training had."""
        return (self.never_missing or self.fractional) and self.kind in ("integer", "boolean")

    def is_widened(self, values: list[Any]) -> bool:
        """Whether checked values need another dtype than training had."""
        return self._kind.is_widened(self, values)

    def describe(self) -> str:
        """Say in a few words what the feature takes."""
        missing = ", may be null" if self.nullable and not self.never_missing else ""
        return f"{self.name} ({self._kind.describe(self)}{missing})"

    def placeholder(self) -> Value | None:
        """Return a value that fits and tells nothing: null if it was so, else one of its kind.

        Examples
        --------
        >>> Feature.from_column("size", pd.Series([2, 6])).placeholder()
        0
        """
        if self.nullable and not self.never_missing:
            return None
        return self._kind.placeholder(self)

    def shown(self) -> dict[str, Any]:
        """Return what everybody may see, for JSON: no private values, and no long lists."""
        content = self.model_dump(mode="json") | {"type": self.json_type}
        if self.private:
            return content | dict.fromkeys(("categories", "minimum", "maximum"))
        if self.categories is not None:
            content["categories"] = [
                shortened(each, LONGEST_SHOWN) if isinstance(each, str) else each
                for each in self.categories[:SHOWN_CATEGORIES]
            ]
            content["category_count"] = len(self.categories)
        return content

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
        parsed = self._kind.parse(self, values)
        if parsed is values or Misfit not in set(map(type, parsed)):
            return parsed, []
        return parsed, [
            {"feature": self.name, "row": row, "problem": value.words}
            for row, value in enumerate(parsed)
            if type(value) is Misfit
        ]

    def column(self, values: list[Any]) -> pd.Series:
        """Turn checked values, shape (n_rows,), into a column with the dtype of training."""
        return self._kind.column(self, values)

    def from_text(self, text: str) -> Any:
        """Read a value from a URL; an empty one is null.

        What cannot be read is returned as it is, so that `parse` can name it.
        """
        return None if text == "" else self._kind.from_text(self, text)

    def unusual(self, values: list[Any]) -> Marks:
        """Find values that training did not have.

        Parameters
        ----------
        values : list, shape (n_rows,)
            Checked ones.

        Returns
        -------
        marks : dict of str to list of int
            The rows by what is unusual: "unseen" (a category), "out_of_range", "not_whole" or
            "missing".

        Examples
        --------
        >>> Feature.from_column("size", pd.Series([2.0, 6.0])).unusual([3.0, 7.0])
        {'out_of_range': [1]}
        """
        marks = self._kind.unusual(self, values)
        if self.never_missing and None in values:
            marks["missing"] = [row for row, value in enumerate(values) if value is None]
        return marks

    def vary(self, values: list[Any], random: Any, unseen: bool) -> list[Any]:
        """Make checked values that are like some of training.

        Parameters
        ----------
        values : list, shape (n_rows,)
        random : numpy Generator
        unseen : bool
            Whether values that training did not have are among them.

        Returns
        -------
        values : list, shape (n_rows,)
            One is missing in a tenth of the rows, if one may be.
        """
        varied = self._kind.vary(self, values, random, unseen)
        missing = random.random(len(values)) < (0.1 if self.nullable else 0)
        return [None if m else v for v, m in zip(varied, missing, strict=True)]

    @cached_property
    def seen(self) -> frozenset[Value | None]:
        """The categories of training, and None."""
        return frozenset([None, *(self.categories or ())])

    @cached_property
    def category_types(self) -> frozenset[type]:
        """The types of the categories."""
        return frozenset(map(type, self.categories or ())) or frozenset([str])
