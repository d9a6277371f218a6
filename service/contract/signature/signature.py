"""Signature: what a model takes and predicts, read from its whole training table."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, field_validator

from service.contract.errors import SignatureError
from service.contract.signature.container import TEXTS, Columns, fill
from service.contract.signature.feature import Feature
from service.contract.signature.output import Output
from service.contract.signature.reading import read_columns, read_query, read_rows
from service.contract.signature.refusal import SHOWN_FEATURES, listed
from service.contract.table import Form, Table
from service.contract.text import show

__all__ = ["Columns", "Signature"]


class Signature(BaseModel):
    """A model's features, in the order of training, and its output.

    `container` says in which form the estimator was fitted, and `integer_names` whether the columns
    of its DataFrame were called by integers. The columns of an array are called x0, x1, ….

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"size": [1.0, 2.5], "colour": ["red", None]})
    >>> signature = Signature.from_table(table, Output(task="regression"))
    >>> [feature.describe() for feature in signature.features]
    ['size (number)', 'colour (category: red, may be null)']
    >>> signature.parse_rows([{"size": 2, "colour": "blue"}])
    {'size': [2.0], 'colour': ['blue']}
    """

    model_config = ConfigDict(frozen=True)

    features: list[Feature]
    output: Output
    container: Form = "frame"
    integer_names: bool = False

    @field_validator("features")
    @classmethod
    def _has_each_name_once(cls, features: list[Feature]) -> list[Feature]:
        if len({feature.name for feature in features}) != len(features):
            raise ValueError("a feature is listed twice")
        return features

    @classmethod
    def from_table(cls, X: Any, output: Output, kinds: Mapping[str, str] | None = None) -> Self:
        """Describe a training table.

        Parameters
        ----------
        X : Table, or what `Table.of` reads; shape (n_rows, n_features)
        output : Output
        kinds : mapping of str to str, optional
            "text" or "category" for columns of text, where `column.describe` would not say so.

        Raises
        ------
        SignatureError
            A column's name or type cannot be served; the text says which.
        """
        table = X if isinstance(X, Table) else Table.of(X)
        if not isinstance(kinds, Mapping | None):
            raise SignatureError(
                f"`kinds` is {show(kinds)}; a dict is expected, such as {{'note': 'text'}}."
            )
        frame, kinds = table.frame, dict(kinds or {})
        if not len(frame) or not len(frame.columns):
            raise SignatureError(f"The table has shape {frame.shape}; it needs rows and columns.")
        if table.form in TEXTS:
            kinds = dict.fromkeys(frame.columns, "text") | kinds
        for name in kinds:
            if name not in frame.columns:
                shown = ", ".join(frame.columns[:SHOWN_FEATURES])
                raise SignatureError(
                    f"`kinds` names {name!r}, which is not a feature. Features: {shown}."
                )
        return cls(
            features=[Feature.from_column(n, frame[n], kinds.get(n)) for n in frame.columns],
            output=output,
            container=table.form,
            integer_names=table.integer_names,
        )

    @cached_property
    def names(self) -> list[str]:
        """The features' names, in the order of training."""
        return [feature.name for feature in self.features]

    @cached_property
    def known(self) -> frozenset[str]:
        """The features' names, in no order."""
        return frozenset(self.names)

    @cached_property
    def is_numbered(self) -> bool:
        """Whether the columns of the DataFrame were called 0, 1, …, and so had no names."""
        return self.integer_names and self.names == [str(n) for n in range(len(self.names))]

    @cached_property
    def is_nameless(self) -> bool:
        """Whether it was fitted without names, and so takes columns by their order."""
        return self.container in ("array", "objects") or self.is_numbered

    @cached_property
    def private(self) -> frozenset[str]:
        """The names of the private features."""
        return frozenset(feature.name for feature in self.features if feature.private)

    def keep_private(self, names: Iterable[str]) -> Self:
        """Return the signature with these features private: neither logged nor shown over HTTP.

        Raises
        ------
        SignatureError
            There is no such feature.
        """
        private = [names] if isinstance(names, str) else [*names]
        for name in private:
            if name not in self.known:
                raise SignatureError(
                    f"`private` names {name!r}, which is not a feature. Features: "
                    f"{listed(self.features)}."
                )
        features = [f.model_copy(update={"private": f.name in private}) for f in self.features]
        return self.with_features(features)

    def with_features(self, features: list[Feature]) -> Self:
        """Return the signature with other features."""
        return type(self)(**{**dict(self), "features": features})

    def parse_rows(self, rows: Any) -> Columns:
        """Read ``[{feature: value}, …]`` into columns of checked values.

        Parameters
        ----------
        rows : list of dict, shape (n_rows,); or list of list, in the order of training

        Returns
        -------
        columns : dict of str to list, each of shape (n_rows,)

        Raises
        ------
        InputError
            Something does not fit; the text and the details name each feature and row.
        """
        return read_rows(self, rows)

    def parse_columns(self, columns: Any) -> Columns:
        """Read ``{feature: [value, …]}`` into columns of checked values, as `parse_rows` does.

        A list of lists holds the columns in the order of training.
        """
        return read_columns(self, columns)

    def parse_query(self, pairs: list[tuple[str, str]]) -> Columns:
        """Read the query of a URL as one row, as `parse_rows` does; an empty value is null."""
        return read_query(self, pairs)

    def example(self, columns: Columns) -> dict[str, Any]:
        """Choose an example from rows of training: the first with the fewest missing values.

        The value of a private feature, and free text, is replaced by one that tells nothing.

        Examples
        --------
        >>> import pandas as pd
        >>> from service.contract.json_columns import as_columns
        >>> table = pd.DataFrame({"size": [1.0, 2.5], "colour": [None, "red"]})
        >>> signature = Signature.from_table(table, Output(task="regression"))
        >>> signature.example(as_columns(table))
        {'size': 2.5, 'colour': 'red'}
        >>> signature.keep_private("size").example(as_columns(table))
        {'size': 0, 'colour': 'red'}
        """
        rows = zip(*(columns[name] for name in self.names), strict=True)
        values = min(rows, key=lambda row: row.count(None))
        return {
            feature.name: feature.placeholder()
            if feature.private or feature.kind == "text"
            else value
            for feature, value in zip(self.features, values, strict=True)
        }

    def shown(self) -> dict[str, Any]:
        """Return what everybody may see, for JSON; see `Feature.shown`."""
        return {
            **self.model_dump(mode="json", exclude={"features"}),
            "features": [feature.shown() for feature in self.features],
        }

    def logged(self, columns: Columns) -> Columns:
        """Return the columns of the features that are not private."""
        if not self.private:
            return columns
        return {name: values for name, values in columns.items() if name not in self.private}

    def marks(self, columns: Columns) -> dict[str, list[int]]:
        """Return the rows with unusual values by mark: ``unseen:sex``, ``out_of_range:year``."""
        marks = {}
        for feature in self.features:
            if not feature.private and (found := feature.unusual(columns[feature.name])):
                for kind, rows in found.items():
                    marks[f"{kind}:{feature.name}"] = rows
        return marks

    @cached_property
    def widening(self) -> list[str]:
        """The features whose column may get another dtype than in training; see `widened`."""
        return [feature.name for feature in self.features if feature.is_widening]

    def widened(self, columns: Columns) -> frozenset[str]:
        """Find the features whose column of these values gets another dtype than in training.

        An integer column with a missing value, or one that is not whole, is a column of floats.

        Examples
        --------
        >>> import pandas as pd
        >>> size = Feature.from_column("size", pd.Series([1, 2]))
        >>> taken = size.model_copy(update={"nullable": True, "never_missing": True})
        >>> signature = Signature(features=[taken], output=Output(task="regression"))
        >>> signature.widened({"size": [3, None]})
        frozenset({'size'})
        """
        return frozenset(
            feature.name
            for feature in self.features
            if feature.is_widening and feature.is_widened(columns[feature.name])
        )

    def alike(self, tables: Iterable[Columns]) -> list[list[int]]:
        """Part tables, counted from 0, so that none changes the dtypes of another one's columns.

        Each part may be predicted as one table: every row gets what it would get alone.

        Examples
        --------
        >>> import pandas as pd
        >>> size = Feature.from_column("size", pd.Series([1, 2]))
        >>> taken = size.model_copy(update={"nullable": True, "never_missing": True})
        >>> signature = Signature(features=[taken], output=Output(task="regression"))
        >>> signature.alike([{"size": [3]}, {"size": [None]}, {"size": [5]}])
        [[0, 2], [1]]
        """
        parts: dict[frozenset[str], list[int]] = {}
        for place, columns in enumerate(tables):
            parts.setdefault(self.widened(columns), []).append(place)
        return [*parts.values()]

    def table(self, columns: Columns) -> Any:
        """Turn checked columns into the form and the dtypes of training; see `container.fill`."""
        return fill(self.container, self.features, columns, self.integer_names)
