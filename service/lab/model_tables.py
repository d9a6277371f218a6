"""Model tables: the models of the store, and the versions of one model."""

from typing import Any

import pandas as pd

from service.contract.errors import LabloopError
from service.contract.model.manifest import Manifest
from service.contract.model.store import ModelStore
from service.lab.client.client import Client

SECONDS = 5.0  # for the API to say what it serves


def models(store: ModelStore, client: Client) -> pd.DataFrame:
    """List the models of the store; see `Lab.models`."""
    rows = []
    workers = _workers(client)
    for name in store.names():
        row: dict[str, Any] = {"model": name, "live": None, "versions": len(store.versions(name))}
        try:
            row["live"] = live = store.aliases(name).live
            if name in workers:
                row["replicas"] = _serving(workers[name], live)
            row |= {} if live is None else _summary(store.manifest(name, live))
        except LabloopError as error:
            row["problem"] = store.problem(name) or str(error)
        rows.append(row)
    table = pd.DataFrame(rows, columns=None if rows else ["model", "live", "versions"])
    return table.astype({"live": "Int64"}).set_index("model")


def _workers(client: Client) -> dict[str, list[dict[str, Any]]]:
    """Ask the API what its workers serve; nothing where it does not say: the store can be read."""
    try:
        return {each["name"]: each["workers"] for each in client.get("/models", SECONDS)["models"]}
    except LabloopError:
        return {}


def _serving(workers: list[dict[str, Any]], live: int | None) -> str:
    """Say how many replicas serve the live version in all their workers.

    Examples
    --------
    >>> one = {"replica": "api-0", "state": "serving", "version": 2}
    >>> two = {"replica": "api-1", "state": "starting", "version": None}
    >>> _serving([one, two, two | {"replica": "api-2", "state": "gone"}], 2)
    '1 of 2'
    """
    replicas: dict[str, bool] = {}
    for each in workers:
        if each["state"] != "gone":
            serves = each["state"] != "stuck" and each["version"] == live is not None
            replicas[each["replica"]] = replicas.get(each["replica"], True) and serves
    return f"{sum(replicas.values())} of {len(replicas)}"


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
