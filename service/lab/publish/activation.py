"""Activation: make a version live, and wait until the API serves it."""

import time
from typing import Any

from service.contract.errors import (
    ApiUnreachableError,
    LabloopError,
    NotFoundError,
    RefusedError,
)
from service.contract.model.aliases import Aliases
from service.contract.model.store import ModelStore
from service.contract.settings import Settings
from service.lab.client.client import Client
from service.lab.publish.publication import ModelVersion

MARGIN_SECONDS = 30.0  # after TRIAL_SECONDS, the longest that a validation may take
POLL_SECONDS = 0.05


class Activation:
    """Make versions live, and wait until all workers of all replicas of the API serve them.

    A worker that starts is waited for, too. One that is stuck is not, but is named.

    Parameters
    ----------
    client : Client
    store : ModelStore
    settings : Settings
    """

    def __init__(self, client: Client, store: ModelStore, settings: Settings) -> None:
        self._client = client
        self._store = store
        self._settings = settings

    def promote(self, name: str, version: int) -> ModelVersion:
        """Make a version live; see `Lab.promote`."""
        aliases = self._store.promote(name, version)
        try:
            return self._wait(name, aliases)
        except RefusedError as refusal:
            raise self._withdrawn(name, version, refusal) from refusal

    def rollback(self, name: str) -> ModelVersion:
        """Make the version before the live one live again; see `Lab.rollback`."""
        live = self._store.aliases(name).live
        aliases = self._store.rollback(name)
        try:
            return self._wait(name, aliases)
        except RefusedError as refusal:
            if live is not None and self._store.has(name, live):
                self._store.promote(name, live)
                raise
            assert aliases.live is not None
            raise self._withdrawn(name, aliases.live, refusal) from refusal

    def _withdrawn(self, name: str, version: int, refusal: RefusedError) -> RefusedError:
        """Take `live` off a refused version; return the error, with what is live instead."""
        aliases = self._store.withdraw(name, version)
        if not aliases.passed_over:
            return refusal
        deleted = ", ".join(map(str, aliases.passed_over))
        now = "Nothing" if aliases.live is None else f"Version {aliases.live}"
        return RefusedError(f"{refusal} Deleted and passed over: {deleted}. {now} is live.")

    def _wait(self, name: str, aliases: Aliases) -> ModelVersion:
        """Wait until all workers have seen a change of the aliases, and served or refused it."""
        version = aliases.live
        assert version is not None
        seconds = self._settings.trial_seconds + MARGIN_SECONDS
        deadline = time.monotonic() + seconds
        late: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            try:
                seen = self._client.get(f"/models/{name}")
            except ApiUnreachableError as error:
                if late:  # it answered before: one of several replicas went away just now
                    time.sleep(POLL_SECONDS)
                    continue
                raise ApiUnreachableError(
                    f"{name} version {version} is written and live, but not served yet. {error}"
                ) from error
            except NotFoundError:
                if not self._settings.store_url:
                    raise
                time.sleep(POLL_SECONDS)  # the API looks at the object store once a second
                continue
            workers = [each for each in seen["workers"] if each["state"] not in ("stuck", "gone")]
            stuck = [each for each in seen["workers"] if each["state"] == "stuck"]
            late = [each for each in workers if each["generation"] < aliases.generation]
            if not late:
                _check_refusals(name, version, workers)
                return ModelVersion(
                    name,
                    version,
                    all(worker["version"] == version for worker in workers),
                    self._store.manifest(name, version),
                    len(workers),
                    tuple(aliases.passed_over),
                    len({worker["replica"] for worker in workers}),
                    tuple(_names(stuck, seen["workers"])),
                )
            time.sleep(POLL_SECONDS)
        states = zip(_names(late, workers), late, strict=True)
        waited = ", ".join(f"{name} is {each['state']}" for name, each in states)
        raise LabloopError(
            f"The API did not serve {name} version {version} within {seconds:.0f} s"
            f"{waited and f' ({waited})'}. "
            f"GET {self._settings.api_url}/models/{name} shows what it does."
        )


def _check_refusals(name: str, version: int, workers: list[dict[str, Any]]) -> None:
    refusing = [w for w in workers if w["version"] != version and str(version) in w["refused"]]
    if not refusing:
        return
    who = "The API"
    if len(refusing) < len(workers):
        names = ", ".join(_names(refusing, workers))
        who = f"{len(refusing)} of the API's {len(workers)} workers ({names})"
    reason, serving = refusing[0]["refused"][str(version)], refusing[0]["version"]
    still = f"Version {serving} serves on." if serving else "Nothing is served."
    raise RefusedError(f"{who} refused {name} version {version}: {reason} {still}")


def _names(some: list[dict[str, Any]], workers: list[dict[str, Any]]) -> list[str]:
    """Name some of the workers by their process and, if there are several, by their replica."""
    if len({worker["replica"] for worker in workers}) == 1:
        return [f"process {worker['pid']}" for worker in some]
    return [f"process {worker['pid']} of {worker['replica']}" for worker in some]
