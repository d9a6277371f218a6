"""Parts: pieces of a data set, each small enough to be read, predicted and written at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service.lab.score.places.place import PART

ROWS = 100_000  # of a part, at most
VALUES = 2_000_000  # that are read and predicted for a part, at most
BYTES = 16_000_000  # that a part has in its file, before it is packed, at most


@dataclass(frozen=True)
class Part:
    """A piece of a data set.

    Parameters
    ----------
    number : int
        Counted from 0, in the order of the rows.
    file : int
        The place of its file in the list; 0 for a table.
    start, stop : int
        Where it begins and ends: in rows of the file or table, or in bytes of a CSV file.
    first : int
        The number of its first row in the whole data set.
    rows : int
    size : int
        About how many bytes its values take.
    """

    number: int
    file: int
    start: int
    stop: int
    first: int
    rows: int
    size: int

    @property
    def name(self) -> str:
        """The name of the file that it is written to."""
        return f"{PART}{self.number:06d}.parquet"


@dataclass(frozen=True)
class Piece:
    """A piece of one file, before it has a number."""

    file: int
    start: int
    stop: int
    rows: int
    size: int


def numbered(pieces: Iterable[Piece]) -> Iterator[Part]:
    """Give the pieces of a data set their numbers, in the order of its rows.

    Examples
    --------
    >>> [part.first for part in numbered([Piece(0, 0, 70, 7, 70), Piece(1, 0, 30, 3, 30)])]
    [0, 7]
    """
    first = 0
    for number, piece in enumerate(pieces):
        yield Part(number, piece.file, piece.start, piece.stop, first, piece.rows, piece.size)
        first += piece.rows


def pieces_of_rows(file: int, rows: int, width: int, row_bytes: float) -> Iterator[Piece]:
    """Cut rows into pieces.

    Parameters
    ----------
    file : int
    rows : int
    width : int
        How many values are read and predicted for a row.
    row_bytes : float
        How many bytes a row takes.

    Examples
    --------
    >>> [(piece.start, piece.stop) for piece in pieces_of_rows(0, 250_000, 7, 32.0)]
    [(0, 100000), (100000, 200000), (200000, 250000)]
    """
    most = rows_of_part(width, row_bytes)
    for start in range(0, rows, most):
        stop = min(start + most, rows)
        yield Piece(file, start, stop, stop - start, int((stop - start) * row_bytes))


def rows_of_part(width: int, row_bytes: float) -> int:
    """Return how many rows a part has at most.

    Examples
    --------
    >>> rows_of_part(5000, 40_000.0)
    400
    """
    return max(1, min(ROWS, VALUES // max(1, width), int(BYTES / max(1.0, row_bytes))))
