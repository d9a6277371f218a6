"""Signature: what a model takes and gives, read from its whole training table."""

import math
from difflib import get_close_matches
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from service.contract.errors import InputError, SignatureError

Kind = Literal["number", "integer", "boolean", "category"]
Value = bool | int | float | str
SHOWN_PROBLEMS = 20


class Feature(BaseModel):
    """One column of the training table.

    `dtype` is the pandas dtype to which a request's values are brought back, so
    that the estimator meets the table that it was trained with.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    dtype: str
    nullable: bool
    categories: list[Value] | None = None
    minimum: float | int | None = None
    maximum: float | int | None = None

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
            if not math.isfinite(minimum) or not math.isfinite(maximum):
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

    def describe(self) -> str:
        """Say in a few words what the feature accepts."""
        if self.kind == "category":
            shown = ", ".join(map(str, (self.categories or [])[:5]))
            words = f"category: {shown}" + (", …" if len(self.categories or []) > 5 else "")
        else:
            words = self.kind
        return f"{self.name} ({words}{', may be null' if self.nullable else ''})"

    def parse(self, values: list[Any]) -> tuple[pd.Series | None, list[dict[str, Any]]]:
        """Bring JSON values back to the training dtype.

        Returns
        -------
        column : Series of shape (n_rows,), or None where there are problems
        problems : list of dict
            One entry a row that does not fit, rows counted from 0.
        """
        wrong = [
            {"feature": self.name, "row": row, "problem": problem}
            for row, value in enumerate(values)
            if (problem := self._problem(value)) is not None
        ]
        return (None, wrong) if wrong else (self._column(values), [])

    def _problem(self, value: Any) -> str | None:
        """Say what is wrong with one value, or None."""
        if value is None:
            return None if self.nullable else "is null, but was never missing in training"
        if self.kind == "category":
            known = self.categories or []
            if type(value) in {type(category) for category in known}:
                return None if _encodable(value) else "is not valid Unicode text"
            return f"is {_show(value)}, but a category such as {known[0]!r} is expected"
        if self.kind == "boolean":
            return (
                None
                if isinstance(value, bool)
                else f"is {_show(value)}, but true or false is expected"
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"is {_show(value)}, but {_article(self.kind)} is expected"
        if self.kind == "number":
            try:
                finite = math.isfinite(value)
            except OverflowError:
                finite = False
            return None if finite else "is not a finite number; send null where a value is missing"
        if value != value or value in (math.inf, -math.inf) or value != int(value):
            return f"is {_show(value)}, but a whole number is expected"
        low, high = _integer_range(self.dtype)
        return None if low <= value <= high else f"is outside the range of {self.dtype}"

    def _column(self, values: list[Any]) -> pd.Series:
        if self.kind == "number":
            if self.dtype.startswith("float"):
                return pd.Series(np.array(values, dtype=np.float64).astype(self.dtype))
            return pd.Series(pd.array(values, dtype=self.dtype))
        if self.kind == "integer":
            whole = [value if value is None else int(value) for value in values]
            return pd.Series(pd.array(whole, dtype=self.dtype))
        if self.dtype == "category":
            known = self.categories or []
            unseen = [v for v in dict.fromkeys(values) if v is not None and v not in set(known)]
            return pd.Series(pd.Categorical(values, categories=[*known, *unseen]))
        if self.dtype == "object":
            return pd.Series([np.nan if value is None else value for value in values], dtype=object)
        return pd.Series(pd.array(values, dtype=self.dtype))

    def from_text(self, text: str) -> Any:
        """Read a value as a URL carries it; an empty one is null.

        What cannot be read comes back as it is, so that `parse` can name it.
        """
        if text == "":
            return None
        if self.kind == "boolean":
            return {"true": True, "false": False}.get(text.lower(), text)
        if self.kind == "category":
            return next((value for value in self.categories or [] if str(value) == text), text)
        try:
            return int(text)
        except ValueError:
            pass
        try:
            return float(text)
        except ValueError:
            return text

    def marks(self, column: pd.Series) -> list[set[int]]:
        """Rows with an unseen category, and rows out of the trained range."""
        present = column.notna()
        if self.kind == "category":
            unseen = present & ~column.isin(self.categories or [])
            return [set(np.flatnonzero(unseen)), set()]
        if self.kind == "boolean" or self.minimum is None:
            return [set(), set()]
        outside = present & ((column < self.minimum) | (column > self.maximum)).fillna(False)
        return [set(), set(np.flatnonzero(outside))]


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
                raise InputError(f"Row {number} is {_show(row)}, but an object is expected.")
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
        for name in map(_printable, given):
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
    return not isinstance(value, str) or _printable(value) == value


def _printable(text: str) -> str:
    """Replace what UTF-8 cannot carry, e.g. half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode()


def _show(value: Any) -> str:
    """Show a value in a sentence, shortened, as JSON can carry it."""
    text = _printable(repr(value))
    return text if len(text) <= 60 else f"{text[:60]}…"
