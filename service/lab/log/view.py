"""View: the tables `predictions` and `feedback` of a database, over the files of the copy."""

from collections import defaultdict

import duckdb

from service.lab.log.columns import Database, quoted
from service.lab.log.copy_files import Part
from service.lab.log.sample import SECONDS, TIMES

PREDICTIONS = """
    SELECT NULL::UUID AS prediction_id, NULL::TIMESTAMPTZ AS time, NULL::VARCHAR AS model,
        NULL::BIGINT AS version, NULL::BOOLEAN AS prediction, NULL::DOUBLE AS latency,
        NULL::BIGINT AS batch, NULL::VARCHAR AS client, NULL::VARCHAR[] AS marks,
        NULL::VARCHAR AS image, NULL::BIGINT AS sequence, NULL::VARCHAR AS writer
    WHERE false"""
FEEDBACK = """
    SELECT NULL::UUID AS prediction_id, NULL::VARCHAR AS truth, NULL::TIMESTAMPTZ AS time,
        NULL::VARCHAR AS client, NULL::UUID AS told, NULL::BIGINT AS place
    WHERE false"""
LAST_WORDS = """
    CREATE OR REPLACE VIEW feedback AS
    SELECT prediction_id, truth, time, client FROM told
    QUALIFY row_number() OVER (PARTITION BY prediction_id ORDER BY told DESC, place DESC) = 1"""
SCHEMAS = """
    SELECT file_name, name, duckdb_type FROM parquet_schema($files)
    WHERE duckdb_type IS NOT NULL"""


def create_views(database: Database, predictions: list[Part], feedback: list[Part]) -> None:
    """Create both views.

    Where a column is a time in some files and something else in others, it is text in all.
    """
    if any(part.has_times for part in predictions):
        _create_with_times(database, names_of(predictions))
    else:
        files = names_of(predictions)
        rows = read_files(database, files) if files else database.sql(PREDICTIONS)
        rows.create_view("predictions", replace=True)
    told = read_files(database, names_of(feedback)) if feedback else database.sql(FEEDBACK)
    told.create_view("told", replace=True)
    database.execute(LAST_WORDS)


def _create_with_times(database: Database, files: list[str]) -> None:
    """Create `predictions` over files of which some have times."""
    kinds: dict[str, dict[str, str]] = defaultdict(dict)  # of each column, by file
    for file, name, kind in database.execute(SCHEMAS, {"files": files}).fetchall():
        kinds[name.casefold()][file] = kind
    del kinds["time"]
    times = {name: each for name, each in kinds.items() if {*TIMES.values()} & {*each.values()}}
    mixed = [name for name, each in times.items() if len({*each.values()}) > 1]
    groups: dict[tuple[str | None, ...], list[str]] = defaultdict(list)
    for file in files:
        groups[tuple(times[name].get(file) for name in mixed)].append(file)
    selects = []
    for number, (own, group) in enumerate(groups.items()):
        read_files(database, group).create_view(f"predictions_{number}", replace=True)
        shown = ["time AS time"]
        for name, kind in zip(mixed, own, strict=True):
            column = quoted(name)
            if kind == TIMES["datetime"]:
                shown.append(f"replace({column}::VARCHAR, ' ', 'T') AS {column}")
            elif kind == TIMES["datetime_utc"]:
                utc = f"({column} AT TIME ZONE 'UTC')::VARCHAR"
                shown.append(f"replace({utc}, ' ', 'T') || '+00:00' AS {column}")
            elif kind == SECONDS:
                shown.append(f"'PT' || {column}::VARCHAR || 'S' AS {column}")
            elif kind is not None:
                shown.append(f"{column}::VARCHAR AS {column}")
        for name, each in times.items():
            if name not in mixed and SECONDS in each.values() and each.keys() & {*group}:
                column = quoted(name)
                exact = f"({column}::DECIMAL(38,6) * 1000000)::BIGINT"
                shown.append(f"to_microseconds({exact}) AS {column}")
        selects.append(f"SELECT * REPLACE ({', '.join(shown)}) FROM predictions_{int(number)}")
    every = " UNION ALL BY NAME ".join(selects)
    database.execute(f"CREATE OR REPLACE VIEW predictions AS {every}")


def names_of(parts: list[Part]) -> list[str]:
    """Name the files, as DuckDB takes them."""
    return [str(part.file) for part in parts]


def read_files(database: Database, files: list[str]) -> duckdb.DuckDBPyRelation:
    """Read files as one table; a column of several types gets one that holds all."""
    return database.read_parquet(files, union_by_name=True)
