"""The log of a model as `Lab.predictions` gives it, made without an API."""

from pathlib import Path
from typing import Any

import pandas as pd

from service.contract.model.manifest import Manifest
from service.contract.model.store import ModelStore
from service.contract.signature.predictions import predict_columns
from service.contract.table import as_columns
from service.lab.client.answer_table import answer_columns
from service.lab.publish.publication import Publication


def manifest_of(publication: Publication, **more: Any) -> Manifest:
    return Manifest(
        model=publication.name,
        estimator="",
        rows=publication.rows,
        signature=publication.signature,
        image="local",
        **more,
    )


def publish(folder: Path, publication: Publication) -> ModelStore:
    store = ModelStore(folder)
    publication.write(store, {}, None, {})
    return store


def logged(publication: Publication, X: pd.DataFrame, version: int = 1) -> pd.DataFrame:
    """Ask the estimator about each row, one a minute, and lay all out as the log reader does."""
    inputs = as_columns(X.reset_index(drop=True))
    signature = publication.signature
    columns = signature.parse_columns(inputs)
    given = predict_columns(publication.estimator, signature, columns)
    line = {
        "predictions": given.predictions,
        "probabilities": given.probabilities,
        "scores": given.scores,
        "classes": signature.output.classes,
        "targets": signature.output.targets,
    }
    own: dict[str, Any] = {
        "prediction_id": [f"{version}-{row}" for row in range(len(X))],
        "time": pd.date_range("2026-05-01", periods=len(X), freq="1min", tz="UTC"),
        "model": publication.name,
        "version": version,
        **answer_columns(line),
        "latency": 1.0,
        "batch": 1,
        "client": "test",
        "marks": [[] for _ in range(len(X))],
        "image": "local",
        "truth": pd.Series([None] * len(X), dtype=object),
    }
    return pd.DataFrame(own | {f"input.{f}" if f in own else f: v for f, v in inputs.items()})
