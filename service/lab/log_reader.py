"""Log reader: the prediction log as a table."""

import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from service.contract.log_line import FOLDER, SUFFIX, LogLine
from service.lab.answer_table import answer_columns

FIELDS = set(LogLine.__annotations__)


def read(
    folder: Path,
    name: str,
    since: str | pd.Timestamp | None = None,
    until: str | pd.Timestamp | None = None,
    version: int | None = None,
) -> pd.DataFrame:
    """Read a model's logged predictions, oldest first.

    Parameters
    ----------
    folder : Path
        `LOGS_DIR`; it is only read.
    name : str
        The model.
    since, until : str or Timestamp, optional
        A time ("2026-05-01 12:00", UTC unless it says otherwise), or how long
        ago ("1d", "2h", "15min").
    version : int, optional
        Only this version.

    Returns
    -------
    DataFrame of shape (n_predictions, …)
        One row a prediction: prediction_id, time, version, prediction, one
        proba_<class> a class, latency (ms), batch (rows in its request), client, marks,
        image, then the features. A feature whose name is taken appears as
        ``input.<name>``. A model with several targets has prediction_<target> and
        proba_<target>_<class>.
        ``attrs["torn_lines"]`` counts last lines that a crash cut off.

    Warns
    -----
    UserWarning
        A line inside a segment is damaged; the text names file and line.
    """
    after, before = (None if t is None else _moment(t) for t in (since, until))
    lines: list[dict[str, Any]] = []
    damage: Counter[str] = Counter()
    for segment in sorted((folder / FOLDER).glob(f"*{SUFFIX}")):
        lines += [
            line
            for line in _lines(segment, damage)
            if line["model"] == name and (version is None or line["version"] == version)
        ]
    table = _table(lines)
    if after is not None:
        table = table[table["time"] >= after]
    if before is not None:
        table = table[table["time"] < before]
    table = table.sort_values("prediction_id", ignore_index=True)
    table.attrs["torn_lines"] = damage["torn"]
    return table


def _lines(segment: Path, damage: Counter[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    pieces = segment.read_bytes().split(b"\n")
    if pieces[-1]:
        damage["torn"] += 1  # its writer was stopped, or is writing it just now
    for number, piece in enumerate(pieces[:-1], 1):
        try:
            line = orjson.loads(piece)
        except orjson.JSONDecodeError:
            line = None
        if isinstance(line, dict) and "id" in line:
            line = _of_one_row(line)
        if isinstance(line, dict) and line.keys() >= FIELDS:
            found.append(line)
        else:
            warnings.warn(f"{segment}, line {number} is damaged and left out.", stacklevel=4)
    return found


def _of_one_row(old: dict[str, Any]) -> dict[str, Any] | None:
    """Read a line of version 0.1.0, which held one prediction, with values in place of lists."""
    try:
        prediction, by_class, targets = old["prediction"], old["probabilities"], None
        classes, chances = (None, None) if by_class is None else ([*by_class], [*by_class.values()])
        if isinstance(prediction, dict):
            targets, prediction, classes = [*prediction], [*prediction.values()], None
            if chances and isinstance(chances[0], dict):
                classes = [[*each] for each in chances]
                chances = [[*each.values()] for each in chances]
        return old | {
            "ids": [old["id"]],
            "inputs": {name: [value] for name, value in old["inputs"].items()},
            "predictions": [prediction],
            "classes": classes,
            "probabilities": None if chances is None else [chances],
            "targets": targets,
            "marks": {mark: [0] for mark in old["marks"]},
        }
    except (KeyError, TypeError, AttributeError):
        return None


def _table(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Lay the lines out as columns, each with a proper type."""
    counts = [len(line["ids"]) for line in lines]
    answers = _stacked([answer_columns(line) for line in lines], counts) or {"prediction": []}

    def shared(field: str, dtype: str) -> pd.Series:
        values = [line[field] for line in lines]
        return pd.Series(np.repeat(pd.array(values, dtype=dtype), counts))

    times = pd.to_datetime([line["time"] for line in lines], utc=True, format="ISO8601")
    own: dict[str, Any] = {
        "prediction_id": pd.Series([each for line in lines for each in line["ids"]], dtype="str"),
        "time": times.repeat(counts),
        "version": shared("version", "int64"),
        **answers,
        "latency": shared("latency_ms", "float64"),
        "batch": np.repeat(np.array(counts, dtype=int), counts),
        "client": shared("client", "str"),
        "marks": [marks for line in lines for marks in _by_row(line)],
        "image": shared("image", "str"),
    }
    inputs = _stacked([line["inputs"] for line in lines], counts)
    return pd.DataFrame(own | {f"input.{f}" if f in own else f: v for f, v in inputs.items()})


def _stacked(tables: list[dict[str, list[Any]]], counts: list[int]) -> dict[str, list[Any]]:
    """Put tables under each other; a column that one of them lacks is None there."""
    names = dict.fromkeys(name for table in tables for name in table)
    rows = [*zip(tables, counts, strict=True)]
    return {
        name: [value for table, n in rows for value in table.get(name) or [None] * n]
        for name in names
    }


def _by_row(line: dict[str, Any]) -> list[list[str]]:
    """List the marks of each row."""
    marks: list[list[str]] = [[] for _ in line["ids"]]
    for mark, rows in line["marks"].items():
        for row in rows:
            marks[row].append(mark)
    return marks


def _moment(when: str | pd.Timestamp) -> pd.Timestamp:
    """Read a time, or how long ago.

    Examples
    --------
    >>> _moment("2026-05-01 12:00")
    Timestamp('2026-05-01 12:00:00+0000', tz='UTC')
    >>> _moment("1d") < pd.Timestamp.now("UTC")
    True
    """
    try:
        ago = re.sub(r"d\b", "D", when) if isinstance(when, str) else when  # as pandas spells days
        return pd.Timestamp.now("UTC") - pd.Timedelta(ago)
    except (ValueError, TypeError):
        pass
    try:
        moment = pd.Timestamp(when)
    except ValueError as error:
        raise ValueError(f"{when!r} is no time: give '2026-05-01 12:00' or '1d'.") from error
    return moment.tz_localize("UTC") if moment.tz is None else moment.tz_convert("UTC")
