"""Signature: what a model takes and predicts, read from its whole training table."""

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, field_validator

from service.contract.errors import InputError, SignatureError
from service.contract.signature.feature import Feature
from service.contract.signature.output import Output
from service.contract.table import as_frame
from service.contract.text import printable, show

SHOWN_PROBLEMS = 20
SHOWN_FEATURES = 50  # with more, no similar name is looked for: it would take long


Columns = dict[str, list[Any]]
"""Checked columns of plain Python values, None if one is missing; in the order of training."""


class Signature(BaseModel):
    """A model's features, in the order of training, and its output.

    `container` says whether the estimator was fitted with a DataFrame or with an array. The
    columns of an array are called x0, x1, ….

    Examples
    --------
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
    container: Literal["frame", "array"] = "frame"

    @field_validator("features")
    @classmethod
    def _has_each_name_once(cls, features: list[Feature]) -> list[Feature]:
        if len({feature.name for feature in features}) != len(features):
            raise ValueError("a feature is listed twice")
        return features

    @classmethod
    def from_table(cls, X: pd.DataFrame | np.ndarray, output: Output) -> Self:
        """Describe a training table.

        Parameters
        ----------
        X : DataFrame or ndarray, shape (n_rows, n_features)
        output : Output

        Raises
        ------
        SignatureError
            A column's name or type cannot be served; the text says which.
        """
        table = as_frame(X)
        if not len(table) or not len(table.columns):
            raise SignatureError(f"The table has shape {table.shape}; it needs rows and columns.")
        for name in table.columns:
            if not isinstance(name, str) or not name:
                raise SignatureError(f"Column name {name!r} is not text. Rename the column first.")
        twice = table.columns[table.columns.duplicated()].tolist()
        if twice:
            raise SignatureError(f"Column {twice[0]!r} is there twice. Rename one of the two.")
        return cls(
            features=[Feature.from_column(name, table[name]) for name in table.columns],
            output=output,
            container="frame" if isinstance(X, pd.DataFrame) else "array",
        )

    @cached_property
    def names(self) -> list[str]:
        """The features' names, in the order of training."""
        return [feature.name for feature in self.features]

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)

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
            if name not in self._known:
                known = ", ".join(self.names)
                raise SignatureError(
                    f"`private` names {name!r}, which is not a feature. Features: {known}."
                )
        features = [f.model_copy(update={"private": f.name in private}) for f in self.features]
        return type(self)(features=features, output=self.output, container=self.container)

    def parse_rows(self, rows: Any) -> Columns:
        """Read ``[{feature: value}, …]`` into columns of checked values.

        Parameters
        ----------
        rows : list of dict, shape (n_rows,)

        Returns
        -------
        columns : dict of str to list, each of shape (n_rows,)

        Raises
        ------
        InputError
            Something does not fit; the text and the details name each feature and row.
        """
        if not isinstance(rows, list) or not rows:
            raise InputError(
                "In the body, `rows` must be a list of objects, at least one, with a value for "
                "each feature."
            )
        known = self._known
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                what = "of another kind" if self.private else show(row)
                raise InputError(f"Row {number} is {what}, but an object is expected.")
            if row.keys() != known:
                self._refuse_names(list(row), number)
        return self._checked({name: [row[name] for row in rows] for name in self.names})

    def parse_columns(self, columns: Any) -> Columns:
        """Read ``{feature: [value, …]}`` into columns of checked values, as `parse_rows` does."""
        if not isinstance(columns, dict) or not all(isinstance(c, list) for c in columns.values()):
            raise InputError(
                "In the body, `columns` must be an object with a list of values for each feature."
            )
        if columns.keys() != self._known:
            self._refuse_names(list(columns), None)
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) != 1 or not min(lengths.values()):
            raise InputError(f"All columns need the same number of rows, at least one: {lengths}.")
        return self._checked(columns)

    def parse_query(self, pairs: list[tuple[str, str]]) -> Columns:
        """Read the query of a URL as one row, as `parse_rows` does; an empty value is null."""
        texts = dict(pairs)
        if len(texts) < len(pairs):
            (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
            raise InputError(f"Feature {twice!r} is given twice. Give each feature once.")
        if texts.keys() != self._known:
            self._refuse_names(list(texts), None)
        return self._checked({f.name: [f.from_text(texts[f.name])] for f in self.features})

    def example(self, columns: Columns) -> dict[str, Any]:
        """Choose an example from rows of training: the first with the fewest missing values.

        The value of a private feature is replaced by one that tells nothing.

        Examples
        --------
        >>> from service.contract.table import as_columns
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
            feature.name: feature.placeholder() if feature.private else value
            for feature, value in zip(self.features, values, strict=True)
        }

    def shown(self) -> dict[str, Any]:
        """Return what everybody may see, for JSON: no values of private features."""
        content = self.model_dump(mode="json")
        for feature, shown in zip(self.features, content["features"], strict=True):
            shown["type"] = feature.json_type
            if feature.private:
                shown |= dict.fromkeys(("categories", "minimum", "maximum"))
        return content

    def logged(self, columns: Columns) -> Columns:
        """Return the columns of the features that are not private."""
        if not self.private:
            return columns
        return {name: values for name, values in columns.items() if name not in self.private}

    def marks(self, columns: Columns) -> dict[str, list[int]]:
        """Return the rows with unusual values by mark: ``unseen:sex``, ``out_of_range:year``."""
        marks = {}
        for feature in self.features:
            if feature.private:
                continue
            kind, rows = feature.unusual(columns[feature.name])
            if rows:
                marks[f"{kind}:{feature.name}"] = rows
        return marks

    def table(self, columns: Columns) -> pd.DataFrame | np.ndarray:
        """Turn checked columns into the container and the dtypes of training.

        Returns
        -------
        DataFrame or ndarray of shape (n_rows, n_features)
        """
        table = pd.DataFrame({f.name: f.column(columns[f.name]) for f in self.features})
        return table if self.container == "frame" else table.to_numpy()

    def _checked(self, columns: Columns) -> Columns:
        parsed: Columns = {}
        problems: list[dict[str, Any]] = []
        for feature in self.features:
            parsed[feature.name], wrong = feature.parse(columns[feature.name])
            problems += wrong
        if problems:
            sentences = [
                f"Feature {p['feature']!r} in row {p['row']} {p['problem']}" for p in problems
            ]
            raise self._refusal(sentences, problems)
        return parsed

    def _refuse_names(self, given: list[Any], row: int | None) -> None:
        problems: list[dict[str, Any]] = []
        present = set(given)
        missing = [name for name in self.names if name not in present]
        where = "" if row is None else f" in row {row}"
        meant = (missing or self.names) if len(self.names) <= SHOWN_FEATURES else []
        for name in map(printable, given):
            if name not in self._known:
                shown = len(problems) < SHOWN_PROBLEMS
                near = get_close_matches(name[:99], meant, n=1) if shown else []
                hint = f"; did you mean {near[0]!r}?" if near else ""
                problems.append({"feature": name, "row": row, "problem": f"is not known{hint}"})
        problems += [{"feature": n, "row": row, "problem": "is missing"} for n in missing]
        sentences = [f"Feature {p['feature']!r}{where} {p['problem']}" for p in problems]
        raise self._refusal(sentences, problems)

    def _refusal(self, sentences: list[str], problems: list[dict[str, Any]]) -> InputError:
        shown = [s if s.endswith("?") else f"{s}." for s in sentences[:3]]
        more = f" And {len(sentences) - 3} more." if len(sentences) > 3 else ""
        expected = ", ".join(feature.describe() for feature in self.features[:SHOWN_FEATURES])
        if len(self.features) > SHOWN_FEATURES:
            expected += f", and {len(self.features) - SHOWN_FEATURES} more"
        message = f"{' '.join(shown)}{more} Expected: {expected}."
        return InputError(message, problems[:SHOWN_PROBLEMS])
