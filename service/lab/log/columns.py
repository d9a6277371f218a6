"""Log columns: the lines of the log as Parquet, one row a prediction.

Names and values from a line reach DuckDB as parameters. Only the name of a column cannot be a
parameter: it goes through `quoted`. tests/test_sql.py checks this.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import orjson

from service.contract.log.line import RequestLine
from service.contract.object_url import is_remote
from service.lab.client.answer_table import (
    PREDICTION_ID,
    answer_places,
    distinct,
    input_names,
)
from service.lab.log.sample import Sample
from service.lab.log.wide import INPUTS

OWN = [
    *("prediction_id", "time", "model", "version", "prediction", "score", "truth", "latency"),
    *("batch", "client", "marks", "image", "sequence", "writer", INPUTS),
]
PUBLICATION = ("version", "digest", "classes", "targets")  # what all lines of a file share
OBJECT_BYTES = 16_000_000  # the longest line that DuckDB reads by default
Database = duckdb.DuckDBPyConnection

FIELDS = {
    "time": "TIMESTAMPTZ",
    "image": "VARCHAR",
    "client": "VARCHAR",
    "latency_ms": "DOUBLE",
    "ids": "UUID[]",
    "classes": "JSON",
    "targets": "JSON",
    "marks": "MAP(VARCHAR, BIGINT[])",
    "sequence": "BIGINT",
}
LINES = """
    SELECT * FROM read_json($source, format = 'newline_delimited', columns = $columns,
        maximum_object_size = $longest)"""
# What the form of a line does not show: names, and the size of numbers.
FITS = """
    ids IS NOT NULL AND image IS NOT NULL AND client IS NOT NULL AND isfinite(latency_ms)
    AND year(time) BETWEEN 1900 AND 9998 AND predictions IS NOT NULL
    AND classes IS NOT DISTINCT FROM json($classes::VARCHAR)
    AND targets IS NOT DISTINCT FROM json($targets::VARCHAR)"""
MARKS_FIT = """marks IS NOT NULL AND coalesce(list_min(flatten(map_values(marks))) >= 0, true)
    AND coalesce(list_max(flatten(map_values(marks))) < len(ids), true)"""
YEAR = "lambda moment: year(moment)"
ROW_MARKS = """
    SELECT sequence, row, list(mark ORDER BY place) AS row_marks FROM (
        SELECT sequence, place, entry.key AS mark, unnest(entry.value) AS row FROM (
            SELECT sequence, unnest(map_entries(marks)) AS entry,
                unnest(range(cardinality(marks)::BIGINT)) AS place
            FROM lines
        )
    ) GROUP BY sequence, row"""
FEEDBACK = """
    COPY (
        SELECT unnest(about) AS prediction_id, unnest(truth) ->> '$' AS truth, time, client, told,
            unnest(range(len(about))) AS place
        FROM read_json($source, format = 'newline_delimited', maximum_object_size = $longest,
            columns = {time: 'TIMESTAMPTZ', told: 'UUID', client: 'VARCHAR', about: 'UUID[]',
                truth: 'JSON[]'})
    ) TO $target (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V2)"""


def connect(*folders: Path) -> Database:
    """Open a database in memory, in UTC.

    Parameters
    ----------
    *folders : Path
        If there are any, the database reads and writes nothing outside them, and no statement
        can change that. So a line of the log can do no harm elsewhere.
    """
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    if folders:
        connection.execute("SET autoinstall_known_extensions = false")
        connection.execute("SET autoload_known_extensions = false")
        places = {"folders": [str(folder.resolve()) for folder in folders]}
        connection.execute("SET allowed_directories = $folders", places)
        connection.execute("SET temp_directory = $folder", {"folder": str(folders[0].resolve())})
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    return connection


def let_read(database: Database, path: str) -> None:
    """Let a database read a path also if it is ``s3://…``.

    It then has one thread: an open object is not for several.
    """
    if not is_remote(path):
        return
    from service.contract.objects.file_system import file_system  # most have no object store

    database.execute("SET threads = 1")
    database.register_filesystem(file_system())


@dataclass(frozen=True)
class Source:
    """A file with lines, all of one publication or all of feedback.

    No line is longer than `longest` bytes.
    """

    file: Path
    longest: int = OBJECT_BYTES


def write_requests(
    database: Database, source: Source, sample: Sample, writer: str, target: Path
) -> None:
    """Write the lines of requests to one publication as Parquet, a row a prediction.

    Lines that do not fit the sample are left out: the caller must count.
    A feature whose name is taken, in capitals or not, is called ``input.<name>``.

    Parameters
    ----------
    database : DuckDBPyConnection
    source : Source
    sample : Sample
    writer : str
        The writer of the segment.
    target : Path
        The Parquet file.

    Raises
    ------
    duckdb.Error
        A line is not JSON, or has a value that its column cannot hold.
    """
    places = answer_places(dict(sample.record))
    outputs = distinct((name for name, *_ in places), [PREDICTION_ID])
    names = feature_columns(sample.record, sample.features)
    columns = FIELDS | {"predictions": sample.predictions}
    fits, parts = [FITS], ["unnest(predictions) AS predictions"]
    if sample.probabilities is not None:
        columns["probabilities"] = sample.probabilities
        fits.append("probabilities IS NOT NULL")
        parts.append("unnest(probabilities) AS probabilities")
    if "scores" in sample.record:
        columns["scores"] = "DOUBLE[]"
        fits.append("isfinite(list_min(scores)) AND isfinite(list_max(scores))")
        parts.append("unnest(scores) AS scores")
    if names:
        kinds = [f"{quoted(sample.keys[name])} {kind}[]" for name, kind in sample.features.items()]
        columns["inputs"] = f"STRUCT({', '.join(kinds)})"
        for n, kind in enumerate(sample.features.values()):
            fits.append(f"struct_extract_at(inputs, {int(n + 1)}) IS NOT NULL")
            if kind.startswith("TIMESTAMP"):
                years = f"list_transform(struct_extract_at(inputs, {int(n + 1)}), {YEAR})"
                fits.append(f"coalesce(list_min({years}) > 0 AND list_max({years}) < 10000, true)")
            parts.append(f"unnest(struct_extract_at(inputs, {int(n + 1)})) AS input_{int(n)}")
    if sample.folded:
        columns["rows"] = "VARCHAR[]"
        fits.append("rows IS NOT NULL")
        parts.append("unnest(rows) AS rows")
    marks, join = "[]::VARCHAR[]", ""
    if sample.marked:
        fits.append(MARKS_FIT)
        parts.append("unnest(range(len(ids))) AS row")
        marks, join = "coalesce(row_marks, [])", f"LEFT JOIN ({ROW_MARKS}) USING (sequence, row)"
    shown = [
        f"{quoted(field)}{''.join(f'[{int(n + 1)}]' for n in at)} AS {quoted(name)}"
        for name, (_, field, *at) in zip(outputs, places, strict=True)
    ]
    shown += [f"input_{int(n)} AS {quoted(name)}" for n, name in enumerate(names.values())]
    if sample.folded:
        shown.append(f"rows AS {quoted(INPUTS)}")
    query = f"""
        COPY (
            WITH lines AS (SELECT * FROM ({LINES}) WHERE {" AND ".join(fits)})
            SELECT prediction_id, time, $model AS model, $version::BIGINT AS version,
                {", ".join(shown)}, latency_ms AS latency, batch, client, {marks} AS marks, image,
                sequence, $writer AS writer
            FROM (
                SELECT time, latency_ms, client, image, sequence, len(ids) AS batch,
                    unnest(ids) AS prediction_id, {", ".join(parts)}
                FROM lines
            ) {join}
        ) TO $target (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V2,
            KV_METADATA {{publication: $publication}})"""
    values = {
        "source": str(source.file),
        "longest": source.longest,
        "columns": columns,
        "classes": _json(sample.record["classes"]),
        "targets": _json(sample.record["targets"]),
        "publication": _json([sample.record.get(field) for field in PUBLICATION]),
        "model": sample.record["model"],
        "version": sample.record["version"],
        "writer": writer,
        "target": str(target),
    }
    database.execute(query, values)


def write_feedback(database: Database, source: Source, target: Path) -> None:
    """Write lines of feedback as Parquet, a row a prediction."""
    values = {"source": str(source.file), "longest": source.longest, "target": str(target)}
    database.execute(FEEDBACK, values)


def quoted(name: str) -> str:
    """Quote a column's name for SQL: the only way for a text of a line into a statement.

    Examples
    --------
    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def feature_columns(record: RequestLine, features: Iterable[str]) -> dict[str, str]:
    """Find a column name for each feature, so that no two differ in capitals alone."""
    outputs = distinct((name for name, *_ in answer_places(dict(record))), [PREDICTION_ID])
    return input_names(features, [*OWN, *outputs])
