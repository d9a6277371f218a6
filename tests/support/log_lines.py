"""Lines of a prediction log, made by hand, and what a log holds."""

import json
import os
import warnings
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from service.api.log.ids import prediction_ids
from service.api.log.prediction_log import PredictionLog
from service.contract.log.segment import FOLDER, all_segments
from service.contract.settings import Settings
from service.lab.log import reader as log_reader
from service.lab.log.copy import LogCopy


def line(rows: int = 1, **more: Any) -> bytes:
    """Return what one request writes."""
    fields: dict[str, Any] = {
        "model": "iris",
        "version": 1,
        "digest": "0123456789ab",
        "time": "2026-05-01T12:00:00.000001+00:00",
        "image": "labloop-api:0.1.0",
        "client": "test",
        "latency_ms": 1.25,
        "inputs": {"size": [1.5] * rows},
        "ids": prediction_ids(rows),
        "predictions": ["small"] * rows,
        "classes": ["small", "large"],
        "probabilities": [[0.75, 0.25]] * rows,
        "targets": None,
        "marks": {},
    }
    return orjson.dumps(fields | more)


def ids_of(text: bytes) -> list[str]:
    return [*orjson.loads(text)["ids"]]


def open_log(folder: Path, **settings: Any) -> PredictionLog:
    log = PredictionLog(Settings(logs_dir=folder, **settings))
    log.start()
    return log


def written(folder: Path, *lines: bytes) -> Path:
    """Write a log of one segment; return the segment."""
    log = open_log(folder)
    log.write([*lines])
    log.stop()
    return segments(folder)[-1]


def crashed(folder: Path, *lines: bytes, torn: bytes = b"") -> Path:
    """Leave what a killed writer leaves: an open segment, whose end may be torn."""
    pid = os.fork()
    if not pid:
        open_log(folder).write([*lines])
        os._exit(0)
    os.waitpid(pid, 0)
    segment = segments(folder)[-1]
    with segment.open("ab") as file:
        file.write(torn)
    return segment


def segments(folder: Path) -> list[Path]:
    return sorted(all_segments(folder / FOLDER), key=lambda file: file.name)


def records(folder: Path) -> list[dict[str, Any]]:
    """List all whole lines."""
    try:
        texts = [text for s in segments(folder) for text in s.read_text().split("\n")[:-1]]
    except FileNotFoundError:  # sealed or deleted just now
        return records(folder)
    return [json.loads(text) for text in texts]


def requests(folder: Path) -> list[dict[str, Any]]:
    return [record for record in records(folder) if "model" in record]


def logged_ids(folder: Path) -> list[str]:
    return [each for record in requests(folder) for each in record["ids"]]


def copy_of(folder: Path) -> LogCopy:
    return LogCopy(folder, folder / "copy")


def read(folder: Path, name: str = "iris", logs: Path | None = None, **choice: Any) -> pd.DataFrame:
    """Read a log; its copy goes into the folder, where that is not the log itself."""
    return log_reader.read(LogCopy(logs or folder, folder / "copy"), name, **choice)


def warned(folder: Path) -> list[str]:
    """List what the reader warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(folder)
    return [str(each.message) for each in caught]


def quietly(folder: Path) -> pd.DataFrame:
    """Read, without what the reader warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(folder)


def sql(folder: Path, query: str) -> pd.DataFrame:
    return log_reader.sql(copy_of(folder), query)
