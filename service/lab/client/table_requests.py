"""Table requests: a table, sent in parts that the API accepts."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from service.contract.errors import InputError, NotFoundError
from service.contract.settings import Settings
from service.lab.client.answer_table import answer_columns
from service.lab.client.client import Client, collector_paused
from service.lab.client.rows import Rows

CHUNK_VALUES = 40_000
CHUNKS_AT_ONCE = 3  # one is read, one is predicted, one is written
UNKNOWN = "is not known"
DROP = "To leave out what the model does not know, pass drop_extra=True."


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
    size = min(settings.max_rows, max(1, CHUNK_VALUES // max(1, len(table.columns))))
    starts = range(0, max(len(table), 1), size)
    with tqdm(total=len(table), unit="row", disable=len(starts) < 2, desc=name) as bar:

        def predict_part(start: int) -> pd.DataFrame:
            with collector_paused():
                columns = given.columns(start, start + size)
                part = _table(_request(client, name, columns, version, start))
            bar.update(len(part))
            return part

        if len(starts) == 1:
            parts = [predict_part(0)]
        else:
            # So that a hot reload in between does not mix two versions.
            version = version or _serving(client, name)
            with ThreadPoolExecutor(CHUNKS_AT_ONCE) as pool:
                parts = [*pool.map(predict_part, starts)]
    result = pd.concat(parts, ignore_index=True)
    return result.set_index(given.index)


def _request(
    client: Client, name: str, columns: Any, version: int | None, start: int
) -> dict[str, Any]:
    """Get predictions for a part of a table that begins at row `start` of the whole."""
    try:
        response: dict[str, Any] = client.post(
            f"/models/{name}/predict", {"columns": columns}, version
        )
    except InputError as error:
        if any(str(each.get("problem")).startswith(UNKNOWN) for each in error.details):
            raise InputError(f"{error} {DROP}", error.details) from error
        if not start:
            raise
        rows = [d | {"row": d["row"] + start} for d in error.details if d.get("row") is not None]
        raise InputError(f"Counted from row {start} of the table: {error}", rows) from error
    return response


def _table(response: dict[str, Any]) -> pd.DataFrame:
    ids = pd.Series(response["ids"], dtype="str")
    return pd.DataFrame({"prediction_id": ids, **answer_columns(response)})


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
