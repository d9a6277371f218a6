"""Log reader: the prediction log as a table."""

import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from service.contract.log_line import FOLDER, SUFFIX, LogLine

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
        proba_<class> a class, latency (ms), batch, client, marks, image, then the
        features. A feature whose name is taken appears as ``input.<name>``. A model with
        several targets has prediction_<target> and proba_<target>_<class>.
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
        if isinstance(line, dict) and line.keys() >= FIELDS:
            found.append(line)
        else:
            warnings.warn(f"{segment}, line {number} is damaged and left out.", stacklevel=4)
    return found


def _table(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Lay the lines out as columns, each with a proper type."""
    chances = [line["probabilities"] for line in lines]
    features = list(dict.fromkeys(f for line in lines for f in line["inputs"]))
    own: dict[str, Any] = {
        "prediction_id": pd.Series([line["id"] for line in lines], dtype="str"),
        "time": pd.to_datetime([line["time"] for line in lines], utc=True, format="ISO8601"),
        "version": pd.Series([line["version"] for line in lines], dtype="int64"),
        **spread("prediction", [line["prediction"] for line in lines]),
        **(spread("proba", chances) if any(chances) else {}),
        "latency": pd.Series([line["latency_ms"] for line in lines], dtype="float64"),
        "batch": pd.Series([line["batch"] for line in lines], dtype="int64"),
        "client": pd.Series([line["client"] for line in lines], dtype="str"),
        "marks": [line["marks"] for line in lines],
        "image": pd.Series([line["image"] for line in lines], dtype="str"),
    }
    inputs = {
        f"input.{f}" if f in own else f: [line["inputs"].get(f) for line in lines] for f in features
    }
    return pd.DataFrame(own | inputs)


def spread(name: str, values: list[Any]) -> dict[str, list[Any]]:
    """Lay values out as one column, or as one a key where they are objects.

    Examples
    --------
    >>> spread("proba", [{"0": 0.9, "1": 0.1}, None])
    {'proba_0': [0.9, None], 'proba_1': [0.1, None]}
    """
    objects = [value if isinstance(value, dict) else {} for value in values]
    keys = dict.fromkeys(key for each in objects for key in each)
    if not keys:
        return {name: values}
    columns: dict[str, list[Any]] = {}
    for key in keys:
        columns |= spread(f"{name}_{key}", [each.get(key) for each in objects])
    return columns


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
