"""What `lab.score` reads and writes, by DuckDB itself."""

from pathlib import Path

import duckdb
import pandas as pd


def scored(folder: Path) -> pd.DataFrame:
    """Read a result, in the order of the rows."""
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        return database.execute(f"FROM read_parquet('{folder}/*.parquet') ORDER BY row").df()


def to_parquet(table: pd.DataFrame, file: Path) -> None:
    with duckdb.connect() as database:
        database.from_df(table).write_parquet(str(file))
