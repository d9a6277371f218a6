"""CSV file: where its records begin and end, and a range of them as a table.

A line end inside quotation marks ends no record. So a file is looked through once, from its first
byte, before it is cut.
"""

import csv
import warnings
from collections.abc import Collection, Iterator
from io import BytesIO, StringIO
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pandas as pd

from service.contract.errors import ScoringError
from service.contract.signature.feature import Feature
from service.contract.signature.frame import Refused
from service.lab.score.data.parts import BYTES, Piece, rows_of_part
from service.lab.score.data.remote import open_file

SEPARATORS = (",", ";", "\t", "|")
BLOCK_BYTES = 1 << 23  # that are looked through at once
HEAD_BYTES = 1 << 20  # that the names of the columns may take
QUOTE, LINE_END, RETURN = b'"\n\r'
# What stands for a missing value, as in pandas.
MISSING = frozenset((
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
))  # fmt: skip


class Head(NamedTuple):
    """The first record of a file: the columns' names, what separates them, and where it ends."""

    columns: list[str]
    separator: str
    end: int


class Records(NamedTuple):
    """Records that follow each other: where each ends, and whether it is more than a blank line."""

    ends: np.ndarray
    filled: np.ndarray

    def after(self, count: int) -> "Records":
        """Return those after the first ones."""
        return Records(self.ends[count:], self.filled[count:])


def head_of(path: str, known: Collection[str]) -> Head:
    """Read the first record of a file.

    Parameters
    ----------
    path : str
    known : collection of str
        The names of a model's features: the separator is the one that gives most of them.

    Raises
    ------
    ScoringError
        It has none, or is not in UTF-8.
    """
    with open_file(path) as opened:
        first = opened.read(HEAD_BYTES)
    found_ends = (int(each.ends[0]) for each in _records(BytesIO(first), 0) if len(each.ends))
    end = next(found_ends, 0)
    text = _decoded(first[:end], path).lstrip("\ufeff")
    found = {each: next(csv.reader(StringIO(text), delimiter=each), []) for each in SEPARATORS}
    separator = max(SEPARATORS, key=lambda each: len({*found[each]} & {*known}))
    columns = found[separator]
    if not any(columns):
        raise ScoringError(f"{path} does not begin with a line of column names.")
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise ScoringError(f"{path} has the column {twice[0]!r} twice. Rename one of the two.")
    return Head(columns, separator, end)


def pieces(number: int, path: str, head: Head, width: int) -> Iterator[Piece]:
    """Cut a file into pieces of whole records.

    Parameters
    ----------
    number : int
        The file's place in the list.
    path : str
    head : Head
    width : int
        How many values are read and predicted for a row.

    Raises
    ------
    ScoringError
        A quotation mark is never closed.
    """
    most, start = rows_of_part(width, 1.0), head.end
    waiting = Records(np.empty(0, dtype=np.int64), np.empty(0, dtype=bool))
    with open_file(path) as opened:
        opened.seek(head.end)
        for found in _records(opened, head.end):
            waiting = Records(*map(np.concatenate, zip(waiting, found, strict=True)))
            while (cut := _cut(waiting, start, most)) is not None:
                stop, rows = int(waiting.ends[cut - 1]), int(waiting.filled[:cut].sum())
                yield Piece(number, start, stop, rows, stop - start)
                start, waiting = stop, waiting.after(cut)
        stop, size = (int(waiting.ends[-1]) if len(waiting.ends) else start), opened.seek(0, 2)
    if stop != size:
        raise ScoringError(
            f"{path} has a quotation mark that is never closed: after byte {stop:,} no record "
            "ends. Close it, or double it where it is part of a text."
        )
    if rows := int(waiting.filled.sum()):
        yield Piece(number, start, stop, rows, stop - start)


def _cut(waiting: Records, start: int, most: int) -> int | None:
    """Choose how many records make the next piece; None if they are fewer than fit into one."""
    count = len(waiting.ends)
    by_rows = int(np.searchsorted(np.cumsum(waiting.filled), most)) + 1
    by_bytes = int(np.searchsorted(waiting.ends, start + BYTES, side="right"))
    if by_rows > count and by_bytes == count:
        return None
    return min(by_rows, max(1, by_bytes))


def _records(opened: BinaryIO, base: int) -> Iterator[Records]:
    """Find the records of a file, block by block, from the byte `base` on.

    The last one needs no line end. After an open quotation mark there is none.
    """
    is_quoted, last, before = 0, base, 0
    while block := opened.read(BLOCK_BYTES):
        content = np.frombuffer(block, dtype=np.uint8)
        quotes, line_ends = np.flatnonzero(content == QUOTE), np.flatnonzero(content == LINE_END)
        outside = (np.searchsorted(quotes, line_ends) + is_quoted) % 2 == 0
        places = line_ends[outside]
        ends = places + 1 + base
        previous = np.where(places > 0, content[places - 1], before)
        lengths = np.diff(ends, prepend=last) - 1
        yield Records(ends, lengths > (previous == RETURN))
        is_quoted = (is_quoted + len(quotes)) % 2
        last = int(ends[-1]) if len(ends) else last
        base, before = base + len(block), block[-1]
    if base > last and not is_quoted:
        yield Records(np.array([base]), np.array([True]))


def read_records(
    path: str, head: Head, start: int, stop: int, features: dict[str, Feature]
) -> tuple[pd.DataFrame, Refused]:
    """Read a range of records: numbers as float64, all else as text, a missing value as NaN.

    Returns
    -------
    frame : DataFrame of shape (n_records, n_columns)
    refused : dict of int to str
        The records that have more values than there are columns.

    Raises
    ------
    ScoringError
        It is not in UTF-8.
    """
    with open_file(path) as opened:
        opened.seek(start)
        content = opened.read(stop - start)
    numbers = [name for name in head.columns if name in features and _is_number(features[name])]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # that a value is lost
            frame = pd.read_csv(
                BytesIO(content),
                sep=head.separator,
                header=None,
                names=head.columns,
                index_col=False,
                dtype={n: "float64" if n in numbers else "str" for n in head.columns},
            )
        return frame, {}
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from error
    except (ValueError, pd.errors.ParserWarning):  # some value is no number, some line too long
        return _read_one_by_one(_decoded(content, path), head)


def _read_one_by_one(text: str, head: Head) -> tuple[pd.DataFrame, Refused]:
    records = [r for r in csv.reader(StringIO(text, newline=""), delimiter=head.separator) if r]
    width = len(head.columns)
    refused = {
        row: f"It has {len(record)} values, and the file has {width} columns."
        for row, record in enumerate(records)
        if len(record) > width
    }
    cells = [
        [None if value in MISSING else value for value in record[:width]]
        + [None] * (width - len(record))
        for record in records
    ]
    return pd.DataFrame(cells, columns=head.columns, dtype="str"), refused


def from_text(feature: Feature, column: pd.Series) -> pd.Series:
    """Turn a column of text into values, as the query of a URL is read.

    What cannot be read stays text, so that the signature can name it.
    """
    if feature.json_type == "string" or not isinstance(column.dtype, pd.StringDtype):
        return column
    codes, distinct = pd.factorize(column)
    values: list[Any] = [*(feature.from_text(text) for text in distinct), None]
    read = np.empty(len(values), dtype=object)
    read[:] = values
    return pd.Series(read[codes], index=column.index, dtype=object)


def _is_number(feature: Feature) -> bool:
    return feature.kind == "number"


def _decoded(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from error


def _not_utf8(path: str, error: UnicodeDecodeError) -> ScoringError:
    return ScoringError(f"{path} is not in UTF-8 ({error}). Write it in UTF-8 first.")
