"""Lab: the loop in a few verbs."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from service.contract.errors import LabloopError, RefusedError
from service.contract.model.aliases import Aliases
from service.contract.model.manifest import Manifest
from service.contract.settings import Settings, settings
from service.lab.client.table_requests import ask
from service.lab.doctor.diagnosis import Diagnosis
from service.lab.doctor.doctor import Doctor
from service.lab.log_verbs import LogBook
from service.lab.publish.activation import wait_until_served
from service.lab.publish.publication import ModelVersion, Publication


class Lab(LogBook):
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
        super().__init__(Settings(**overrides) if overrides else settings())

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
        private: Iterable[str] = (),
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
        private : iterable of str, optional
            Features of which the API neither logs nor shows a value, e.g. ``["sex"]``. The
            version's own files keep training rows with them.

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
        publication = Publication(name, estimator, X, y, private)
        version = publication.write(self._store, metrics or {}, class_names, parameters or {})
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
        return ask(self._client, self.settings, name, X, version)

    def models(self) -> pd.DataFrame:
        """List the models of the store, one row a model.

        Where something is wrong with a model, a column `problem` says what.
        """
        rows = []
        for name in self._store.names():
            row: dict[str, Any] = {
                "model": name,
                "live": None,
                "versions": len(self._store.versions(name)),
            }
            try:
                row["live"] = live = self._store.aliases(name).live
                row |= {} if live is None else _summary(self._store.manifest(name, live))
            except LabloopError as error:
                row["problem"] = self._store.problem(name) or str(error)
            rows.append(row)
        table = pd.DataFrame(rows, columns=None if rows else ["model", "live", "versions"])
        return table.astype({"live": "Int64"}).set_index("model")

    def versions(self, name: str) -> pd.DataFrame:
        """List a model's versions, the newest first, one row a version.

        Where something is wrong with a version, a column `problem` says what.

        Raises
        ------
        NotFoundError
            There is no such model.
        ArtifactError
            Its alias file is damaged.
        """
        self._check(name)
        live = self._store.aliases(name).live
        rows = []
        for version in reversed(self._store.versions(name)):
            row: dict[str, Any] = {"version": version, "live": version == live}
            try:
                row |= _summary(self._store.manifest(name, version))
            except LabloopError as error:
                row["problem"] = str(error)
            rows.append(row)
        return pd.DataFrame(rows, columns=None if rows else ["version", "live"]).set_index(
            "version"
        )

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

        A version that was deleted is passed over.

        Returns
        -------
        ModelVersion
            Its `passed_over` names what was.

        Raises
        ------
        NotFoundError
            Nothing was live before, or none of it is there.
        RefusedError
            The API refused it; what was live is live again.
        """
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

    def delete(self, name: str, version: int) -> None:
        """Delete a version that is not live, for good.

        Its number is never given out again. What the log holds of it stays and is read as before;
        what would need its files says when it was deleted.

        Parameters
        ----------
        name : str
            The model.
        version : int

        Raises
        ------
        NotFoundError
            There is no such model or version.
        InUseError
            It is live: make another live first.

        Examples
        --------
        >>> from tempfile import mkdtemp
        >>> Lab(models_dir=mkdtemp(), logs_dir=mkdtemp()).delete("iris", 1)
        Traceback (most recent call last):
            ...
        service.contract.errors.NotFoundError: There is no model 'iris'; published: none yet.
        """
        self._store.delete(name, version)

    def doctor(self) -> Diagnosis:
        """Look at everything that the loop needs, as this notebook sees it.

        Returns
        -------
        Diagnosis
            A finding a check: the API, versions and clocks on both sides, models, folders, free
            space and the log; each with what to do about it. `make doctor` looks at the rest.

        Examples
        --------
        >>> from tempfile import mkdtemp
        >>> lab = Lab(api_url="http://127.0.0.1:9", logs_dir=mkdtemp(), log_copy_dir=mkdtemp())
        >>> lab.doctor().fixes[0].sentence
        'The API at http://127.0.0.1:9 does not answer ...
        """
        return Doctor(self.settings, self._store, self._client, self._log).examine()

    @property
    def headers(self) -> dict[bytes, bytes]:
        """What a request to the API must carry, for programs that ask by themselves.

        Examples
        --------
        >>> Lab(api_token="secret").headers
        {b'Authorization': b'Bearer secret'}
        """
        return dict(self._client.headers)

    def _make_live(self, name: str, version: int) -> ModelVersion:
        aliases = self._store.promote(name, version)
        try:
            return self._wait(name, aliases)
        except RefusedError as refusal:
            raise self._withdrawn(name, version, refusal) from refusal

    def _withdrawn(self, name: str, version: int, refusal: RefusedError) -> RefusedError:
        """Take `live` off a refused version; return the refusal, with what else is to be known."""
        aliases = self._store.withdraw(name, version)
        if not aliases.passed_over:
            return refusal
        deleted = ", ".join(map(str, aliases.passed_over))
        now = "Nothing" if aliases.live is None else f"Version {aliases.live}"
        return RefusedError(f"{refusal} Before it was {deleted}, now deleted: {now} is live.")

    def _wait(self, name: str, aliases: Aliases) -> ModelVersion:
        return wait_until_served(self._client, self._store, self.settings, name, aliases)

    def __repr__(self) -> str:
        return f"Lab(api_url={self.settings.api_url!r})"

    def _repr_html_(self) -> str:
        where = f"<p>Lab at <code>{escape(self.settings.api_url)}</code></p>"
        models = self.models()
        return where + (models.to_html() if len(models) else "<p>No model is published yet.</p>")


def _summary(manifest: Manifest | None) -> dict[str, Any]:
    if manifest is None:
        return {}
    return {
        "created": pd.Timestamp(manifest.created).round("s"),
        "estimator": manifest.estimator,
        "rows": manifest.rows,
        **({"commit": manifest.commit} if manifest.commit else {}),
        **manifest.metrics,
    }
