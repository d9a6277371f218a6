"""Requests: a table asked, or the truth told, in parts that the API takes."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from service.contract.errors import InputError
from service.contract.model.signature import as_columns, as_frame
from service.contract.settings import Settings
from service.lab.client.answer_table import answer_columns
from service.lab.client.client import Client, collector_paused

CHUNK_VALUES = 40_000
CHUNKS_AT_ONCE = 3  # one is read, one computed, one written
FEEDBACK_ITEMS = 20_000


def ask(client: Client, settings: Settings, name: str, X: Any, version: int | None) -> pd.DataFrame:
    """Ask about the rows of a table; see `Lab.predict`."""
    if isinstance(X, dict):
        X = [X]
    if isinstance(X, list) and X and isinstance(X[0], dict):
        X = pd.DataFrame(X)
    table = as_frame(X)
    size = min(settings.max_rows, max(1, CHUNK_VALUES // max(1, len(table.columns))))
    starts = range(0, max(len(table), 1), size)
    with tqdm(total=len(table), unit="row", disable=len(starts) < 2, desc=name) as bar:

        def ask_part(start: int) -> pd.DataFrame:
            chunk = table.iloc[start : start + size]
            with collector_paused():
                part = _answered(_ask(client, name, chunk, version, start))
            bar.update(len(chunk))
            return part

        if len(starts) == 1:
            parts = [ask_part(0)]
        else:
            # A hot reload meanwhile does not mix two versions.
            version = version or _serving(client, name)
            with ThreadPoolExecutor(CHUNKS_AT_ONCE) as pool:
                parts = [*pool.map(ask_part, starts)]
    result = pd.concat(parts, ignore_index=True)
    return result.set_index(X.index if isinstance(X, pd.DataFrame) else table.index)


def tell(client: Client, settings: Settings, ids: Any, truth: Any) -> int:
    """Tell the truth about predictions; see `Lab.feedback`."""
    if isinstance(ids, str):
        ids, truth = [ids], [truth]
    ids, truth = list(ids), list(truth)
    if len(ids) != len(truth):
        raise InputError(f"There are {len(ids)} ids, but {len(truth)} truths. Give one each.")
    items = [{"id": i, "truth": _plain(t)} for i, t in zip(ids, truth, strict=True)]
    size = min(settings.max_rows, FEEDBACK_ITEMS)
    for start in range(0, max(len(items), 1), size):
        client.post("/feedback", {"items": items[start : start + size]})
    return len(items)


def _ask(
    client: Client, name: str, chunk: pd.DataFrame, version: int | None, start: int
) -> dict[str, Any]:
    """Ask about a part of a table, which begins at row `start` of the whole."""
    try:
        answer: dict[str, Any] = client.post(
            f"/models/{name}/predict", {"columns": as_columns(chunk)}, version
        )
    except InputError as error:
        if not start:
            raise
        rows = [d | {"row": d["row"] + start} for d in error.details if d.get("row") is not None]
        raise InputError(f"Counted from row {start} of the table: {error}", rows) from error
    return answer


def _answered(answer: dict[str, Any]) -> pd.DataFrame:
    ids = pd.Series(answer["ids"], dtype="str")
    return pd.DataFrame({"prediction_id": ids, **answer_columns(answer)})


def _serving(client: Client, name: str) -> int | None:
    """Return the version that is live; None leaves it to the API to say why there is none."""
    live = client.get(f"/models/{name}")["live"]
    return None if live is None else int(live["version"])


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's, which JSON knows; what is missing is null."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is pd.NA or value != value else value
