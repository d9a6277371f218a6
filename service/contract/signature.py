"""Signature: what a model takes and gives, read from its whole training table."""

from difflib import get_close_matches
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from service.contract.errors import InputError, SignatureError
from service.contract.feature import Feature, Value, printable, show

SHOWN_PROBLEMS = 20


class Output(BaseModel):
    """What a model gives: a class or a number, and whether probabilities come with it."""

    model_config = ConfigDict(frozen=True)

    task: Literal["classification", "regression"]
    classes: list[Value] | None = None
    probabilities: bool = False

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Read the output of a fitted estimator."""
        classes = getattr(estimator, "classes_", None)
        if classes is None:
            return cls(task="regression")
        if isinstance(classes, list):
            raise SignatureError(
                "The estimator predicts several targets at once; publish one model a target."
            )
        return cls(
            task="classification",
            classes=np.asarray(classes).tolist(),
            probabilities=hasattr(estimator, "predict_proba"),
        )


class Signature(BaseModel):
    """A model's features, in the order of training, and its output.

    `container` says whether the estimator was fitted with a DataFrame or with a
    plain array; an array's columns are called x0, x1, ….

    Examples
    --------
    >>> table = pd.DataFrame({"size": [1.0, 2.5], "colour": ["red", None]})
    >>> signature = Signature.from_table(table, Output(task="regression"))
    >>> [feature.describe() for feature in signature.features]
    ['size (number)', 'colour (category: red, may be null)']
    >>> signature.parse_rows([{"size": 2, "colour": "blue"}])
       size colour
    0   2.0   blue
    """

    model_config = ConfigDict(frozen=True)

    features: list[Feature]
    output: Output
    container: Literal["frame", "array"] = "frame"

    @classmethod
    def from_table(cls, X: pd.DataFrame | np.ndarray, output: Output) -> Self:
        """Describe a training table, shape (n_rows, n_features).

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

    @property
    def names(self) -> list[str]:
        """The features' names, in the order of training."""
        return [feature.name for feature in self.features]

    def parse_rows(self, rows: Any) -> pd.DataFrame:
        """Read ``[{feature: value}, …]`` into a table of shape (n_rows, n_features).

        Raises
        ------
        InputError
            Names each feature and row that does not fit.
        """
        if not isinstance(rows, list) or not rows:
            raise InputError(
                "In the body, `rows` must be a list of at least one object with a value a feature."
            )
        known = set(self.names)
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                raise InputError(f"Row {number} is {show(row)}, but an object is expected.")
            if row.keys() != known:
                self._refuse_names(list(row), number)
        return self._table({name: [row[name] for row in rows] for name in self.names})

    def parse_columns(self, columns: Any) -> pd.DataFrame:
        """Read ``{feature: [value, …]}`` into a table of shape (n_rows, n_features)."""
        if not isinstance(columns, dict) or not all(isinstance(c, list) for c in columns.values()):
            raise InputError(
                "In the body, `columns` must be an object with a list of values a feature."
            )
        if columns.keys() != set(self.names):
            self._refuse_names(list(columns), None)
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) != 1 or not min(lengths.values()):
            raise InputError(f"All columns need the same number of rows, at least one: {lengths}.")
        return self._table(columns)

    def parse_query(self, pairs: list[tuple[str, str]]) -> pd.DataFrame:
        """Read a URL's query, one row; an empty value is null."""
        texts = dict(pairs)
        if len(texts) < len(pairs):
            twice = next(name for name in texts if sum(name == other for other, _ in pairs) > 1)
            raise InputError(f"Feature {twice!r} is given twice. Give each feature once.")
        if texts.keys() != set(self.names):
            self._refuse_names(list(texts), None)
        return self._table({f.name: [f.from_text(texts[f.name])] for f in self.features})

    def marks(self, table: pd.DataFrame) -> list[list[str]]:
        """List, for each row, what is unusual: ``unseen:sex``, ``out_of_range:year``."""
        marks: list[list[str]] = [[] for _ in range(len(table))]
        for feature in self.features:
            unseen, outside = feature.marks(table[feature.name])
            for row in unseen:
                marks[row].append(f"unseen:{feature.name}")
            for row in outside:
                marks[row].append(f"out_of_range:{feature.name}")
        return marks

    def for_estimator(self, table: pd.DataFrame) -> pd.DataFrame | np.ndarray:
        """Give the table in the container that the estimator was fitted with."""
        return table if self.container == "frame" else table.to_numpy()

    def _table(self, columns: dict[str, list[Any]]) -> pd.DataFrame:
        parsed: dict[str, pd.Series] = {}
        problems: list[dict[str, Any]] = []
        for feature in self.features:
            column, wrong = feature.parse(columns[feature.name])
            problems += wrong
            if column is not None:
                parsed[feature.name] = column
        if problems:
            sentences = [
                f"Feature {p['feature']!r} in row {p['row']} {p['problem']}" for p in problems
            ]
            raise self._refusal(sentences, problems)
        return pd.DataFrame(parsed)

    def _refuse_names(self, given: list[Any], row: int | None) -> None:
        problems: list[dict[str, Any]] = []
        missing = [name for name in self.names if name not in given]
        where = "" if row is None else f" in row {row}"
        for name in map(printable, given):
            if name not in self.names:
                near = get_close_matches(name, missing or self.names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                problems.append({"feature": name, "row": row, "problem": f"is not known{hint}"})
        problems += [{"feature": n, "row": row, "problem": "is missing"} for n in missing]
        sentences = [f"Feature {p['feature']!r}{where} {p['problem']}" for p in problems]
        raise self._refusal(sentences, problems)

    def _refusal(self, sentences: list[str], problems: list[dict[str, Any]]) -> InputError:
        shown = [s if s.endswith("?") else f"{s}." for s in sentences[:3]]
        more = f" And {len(sentences) - 3} more." if len(sentences) > 3 else ""
        expected = ", ".join(feature.describe() for feature in self.features)
        message = f"{' '.join(shown)}{more} Expected: {expected}."
        return InputError(message, problems[:SHOWN_PROBLEMS])


def as_frame(X: pd.DataFrame | np.ndarray) -> pd.DataFrame:
    """Give a table a DataFrame's shape; an array's columns become x0, x1, ….

    Raises
    ------
    SignatureError
        `X` is not a table of shape (n_rows, n_features).
    """
    if isinstance(X, pd.DataFrame):
        return X.reset_index(drop=True)
    array = np.asarray(X)
    if array.ndim != 2:
        raise SignatureError(
            f"A table of shape (n_rows, n_features) is needed, not {type(X).__name__} "
            f"of shape {array.shape}."
        )
    return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])


def as_columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Turn a table into JSON columns: plain Python values, None where one is missing."""
    return {
        str(name): column.astype(object).where(column.notna(), None).tolist()
        for name, column in table.items()
    }
