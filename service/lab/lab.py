"""Lab: the loop in a few verbs."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from service.contract.errors import ApiUnreachableError, InputError, LabloopError, RefusedError
from service.contract.manifest import Manifest
from service.contract.model_store import Aliases, ModelStore
from service.contract.settings import Settings, settings
from service.contract.signature import as_columns, as_frame
from service.lab import log_reader
from service.lab.answer_table import answer_columns
from service.lab.client import Client, collector_paused
from service.lab.publication import ModelVersion, Publication

CHUNK_VALUES = 40_000
CHUNKS_AT_ONCE = 3  # one is read, one computed, one written
MARGIN_SECONDS = 30.0  # beyond TRIAL_SECONDS
POLL_SECONDS = 0.05


class Lab:
    """Publish models, ask the API, read its log.

    Parameters
    ----------
    **overrides
        Settings that replace those of the environment: ``api_url``,
        ``models_dir``, ``logs_dir``, ….

    Examples
    --------
    >>> Lab(api_url="http://127.0.0.1:9").predict("iris", {"sepal_length": 5.1})
    Traceback (most recent call last):
        ...
    service.contract.errors.ApiUnreachableError: The API at http://127.0.0.1:9 does not answer ...
    """

    def __init__(self, **overrides: Any) -> None:
        self.settings = Settings(**overrides) if overrides else settings()
        self._store = ModelStore(self.settings.models_dir)
        self._client = Client(self.settings.api_url)

    def publish(
        self,
        name: str,
        estimator: Any,
        X: pd.DataFrame | np.ndarray,
        y: Any,
        *,
        metrics: Mapping[str, float] | None = None,
        class_names: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> ModelVersion:
        """Publish a fitted estimator, make it live, and wait until the API serves it.

        Parameters
        ----------
        name : str
            Small letters, digits, ``-`` and ``_``.
        estimator : fitted scikit-learn estimator
            Usually a Pipeline, so that preprocessing travels with it.
        X : DataFrame or ndarray, shape (n_rows, n_features)
            The table that it was fitted with; the signature is read from it.
        y : array-like of shape (n_rows,)
            The target.
        metrics : mapping of str to float, optional
            How good it is, e.g. ``{"accuracy": 0.97}``.
        class_names : sequence of str, shape (n_classes,), optional
            A name for people a class, in the order of ``estimator.classes_``.
        parameters : mapping, optional
            What the notebook was run with.

        Returns
        -------
        ModelVersion

        Raises
        ------
        EstimatorError
            The estimator cannot be published; nothing was written.
        RefusedError
            The API refused the version, with its reason; what was live is live again.
        ApiUnreachableError
            The version is written and live, but no API answers to serve it.
        """
        publication = Publication(name, estimator, X, y)
        version = publication.write(
            self._store, self.settings, metrics or {}, class_names, parameters or {}
        )
        return self._make_live(name, version)

    def predict(self, name: str, X: Any, version: int | None = None) -> pd.DataFrame:
        """Ask the API about rows.

        Parameters
        ----------
        name : str
            The model.
        X : DataFrame, dict, list of dict, or ndarray
            A dict is one row. A large table goes in chunks, with a progress bar.
        version : int, optional
            A version that is not live may be asked too.

        Returns
        -------
        DataFrame of shape (n_rows, …)
            With the index of `X`: prediction_id, prediction, and one proba_<class> a class.
            One version answers all rows.

        Raises
        ------
        InputError
            Rows do not fit the model. The text names feature and row; the rows in
            `details` are counted in the whole of `X`.
        NotFoundError
            There is no such model or version.
        """
        if isinstance(X, dict):
            X = [X]
        if isinstance(X, list) and X and isinstance(X[0], dict):
            X = pd.DataFrame(X)
        table = as_frame(X)
        size = min(self.settings.max_rows, max(1, CHUNK_VALUES // max(1, len(table.columns))))
        starts = range(0, max(len(table), 1), size)
        with tqdm(total=len(table), unit="row", disable=len(starts) < 2, desc=name) as bar:

            def ask(start: int) -> pd.DataFrame:
                chunk = table.iloc[start : start + size]
                with collector_paused():
                    part = _answered(self._ask(name, chunk, version, start))
                bar.update(len(chunk))
                return part

            if len(starts) == 1:
                parts = [ask(0)]
            else:
                # A hot reload meanwhile does not mix two versions.
                version = version or self._serving(name)
                with ThreadPoolExecutor(CHUNKS_AT_ONCE) as pool:
                    parts = [*pool.map(ask, starts)]
        result = pd.concat(parts, ignore_index=True)
        return result.set_index(X.index if isinstance(X, pd.DataFrame) else table.index)

    def predictions(
        self,
        name: str,
        since: str | pd.Timestamp | None = None,
        until: str | pd.Timestamp | None = None,
        version: int | None = None,
    ) -> pd.DataFrame:
        """Read a model's logged predictions back, oldest first.

        Parameters
        ----------
        name : str
            The model.
        since, until : str or Timestamp, optional
            From and before when: a time, or how long ago as "1d" or "15min".
        version : int, optional
            Only its answers.

        Returns
        -------
        DataFrame of shape (n_predictions, …)
            See `service.lab.log_reader.read`.

        Raises
        ------
        NotFoundError
            No model of this name was ever published.
        """
        if not self._store.versions(name):
            self._store.folder(name, 1)
        return log_reader.read(self.settings.logs_dir, name, since, until, version)

    def models(self) -> pd.DataFrame:
        """List the models of the store, one row a model."""
        rows = []
        for name in self._store.names():
            versions, live = self._store.versions(name), self._store.aliases(name).live
            manifest = self._store.manifest(name, live) if live in versions else None
            rows.append(
                {"model": name, "live": live, "versions": len(versions), **_summary(manifest)}
            )
        table = pd.DataFrame(rows, columns=None if rows else ["model", "live", "versions"])
        return table.astype({"live": "Int64"}).set_index("model")

    def versions(self, name: str) -> pd.DataFrame:
        """List a model's versions, the newest first, one row a version.

        Raises
        ------
        NotFoundError
            There is no such model.
        """
        versions = self._store.versions(name)
        if not versions:
            self._store.folder(name, 1)
        live = self._store.aliases(name).live
        rows = [
            {
                "version": version,
                "live": version == live,
                **_summary(self._store.manifest(name, version)),
            }
            for version in reversed(versions)
        ]
        return pd.DataFrame(rows).set_index("version")

    def promote(self, name: str, version: int) -> ModelVersion:
        """Make a version live, and wait until the API serves it.

        Raises
        ------
        NotFoundError
            There is no such model or version.
        RefusedError
            The API refused it; what was live is live again.
        """
        return self._make_live(name, version)

    def rollback(self, name: str) -> ModelVersion:
        """Make the version live that was live before, and wait until the API serves it.

        Raises
        ------
        NotFoundError
            Nothing was live before.
        RefusedError
            The API refused it; what was live is live again.
        """
        live = self._store.aliases(name).live
        aliases = self._store.rollback(name)
        try:
            return self._wait(name, aliases)
        except RefusedError:
            if live is not None:
                self._store.promote(name, live)
            raise

    def _serving(self, name: str) -> int | None:
        """Give the version that is live; None leaves it to the API to say why there is none."""
        live = self._client.get(f"/models/{name}")["live"]
        return None if live is None else int(live["version"])

    def _ask(
        self, name: str, chunk: pd.DataFrame, version: int | None, start: int
    ) -> dict[str, Any]:
        """Ask about a part of a table, which begins at row `start` of the whole."""
        try:
            answer: dict[str, Any] = self._client.post(
                f"/models/{name}/predict", {"columns": as_columns(chunk)}, version
            )
        except InputError as error:
            if not start:
                raise
            rows = [
                d | {"row": d["row"] + start} for d in error.details if d.get("row") is not None
            ]
            raise InputError(f"Counted from row {start} of the table: {error}", rows) from error
        return answer

    def _make_live(self, name: str, version: int) -> ModelVersion:
        aliases = self._store.promote(name, version)
        try:
            return self._wait(name, aliases)
        except RefusedError:
            self._store.withdraw(name, version)
            raise

    def _wait(self, name: str, aliases: Aliases) -> ModelVersion:
        """Wait until the API has acted on an alias change, and say what came of it."""
        version = aliases.live
        assert version is not None
        seconds = self.settings.trial_seconds + MARGIN_SECONDS
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                seen = self._client.get(f"/models/{name}")
            except ApiUnreachableError as error:
                raise ApiUnreachableError(
                    f"{name} version {version} is written and live, but not served yet. {error}"
                ) from error
            workers = seen["workers"]
            if all(worker["generation"] >= aliases.generation for worker in workers):
                self._check_refusals(name, version, workers)
                return ModelVersion(
                    name,
                    version,
                    all(worker["version"] == version for worker in workers),
                    self._store.manifest(name, version),
                    len(workers),
                )
            time.sleep(POLL_SECONDS)
        raise LabloopError(
            f"The API did not serve {name} version {version} within {seconds:.0f} s. "
            f"GET {self.settings.api_url}/models/{name} shows what it does."
        )

    def _check_refusals(self, name: str, version: int, workers: list[dict[str, Any]]) -> None:
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

    def __repr__(self) -> str:
        return f"Lab(api_url={self.settings.api_url!r})"

    def _repr_html_(self) -> str:
        where = f"<p>Lab at <code>{escape(self.settings.api_url)}</code></p>"
        models = self.models()
        return where + (models.to_html() if len(models) else "<p>No model is published yet.</p>")


def _answered(answer: dict[str, Any]) -> pd.DataFrame:
    ids = pd.Series(answer["ids"], dtype="str")
    return pd.DataFrame({"prediction_id": ids, **answer_columns(answer)})


def _summary(manifest: Manifest | None) -> dict[str, Any]:
    if manifest is None:
        return {}
    return {
        "created": pd.Timestamp(manifest.created).round("s"),
        "estimator": manifest.estimator,
        "rows": manifest.rows,
        **manifest.metrics,
    }
