"""Table: the forms in which people hold rows, and the one that is worked with.

A table of any form becomes a DataFrame whose columns have names of text, with NumPy's and pandas'
own types. `Form` says what it was, so that an estimator gets the form that it was fitted with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from service.contract.errors import SignatureError
from service.contract.text import printable, show

Form = Literal["frame", "array", "objects", "series", "vector", "list", "dicts"]
"""DataFrame; array of numbers; array of objects; texts as Series, array or list; list of dicts."""

# A half has three digits; requests have more. JSON has no more than a double's.
WIDENED = {np.dtype("float16"): "float32", np.dtype("longdouble"): "float64"}
TEXT = "text"  # the name of the only column, where a form has none


@dataclass(frozen=True, eq=False)
class Table:
    """Rows, in the form that they are worked with.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_features)
        Its rows are counted from 0, and its columns are called x0, x1, … if they had no names.
    form : Form
        What it was.
    named : bool
        Whether the columns had names; those of ``pd.DataFrame(array)``, 0, 1, …, are none.
    integer_names : bool
        Whether the columns of a DataFrame were called by integers.
    """

    frame: pd.DataFrame
    form: Form = "frame"
    named: bool = True
    integer_names: bool = False

    @classmethod
    def of(cls, X: Any) -> Self:
        """Read a table.

        Parameters
        ----------
        X : DataFrame, ndarray, Series or sequence
            A DataFrame of pandas or polars or a table of pyarrow, an array or lists of lists, all
            of shape (n_rows, n_features); texts as a list, array or Series, shape (n_rows,); or a
            list of dicts.

        Raises
        ------
        SignatureError
            `X` is none of these; the text says what it is, and what to do.

        Examples
        --------
        >>> table = Table.of([[1.0, 2.0], [3.0, 4.0]])
        >>> table.form, table.named, [*table.frame]
        ('array', False, ['x0', 'x1'])
        >>> Table.of(["a prize", "see you"]).frame
              text
        0  a prize
        1  see you
        """
        if isinstance(X, pd.DataFrame):
            return cls._of_frame(X)
        if isinstance(X, pd.Series):
            name = X.name if isinstance(X.name, str) and X.name else TEXT
            return cls(_own_types(_texts(X).rename(name).to_frame()), "series", named=False)
        if (frame := _of_another_library(X)) is not None:
            return cls._of_frame(frame)
        if hasattr(X, "tocsr"):
            raise SignatureError(
                f"X is a sparse {type(X).__name__} of shape {X.shape}, whose columns have no "
                "names and no types of their own. Put what made it, e.g. the vectorizer, into the "
                "pipeline, and pass what goes into that: make_pipeline(TfidfVectorizer(), …)."
            )
        if isinstance(X, Sequence) and not isinstance(X, str | bytes):
            return cls._of_sequence(X)
        return cls._of_array(np.asarray(X), X)

    @classmethod
    def _of_frame(cls, X: pd.DataFrame) -> Self:
        labels = [*X.columns]
        integers = bool(labels) and all(
            isinstance(label, int | np.integer) and not isinstance(label, bool) for label in labels
        )
        for label in labels:
            if not integers and (not isinstance(label, str) or not label):
                raise SignatureError(
                    f"Column name {label!r} is not text. Rename the columns first, e.g. "
                    "X.columns = ['_'.join(map(str, name)) for name in X.columns]."
                    if isinstance(label, tuple)
                    else f"Column name {label!r} is not text. Rename the column first, e.g. "
                    f"X.rename(columns={{{label!r}: 'name'}})."
                )
            if not integers:
                check_name(label, "Column name")
        frame = X.reset_index(drop=True)
        if integers:
            frame = frame.set_axis([str(label) for label in labels], axis="columns")
        twice = frame.columns[frame.columns.duplicated()].tolist()
        if twice:
            raise SignatureError(f"Column {twice[0]!r} is there twice. Rename one of the two.")
        named = not integers or labels != [*range(len(labels))]
        return cls(_own_types(frame), named=named, integer_names=integers)

    @classmethod
    def _of_sequence(cls, X: Sequence[Any]) -> Self:
        if len(X) and all(isinstance(row, Mapping) for row in X):
            frame = pd.DataFrame({str(name): _values(X, name) for name in _keys(X)})
            return cls(frame, "dicts")
        if _is_text(X):
            texts = pd.Series([*X], name=TEXT, dtype=object)
            return cls(texts.to_frame(), "list", named=False)
        array = as_objects(X)
        kinds = {type(value) for value in array.ravel().tolist()}
        numbers = all(issubclass(kind, bool | int | float | np.number | np.bool_) for kind in kinds)
        return cls._of_array(np.array(array.tolist()) if numbers else array, X)

    @classmethod
    def _of_array(cls, array: np.ndarray, X: Any) -> Self:
        is_text = array.dtype.kind in "UT"
        if array.ndim == 1 and len(array) and (is_text or _is_text(array.tolist())):
            texts = pd.Series(array.astype(object), name=TEXT, dtype=object)
            return cls(texts.to_frame(), "vector", named=False)
        if array.ndim != 2:
            raise SignatureError(
                "A table of shape (n_rows, n_features) is needed, not "
                f"{type(X).__name__} of shape {array.shape}. {_advice(X, array)}"
            )
        objects = array.dtype.kind == "O" or is_text
        frame = pd.DataFrame(
            {f"x{i}": pd.Series(array[:, i], dtype=object) for i in range(array.shape[1])}
            if objects
            else {f"x{i}": array[:, i] for i in range(array.shape[1])},
            index=range(len(array)),
        )
        return cls(frame, "objects" if objects else "array", named=False)


def _of_another_library(X: Any) -> pd.DataFrame | None:
    """Turn a DataFrame of polars, or a table of pyarrow, into one of pandas; else return None."""
    library = type(X).__module__.partition(".")[0]
    if library == "pyarrow" and hasattr(X, "to_pandas"):
        return pd.DataFrame(X.to_pandas())
    if library != "polars" or type(X).__name__ not in ("DataFrame", "LazyFrame"):
        return None
    X = X.lazy().collect()
    # Its own to_pandas needs pyarrow. A list keeps time zones, an array the size of numbers.
    for name, dtype in X.schema.items():
        if dtype.is_nested():
            raise SignatureError(
                f"Column {name!r} is {dtype}. Give each part a column of its own, e.g. by unnest."
            )
    columns = {
        name: X[name].to_list()
        if getattr(X.schema[name], "time_zone", None)
        else X[name].to_numpy()
        for name in X.columns
    }
    return pd.DataFrame(columns)


def _own_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace columns that are backed by Arrow or sparse: the API may have no library for them."""
    changed = {}
    for name, column in frame.items():
        if isinstance(column.dtype, pd.SparseDtype):
            changed[name] = column.sparse.to_dense()
        elif isinstance(column.dtype, pd.ArrowDtype):
            changed[name] = _of_arrow(column)
        elif isinstance(column.dtype, pd.DatetimeTZDtype):
            _check_zone(str(name), column)
        elif column.dtype in WIDENED:
            changed[name] = column.astype(WIDENED[column.dtype])
    return frame.assign(**changed) if changed else frame


def _check_zone(name: str, column: pd.Series) -> None:
    """Refuse a time zone without a name, such as dateutil's: nobody else could find it."""
    try:
        pd.api.types.pandas_dtype(str(column.dtype))
    except (TypeError, ValueError) as error:
        raise SignatureError(
            f"Column {name!r} has the time zone {column.dtype.tz}, which has no name. Give it one: "
            "X[…].dt.tz_convert('Europe/Madrid')."
        ) from error


def _of_arrow(column: pd.Series) -> pd.Series:
    """Turn a column that is backed by Arrow into the one that NumPy would have."""
    kind = column.dtype.numpy_dtype
    if kind.kind in "OUS":
        return pd.Series([None if value is pd.NA else value for value in column], dtype=None)
    if kind.kind == "M":
        return pd.Series(pd.to_datetime(column.astype(object).where(column.notna(), None)))
    if column.hasnans and kind.kind == "b":
        return column.astype(object).where(column.notna(), np.nan)
    return column.astype("float64" if column.hasnans and kind.kind in "iu" else kind)


def as_objects(X: Sequence[Any]) -> np.ndarray:
    """Turn a list of rows into an array of objects, so that each value keeps its type.

    Raises
    ------
    SignatureError
        It is no list of rows of one length; the text says what it is.

    Examples
    --------
    >>> as_objects([[1, 2.5], [True, "a"]])[1].tolist()
    [True, 'a']
    """
    rows = [row.to_list() if hasattr(row, "to_list") else row for row in X]
    if not rows:
        raise SignatureError("X has no rows.")
    if any(isinstance(row, str | bytes) or not hasattr(row, "__len__") for row in rows):
        raise SignatureError(
            f"X is a {type(X).__name__} of single values. Pass a list of rows, each a list or "
            "a dict: [[5.1, 3.5]] is one row of two columns."
        )
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise SignatureError(
            f"The rows of X have different lengths: {lengths}. "
            "Give each row a value for each column."
        )
    try:
        return np.array(rows, dtype=object)
    except ValueError as error:
        raise SignatureError(
            f"X is a {type(X).__name__} of {type(rows[0]).__name__}, which makes no table: {error}."
        ) from error


def _advice(X: Any, array: np.ndarray) -> str:
    """Say how to make a table of what is none."""
    if isinstance(X, str):
        return "Pass a list: [text]."
    if hasattr(X, "__next__"):
        return "Pass a list: list(X)."
    if array.dtype.names or isinstance(X, Mapping):
        return "Pass pd.DataFrame(X)."
    if array.ndim == 1 and len(array):
        return "Pass one row as X.reshape(1, -1), one column as X.reshape(-1, 1)."
    return "Pass a DataFrame."


def _texts(X: pd.Series) -> pd.Series:
    if not _is_text(X.tolist()):
        raise SignatureError(
            f"X is a Series of {X.dtype}. Pass a table with a column: X.to_frame()."
        )
    return X.reset_index(drop=True)


def _is_text(values: Sequence[Any]) -> bool:
    """Whether these are texts, of which some may be missing."""
    texts = [value for value in values if isinstance(value, str)]
    return bool(texts) and all(
        isinstance(v, str) or v is None or v is pd.NA or v != v for v in values
    )


def _keys(rows: Sequence[Mapping[Any, Any]]) -> list[Any]:
    """Return the keys of all rows, in the order in which they are first met."""
    keys = [*dict.fromkeys(key for row in rows for key in row)]
    for key in keys:
        check_name(str(key) if isinstance(key, int) else key, "Key")
    return keys


def _values(rows: Sequence[Mapping[Any, Any]], name: Any) -> pd.Series:
    return pd.Series([row.get(name) for row in rows], dtype=object)


def check_name(name: Any, what: str) -> None:
    """Refuse a name that a line of the log could not have."""
    if not isinstance(name, str) or not name:
        raise SignatureError(
            f"{what} {name!r} is not text with at least a letter. Rename it first."
        )
    if "\0" in name or printable(name) != name:
        raise SignatureError(
            f"{what} {show(name)} has a character that no file of text can hold. Rename it first."
        )
