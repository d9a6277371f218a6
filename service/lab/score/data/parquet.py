"""Parquet: what a file holds, and a range of its rows. DuckDB reads it."""

from collections.abc import Iterator
from typing import NamedTuple

import duckdb
import pandas as pd

from service.contract.errors import ScoringError
from service.lab.log.columns import Database, quoted
from service.lab.score.data.parts import Piece, pieces_of_rows

HEAD = "DESCRIBE SELECT * FROM read_parquet($file)"
ROWS = "SELECT num_rows FROM parquet_file_metadata($file)"
BYTES = "SELECT coalesce(sum(total_uncompressed_size), 0) FROM parquet_metadata($file)"


class Held(NamedTuple):
    """What a file holds: its columns with their types in DuckDB, rows, and bytes when unpacked."""

    columns: dict[str, str]
    rows: int
    size: int


def held_by(database: Database, path: str) -> Held:
    """Read what a file says of itself.

    Raises
    ------
    ScoringError
        It is no Parquet file.
    """
    values = {"file": path}
    try:
        columns = {name: kind for name, kind, *_ in database.execute(HEAD, values).fetchall()}
        ((rows,),) = database.execute(ROWS, values).fetchall()
        ((size,),) = database.execute(BYTES, values).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise ScoringError(f"{path} cannot be read as Parquet: {reason}") from error
    return Held(columns, int(rows), int(size))


def pieces(number: int, held: Held, width: int) -> Iterator[Piece]:
    """Cut a file into pieces; `width` is how many values are read and predicted for a row."""
    return pieces_of_rows(number, held.rows, width, held.size / max(1, held.rows))


def read_rows(
    database: Database, path: str, columns: list[str], start: int, stop: int
) -> pd.DataFrame:
    """Read a range of rows, in their order."""
    chosen = ", ".join([quoted(name) for name in columns])
    query = f"""
        SELECT {chosen} FROM read_parquet($file, file_row_number = true)
        WHERE file_row_number >= $start AND file_row_number < $stop"""
    return database.execute(query, {"file": path, "start": start, "stop": stop}).df()
