"""Table requests: a table, sent in parts that the API accepts."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from service.contract.errors import InputError, NotFoundError, TooLargeError
from service.contract.settings import Settings
from service.lab.client.answer_table import PREDICTION_ID, TARGETS, answer_columns
from service.lab.client.client import Client, collector_paused, encode
from service.lab.client.rows import COUNTED, Rows

CHUNK_VALUES = 40_000
CHARACTER_BYTES = 12  # at most, in JSON
UNKNOWN = "is not known"
DROP = "To leave out what the model does not know, pass drop_extra=True."
CHUNKS_AT_ONCE = 3  # one is read, one is predicted, one is written


def predict(
    client: Client,
    settings: Settings,
    name: str,
    X: Any,
    version: int | None,
    drop_extra: bool = False,
) -> pd.DataFrame:
    """Get predictions for the rows of a table; see `Lab.predict`."""
    given = Rows.of(X, lambda: _features(client, name, version), drop_extra)
    table = given.frame
    cuts = _cuts(given, settings)
    if len(cuts) > 2:  # so that a hot reload in between does not mix two versions
        version = version or _serving(client, name)
    with tqdm(total=len(table), unit="row", disable=len(cuts) < 3, desc=name) as bar:

        def predict_part(start: int, end: int) -> list[pd.DataFrame]:
            with collector_paused():
                bodies = _bodies(given, start, end, settings)
                served = version or (_serving(client, name) if len(bodies) > 1 else None)
                answers = [
                    _table(_request(client, settings, name, body, served, first))
                    for first, body in bodies
                ]
            bar.update(end - start)
            return answers

        with ThreadPoolExecutor(CHUNKS_AT_ONCE) as pool:
            parts = [part for each in pool.map(predict_part, cuts, cuts[1:]) for part in each]
    result = pd.concat(parts, ignore_index=True)
    result = result.set_index(given.index)
    result.attrs = {COUNTED: given.is_counted, TARGETS: parts[0].attrs[TARGETS]}
    return result


def _cuts(given: Rows, settings: Settings) -> list[int]:
    """Choose the rows at which a table is cut, so that each part fits into a request.

    Raises
    ------
    TooLargeError
        One row alone does not; nothing was sent.
    """
    table = given.frame
    rows, columns = table.shape
    size = min(settings.max_rows, max(1, CHUNK_VALUES // max(1, columns)))
    texts = [column for _, column in table.items() if column.dtype.kind not in "biufmM"]
    if not texts:
        return [*range(0, rows, size), rows] if rows else [0, 0]
    lengths = [[len(v) if isinstance(v, str) else 0 for v in column] for column in texts]
    by_row = np.sum(lengths, axis=0)
    for row in np.flatnonzero(by_row > settings.max_body_bytes // CHARACTER_BYTES).tolist():
        _bodies(given, row, row + 1, settings)
    # Half of what fits, since JSON has more than the characters of the texts.
    before, room = np.cumsum(by_row), settings.max_body_bytes // 2
    cuts = [0]
    while cuts[-1] < rows:
        start = cuts[-1]
        used = before[start - 1] if start else 0
        full = int(np.searchsorted(before, used + room, side="right"))
        cuts.append(min(start + size, max(full, start + 1), rows))
    return cuts if rows else [0, 0]


def _bodies(given: Rows, start: int, end: int, settings: Settings) -> list[tuple[int, bytes]]:
    """Encode rows of the table, in halves where they are too long.

    Raises
    ------
    TooLargeError
        One row alone is.
    """
    body = encode(given.content(start, end))
    if len(body) <= settings.max_body_bytes:
        return [(start, body)]
    half = (start + end) // 2
    if half == start:
        raise TooLargeError(
            f"Row {start} of the table has {len(body):,} bytes, more than fit into a request: "
            f"MAX_BODY_BYTES is {settings.max_body_bytes:,}. Shorten its texts, or raise "
            "MAX_BODY_BYTES for the API and for the lab."
        )
    return [*_bodies(given, start, half, settings), *_bodies(given, half, end, settings)]


def _request(
    client: Client, settings: Settings, name: str, body: bytes, version: int | None, start: int
) -> dict[str, Any]:
    """Get predictions for a part of a table that begins at row `start` of the whole."""
    try:
        response: dict[str, Any] = client.post(f"/models/{name}/predict", body, version)
    except TooLargeError as error:
        raise TooLargeError(
            f"From row {start} of the table the API refuses a part of {len(body):,} bytes: {error} "
            f"Here MAX_BODY_BYTES is {settings.max_body_bytes} and MAX_ROWS is "
            f"{settings.max_rows}; give the API and the lab the same."
        ) from error
    except InputError as error:
        if error.details and all(each.get("problem") == UNKNOWN for each in error.details):
            raise InputError(f"{error} {DROP}", error.details) from error
        if not start:
            raise
        rows = [d | {"row": d["row"] + start} for d in error.details if d.get("row") is not None]
        raise InputError(f"Counted from row {start} of the table: {error}", rows) from error
    return response


def _table(response: dict[str, Any]) -> pd.DataFrame:
    ids = pd.Series(response["ids"], dtype="str")
    table = pd.DataFrame({PREDICTION_ID: ids, **answer_columns(response)})
    table.attrs[TARGETS] = len(response.get("targets") or [None])
    return table


def _features(client: Client, name: str, version: int | None) -> list[str]:
    """Return the names of a version's features; those of the live one by default."""
    if version is None and (version := _serving(client, name)) is None:
        raise NotFoundError(f"Model {name!r} is not served, so its features are not known.")
    manifest = client.get(f"/models/{name}/versions/{version}")
    return [feature["name"] for feature in manifest["signature"]["features"]]


def _serving(client: Client, name: str) -> int | None:
    """Return the live version; None if there is none, so that the API says why."""
    live = client.get(f"/models/{name}")["live"]
    return None if live is None else int(live["version"])
