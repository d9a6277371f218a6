"""Log columns: the lines of the log as Parquet, one row a prediction."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import orjson

OWN = [
    *("prediction_id", "time", "model", "version", "prediction", "truth", "latency", "batch"),
    *("client", "marks", "image", "sequence", "writer"),
]
TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
UNKNOWN = "BOOLEAN"  # of a column without a value; it joins with any other type
PARQUET = "(FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V2)"
REQUEST = b'{"model"'  # what the line of a request begins with
OBJECT_BYTES = 16_000_000  # what DuckDB takes for a line if not told so
UNLIKE = (duckdb.ConversionException, duckdb.InvalidInputException)
Database = duckdb.DuckDBPyConnection

LINE = {
    "time": "TIMESTAMPTZ",
    "image": "VARCHAR",
    "client": "VARCHAR",
    "latency_ms": "DOUBLE",
    "ids": "UUID[]",
    "marks": "MAP(VARCHAR, BIGINT[])",
    "sequence": "BIGINT",
}
FEEDBACK = {
    "time": "TIMESTAMPTZ",
    "told": "UUID",
    "client": "VARCHAR",
    "about": "UUID[]",
    "truth": "JSON[]",
}


ROW_MARKS = """
    SELECT sequence, row, list(mark ORDER BY mark) AS row_marks FROM (
        SELECT sequence, entry.key AS mark, unnest(entry.value) AS row
        FROM (SELECT sequence, unnest(map_entries(marks)) AS entry FROM lines)
    ) GROUP BY ALL"""


def connect() -> Database:
    """Open a database in memory, in UTC."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def write_requests(
    database: Database,
    lines: Iterable[bytes],
    writer: str,
    target: Path,
    source: Path | None = None,
    marked: bool = True,
    wide: bool = False,
) -> None:
    """Write the lines of requests to one model version as Parquet, a row a prediction.

    A feature whose name is taken, in capitals or not, is called ``input.<name>``.

    Parameters
    ----------
    database : DuckDBPyConnection
    lines : iterable of bytes
    writer : str
        Who wrote them.
    target : Path
    source : Path, optional
        A file with these lines, and no other requests.
    marked : bool
        Whether a request may have marks.
    wide : bool
        Whether integers are read as floats, for those beyond 2**63.

    Raises
    ------
    UNLIKE
        The lines are not alike, or an integer needs `wide`.
    """
    answered, features = _sample(lines)
    if wide:
        features = {name: kind.replace("BIGINT", "DOUBLE") for name, kind in features.items()}
    keys = {name: name for name in features}
    if len({name.casefold() for name in features}) < len(features):
        lines, source = [_with_numbers_for_names(line) for line in _requests(lines)], None
        keys = {name: str(number) for number, name in enumerate(features)}
    outputs, layout = _outputs(answered)
    names = _names(features, outputs)
    inputs = [f"unnest(inputs.{_quoted(keys[f])}) AS {_quoted(names[f])}" for f in features]
    shown = [*outputs, *(_quoted(names[f]) for f in features)]
    marks, join = "[]::VARCHAR[]", ""
    if marked:
        marks, join = "coalesce(row_marks, [])", f"LEFT JOIN ({ROW_MARKS}) USING (sequence, row)"
    query = f"""
        SELECT prediction_id, time, {_text(answered["model"])} AS model,
            {answered["version"]}::BIGINT AS version, {", ".join(shown)}, latency_ms AS latency,
            batch, client, {marks} AS marks, image, sequence, {_text(writer)} AS writer
        FROM (
            SELECT time, latency_ms, client, image, sequence, len(ids) AS batch,
                unnest(range(len(ids))) AS row, unnest(ids) AS prediction_id,
                unnest(predictions) AS answered, unnest(probabilities) AS chances,
                {", ".join(inputs)}
            FROM lines
        ) {join}"""
    inputs_type = _struct({keys[name]: kind for name, kind in features.items()})
    columns = LINE | layout | {"inputs": inputs_type}
    _write(database, lines, columns, query, target, source)


def alike(lines: Iterable[bytes]) -> list[list[bytes]]:
    """Part lines by the features that they have and their types."""
    parts: dict[Any, list[bytes]] = defaultdict(list)
    for line in _requests(lines):
        inputs = orjson.loads(line)["inputs"]
        parts[tuple((name, _type(values)) for name, values in inputs.items())].append(line)
    return [*parts.values()]


def write_feedback(database: Database, lines: list[bytes], target: Path) -> None:
    """Write what was told about predictions as Parquet, a row a prediction."""
    query = """
        SELECT unnest(about) AS prediction_id, unnest(truth) ->> '$' AS truth, time, client, told,
            unnest(range(len(about))) AS place
        FROM lines"""
    _write(database, lines, FEEDBACK, query, target)


def _write(
    database: Database,
    lines: Iterable[bytes],
    columns: dict[str, str],
    query: str,
    target: Path,
    source: Path | None = None,
) -> None:
    """Write what a query makes of the table ``lines`` as Parquet."""
    with TemporaryDirectory() as folder:
        if source is None:
            source = Path(folder) / "lines.jsonl"
            with source.open("wb") as file:
                file.writelines(line + b"\n" for line in lines)
        types = ", ".join(f"{_quoted(name)}: {_text(kind)}" for name, kind in columns.items())
        for size in (OBJECT_BYTES, source.stat().st_size):
            options = f"maximum_object_size = {size}, columns = {{{types}}}"
            database.execute(
                "CREATE OR REPLACE TEMP VIEW lines AS FROM "
                f"read_json({_text(str(source))}, format = 'newline_delimited', {options})"
            )
            try:
                database.execute(f"COPY ({query}) TO {_text(str(target))} {PARQUET}")
                break
            except duckdb.InvalidInputException as error:
                if "maximum_object_size" not in str(error) or size > OBJECT_BYTES:
                    raise


def _sample(lines: Iterable[bytes]) -> tuple[dict[str, Any], dict[str, str]]:
    """Find a line that shows how answers look, and each feature's type.

    All lines of a version are alike, but for what is missing in one of them.
    """
    answered: dict[str, Any] | None = None
    features: dict[str, str | None] = {}
    for line in _requests(lines):
        record = orjson.loads(line)
        for name, values in record["inputs"].items():
            features[name] = features.get(name) or _type(values)
        if answered is None and _type(record["predictions"]):
            answered = record
        if answered is not None and all(features.values()):
            break
    return answered or record, {name: kind or UNKNOWN for name, kind in features.items()}


def _requests(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line for line in lines if line.startswith(REQUEST))


def _outputs(answered: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Give the columns of answers as SQL, and the types in which they are read."""
    targets, classes = answered["targets"], answered["classes"]
    if targets is None:
        kind = _type(classes or answered["predictions"]) or UNKNOWN
        columns = ["answered AS prediction"] + [
            f"chances[{i}] AS {_quoted(f'proba_{label}')}"
            for i, label in enumerate(classes or [] if answered["probabilities"] else [], 1)
        ]
        return columns, {"predictions": f"{kind}[]", "probabilities": "DOUBLE[][]"}
    flat = [value for row in answered["predictions"] for value in row]
    layout = {"predictions": f"{_type(flat) or UNKNOWN}[][]", "probabilities": "DOUBLE[][]"}
    columns = [f"answered[{t}] AS {_quoted(f'prediction_{n}')}" for t, n in enumerate(targets, 1)]
    if answered["probabilities"] is None:
        return columns, layout
    if classes is None:  # each target is simply on or off
        columns += [f"chances[{t}] AS {_quoted(f'proba_{n}')}" for t, n in enumerate(targets, 1)]
        return columns, layout
    columns += [
        f"chances[{t}][{i}] AS {_quoted(f'proba_{name}_{label}')}"
        for t, (name, labels) in enumerate(zip(targets, classes, strict=True), 1)
        for i, label in enumerate(labels, 1)
    ]
    return columns, layout | {"probabilities": "DOUBLE[][][]"}


def _names(features: Iterable[str], outputs: list[str]) -> dict[str, str]:
    """Give each feature a column that nothing else has."""
    taken = {name.casefold() for name in OWN}
    taken |= {column.split(" AS ", 1)[1].strip('"').casefold() for column in outputs}
    names = {}
    for feature in features:
        name = feature
        while name.casefold() in taken:
            name = f"input.{name}"
        taken.add(name.casefold())
        names[feature] = name
    return names


def _with_numbers_for_names(line: bytes) -> bytes:
    """Call a line's inputs 0, 1, …: the names of its features differ in capitals alone."""
    record = orjson.loads(line)
    record["inputs"] = {str(n): values for n, values in enumerate(record["inputs"].values())}
    return orjson.dumps(record)


def _type(values: list[Any]) -> str | None:
    return next((TYPES[type(value)] for value in values if type(value) in TYPES), None)


def _struct(kinds: dict[str, str]) -> str:
    return f"STRUCT({', '.join(f'{_quoted(name)} {kind}[]' for name, kind in kinds.items())})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
