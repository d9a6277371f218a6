"""The log of a model as `Lab.predictions` gives it, made without an API."""

from pathlib import Path
from typing import Any

import pandas as pd

from service.contract.json_columns import as_columns
from service.contract.model.manifest import Manifest
from service.contract.model.store import ModelStore
from service.contract.signature.predictions import predict_columns
from service.lab.client.answer_table import answer_columns
from service.lab.log.publications import Logged
from service.lab.publish.publication import Publication
from service.lab.reports import quality, replay
from service.lab.reports.quality import Quality
from service.lab.reports.replay import Replay


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


def measure(log: pd.DataFrame, manifest: Manifest, every: Any = None) -> Quality:
    """Measure the log of versions that are all like the one of the manifest."""
    output = manifest.signature.output
    logged = [
        Logged(int(version), output.classes, output.targets, part)
        for version, part in log.groupby("version")
    ]
    numbers = [each.version for each in logged] or [1]
    return quality.measure(logged, dict.fromkeys(numbers, manifest), numbers[0], every)


def run(store: ModelStore, name: str, version: int, log: pd.DataFrame) -> Replay:
    """Replay the log of versions with the classes of the one that predicts."""
    output = store.manifest(name, version).signature.output
    logged = [
        Logged(number, output.classes, output.targets, part.dropna(axis=1, how="all"))
        for number, part in log.groupby("version")
    ]
    return replay.run(store, name, version, logged)
