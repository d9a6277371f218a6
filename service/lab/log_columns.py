"""Log columns: the lines of the log as Parquet, one row a prediction."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import orjson

from service.lab.answer_table import PREDICTION_ID, answer_places, distinct

OWN = [
    *("prediction_id", "time", "model", "version", "prediction", "truth", "latency", "batch"),
    *("client", "marks", "image", "sequence", "writer"),
]
TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
PARQUET = "(FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V2)"
REQUEST = b'{"model"'  # what the line of a request begins with
OBJECT_BYTES = 16_000_000  # what DuckDB takes for a line if not told so
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
    SELECT sequence, row, list(mark ORDER BY place) AS row_marks FROM (
        SELECT sequence, place, entry.key AS mark, unnest(entry.value) AS row FROM (
            SELECT sequence, unnest(map_entries(marks)) AS entry,
                unnest(range(cardinality(marks)::BIGINT)) AS place
            FROM lines
        )
    ) GROUP BY sequence, row"""


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
    exact: bool = False,
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
    exact : bool
        Whether all lines are looked at for the types of the columns, and not only the first.

    Raises
    ------
    duckdb.Error
        A column has a type that the first line did not show: `exact` is needed.
    """
    sample = Sample.of(_requests(lines), exact)
    features = sample.features
    keys = {name: name for name in features}
    if len({name.casefold() for name in features}) < len(features):
        lines, source = [_with_numbers_for_names(line) for line in _requests(lines)], None
        keys = {name: str(number) for number, name in enumerate(features)}
    places = answer_places(sample.record)
    outputs = distinct((name for name, *_ in places), [PREDICTION_ID])
    names = _names(features, [*OWN, *outputs])
    shown = [
        f"{field}{''.join(f'[{place + 1}]' for place in at)} AS {_quoted(name)}"
        for name, (_, field, *at) in zip(outputs, places, strict=True)
    ]
    inputs = [f"unnest(inputs.{_quoted(keys[name])}) AS input_{n}" for n, name in enumerate(names)]
    shown += [f"input_{n} AS {_quoted(name)}" for n, name in enumerate(names.values())]
    marks, join = "[]::VARCHAR[]", ""
    if marked:
        marks, join = "coalesce(row_marks, [])", f"LEFT JOIN ({ROW_MARKS}) USING (sequence, row)"
        inputs.append("unnest(range(len(ids))) AS row")
    query = f"""
        SELECT prediction_id, time, {_text(sample.record["model"])} AS model,
            {sample.record["version"]}::BIGINT AS version, {", ".join(shown)},
            latency_ms AS latency, batch, client, {marks} AS marks, image, sequence,
            {_text(writer)} AS writer
        FROM (
            SELECT time, latency_ms, client, image, sequence, len(ids) AS batch,
                unnest(ids) AS prediction_id,
                unnest(predictions) AS predictions, unnest(probabilities) AS probabilities
                {"".join(f", {each}" for each in inputs)}
            FROM lines
        ) {join}"""
    columns = LINE | sample.outputs
    if features:
        columns["inputs"] = _struct({keys[name]: kind for name, kind in features.items()})
    _write(database, lines, columns, query, target, source)


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


@dataclass(frozen=True)
class Sample:
    """What lines of one publication look like: one that shows it, and the types of the columns."""

    record: dict[str, Any]
    features: dict[str, str]
    outputs: dict[str, str]

    @classmethod
    def of(cls, lines: Iterable[bytes], exact: bool) -> "Sample":
        """Look at lines until no type is unknown, or at all of them."""
        features: dict[str, set[str]] = {}
        answers: set[str] = set()
        for line in lines:
            record = orjson.loads(line)
            for name, values in record["inputs"].items():
                features.setdefault(name, set()).update(_types(values))
            answers.update(_types(_flat([record["classes"], record["predictions"]])))
            if not exact and answers and all(features.values()):
                break
        several = record["targets"] is not None
        lists = 3 if several and record["classes"] is not None else 2
        return cls(
            record,
            {name: _joined(types) for name, types in features.items()},
            {
                "predictions": _joined(answers) + ("[][]" if several else "[]"),
                "probabilities": "DOUBLE" + "[]" * lists,
            },
        )


def _requests(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line for line in lines if line.startswith(REQUEST))


def _names(features: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Give each feature a column that nothing else has, in capitals or not."""
    used = {name.casefold() for name in taken}
    names = {}
    for feature in features:
        name = feature
        while name.casefold() in used:
            name = f"input.{name}"
        used.add(name.casefold())
        names[feature] = name
    return names


def _with_numbers_for_names(line: bytes) -> bytes:
    """Call a line's inputs 0, 1, …: the names of its features differ in capitals alone."""
    record = orjson.loads(line)
    record["inputs"] = {str(n): values for n, values in enumerate(record["inputs"].values())}
    return orjson.dumps(record)


def _types(values: Iterable[Any]) -> set[str]:
    """List the types that values need in SQL; None needs none."""
    kinds = {type(value) for value in values} & TYPES.keys()
    types = {TYPES[kind] for kind in kinds}
    if int in kinds:
        numbers = [value for value in values if type(value) is int]
        types |= {"UBIGINT"} if max(numbers) >= 2**63 else set()
        types |= {"SIGNED"} if min(numbers) < 0 else set()
    return types


def _joined(types: set[str]) -> str:
    """Give the type that holds all of them.

    Examples
    --------
    >>> _joined({"BIGINT", "SIGNED"}), _joined({"BIGINT", "UBIGINT"}), _joined({"BIGINT", "DOUBLE"})
    ('BIGINT', 'UBIGINT', 'DOUBLE')
    >>> _joined({"BIGINT", "VARCHAR"}), _joined(set())
    ('VARCHAR', 'BOOLEAN')
    """
    if types <= {"BOOLEAN"}:
        return "BOOLEAN"  # of a column without a value, too; it joins with any other type
    if types <= {"BIGINT", "SIGNED"}:
        return "BIGINT"
    if types <= {"BIGINT", "UBIGINT"}:
        return "UBIGINT"
    if types <= {"BIGINT", "UBIGINT", "SIGNED", "DOUBLE"}:
        return "DOUBLE"
    return "VARCHAR"


def _flat(values: Any) -> list[Any]:
    """Take values out of lists in lists."""
    return [v for each in values for v in (_flat(each) if isinstance(each, list) else [each])]


def _struct(kinds: dict[str, str]) -> str:
    return f"STRUCT({', '.join(f'{_quoted(name)} {kind}[]' for name, kind in kinds.items())})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
