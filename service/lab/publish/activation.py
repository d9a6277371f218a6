"""Serving: waiting until the API has acted on a change of an alias."""

import time
from typing import Any

from service.contract.errors import ApiUnreachableError, LabloopError, RefusedError
from service.contract.model.aliases import Aliases
from service.contract.model.store import ModelStore
from service.contract.settings import Settings
from service.lab.client.client import Client
from service.lab.publish.publication import ModelVersion

MARGIN_SECONDS = 30.0  # beyond TRIAL_SECONDS
POLL_SECONDS = 0.05


def wait_until_served(
    client: Client, store: ModelStore, settings: Settings, name: str, aliases: Aliases
) -> ModelVersion:
    """Wait until the API has acted on an alias change, and say what came of it.

    Raises
    ------
    RefusedError
        A worker refused the version; the text says why.
    ApiUnreachableError
        Nothing answers.
    LabloopError
        It takes longer than a validation may.
    """
    version = aliases.live
    assert version is not None
    seconds = settings.trial_seconds + MARGIN_SECONDS
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            seen = client.get(f"/models/{name}")
        except ApiUnreachableError as error:
            raise ApiUnreachableError(
                f"{name} version {version} is written and live, but not served yet. {error}"
            ) from error
        workers = seen["workers"]
        if all(worker["generation"] >= aliases.generation for worker in workers):
            _check_refusals(name, version, workers)
            return ModelVersion(
                name,
                version,
                all(worker["version"] == version for worker in workers),
                store.manifest(name, version),
                len(workers),
                tuple(aliases.passed_over),
            )
        time.sleep(POLL_SECONDS)
    raise LabloopError(
        f"The API did not serve {name} version {version} within {seconds:.0f} s. "
        f"GET {settings.api_url}/models/{name} shows what it does."
    )


def _check_refusals(name: str, version: int, workers: list[dict[str, Any]]) -> None:
    refusing = [w for w in workers if w["version"] != version and str(version) in w["refused"]]
    if not refusing:
        return
    who = "The API"
    if len(refusing) < len(workers):
        pids = ", ".join(str(worker["pid"]) for worker in refusing)
        who = f"{len(refusing)} of the API's {len(workers)} workers (process {pids})"
    reason, serving = refusing[0]["refused"][str(version)], refusing[0]["version"]
    still = f"Version {serving} serves on." if serving else "Nothing is served."
    raise RefusedError(f"{who} refused {name} version {version}: {reason} {still}")
