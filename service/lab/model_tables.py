"""Model tables: the models of the store, and the versions of one model."""

from typing import Any

import pandas as pd

from service.contract.errors import LabloopError
from service.contract.model.manifest import Manifest
from service.contract.model.store import ModelStore


def models(store: ModelStore) -> pd.DataFrame:
    """List the models of the store; see `Lab.models`."""
    rows = []
    for name in store.names():
        row: dict[str, Any] = {"model": name, "live": None, "versions": len(store.versions(name))}
        try:
            row["live"] = live = store.aliases(name).live
            row |= {} if live is None else _summary(store.manifest(name, live))
        except LabloopError as error:
            row["problem"] = store.problem(name) or str(error)
        rows.append(row)
    table = pd.DataFrame(rows, columns=None if rows else ["model", "live", "versions"])
    return table.astype({"live": "Int64"}).set_index("model")


def versions(store: ModelStore, name: str) -> pd.DataFrame:
    """List the versions of a model, the newest first; see `Lab.versions`."""
    live = store.aliases(name).live
    rows = []
    for version in reversed(store.versions(name)):
        row: dict[str, Any] = {"version": version, "live": version == live}
        try:
            row |= _summary(store.manifest(name, version))
        except LabloopError as error:
            row["problem"] = str(error)
        rows.append(row)
    table = pd.DataFrame(rows, columns=None if rows else ["version", "live"])
    return table.set_index("version")


def _summary(manifest: Manifest) -> dict[str, Any]:
    return {
        "created": pd.Timestamp(manifest.created).round("s"),
        "estimator": manifest.estimator,
        "rows": manifest.rows,
        **({"commit": manifest.commit} if manifest.commit else {}),
        **manifest.metrics,
    }
