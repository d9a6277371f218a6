"""Lab: the verbs of a notebook, for the whole loop."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from service.contract.settings import Settings, settings
from service.lab import model_tables
from service.lab.client.table_requests import predict
from service.lab.cluster_verbs import ClusterVerbs
from service.lab.doctor.diagnosis import Diagnosis
from service.lab.doctor.doctor import examine
from service.lab.publish.activation import Activation
from service.lab.publish.publication import ModelVersion, Publication


class Lab(ClusterVerbs):
    """Publish models, get predictions from the API, and read its log.

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
        self._activation = Activation(self._client, self._store, self.settings)

    def publish(
        self,
        name: str,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        metrics: Mapping[str, float] | None = None,
        class_names: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        private: Iterable[str] = (),
        kinds: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Publish a fitted estimator, make it live, and wait until the API serves it.

        Parameters
        ----------
        name : str
            Small letters, digits, ``-`` and ``_``.
        estimator : fitted scikit-learn estimator
            Usually a Pipeline, so that preprocessing travels with it.
        X : DataFrame or ndarray, shape (n_rows, n_features); or texts, shape (n_rows,)
            The table that it was fitted with; the signature is read from it. Lists of lists, lists
            of dicts, and tables of polars and pyarrow are read, too.
        y : array-like of shape (n_rows,), optional
            The target. A clusterer, mixture or outlier detector needs none.
        parameters : mapping, optional
            The parameters that the notebook was run with. They are kept as JSON: arrays as lists,
            paths, dates and estimators as text.
        private : iterable of str, optional
            Features whose values the API neither logs nor shows, e.g. ``["sex"]``. The
            version's own files still hold training rows with them.
        kinds : mapping of str to str, optional
            "text" or "category" for columns of text, e.g. ``{"zip": "category"}``. By default one
            is a category while its values repeat; see docs/models.md.

        Returns
        -------
        ModelVersion

        Raises
        ------
        EstimatorError
            The estimator cannot be published; nothing was written.
        RefusedError
            The API refused the version; the text says why. The version before it is live again.
        ApiUnreachableError
            The version is written and live, but there is no API to serve it.

        Examples
        --------
        >>> from tempfile import mkdtemp
        >>> from sklearn.linear_model import Ridge
        >>> X, y = pd.DataFrame({"size": [1.0, 2.0, 3.0]}), [10.0, 20.0, 30.0]
        >>> lab = Lab(api_url="http://127.0.0.1:9", models_dir=mkdtemp())
        >>> lab.publish("price", Ridge().fit(X, y), X, y, private=["size"])
        Traceback (most recent call last):
            ...
        service.contract.errors.ApiUnreachableError: price version 1 is written and live, but ...
        """
        publication = Publication(name, estimator, X, y, private, kinds)
        version = publication.write(self._store, metrics, class_names, parameters)
        return self._activation.promote(name, version)

    def predict(
        self, name: str, X: Any, version: int | None = None, *, drop_extra: bool = False
    ) -> pd.DataFrame:
        """Get predictions for rows from the API.

        Parameters
        ----------
        name : str
            The model.
        X : DataFrame, ndarray, or any other form that `publish` takes
            The rows. A dict or a Series of a table is one row, and a dict of lists is a table.
            Columns without names are taken in the order of training. A large table is sent in
            parts, with a progress bar.
        version : int, optional
            The version that predicts; by default the live one.
        drop_extra : bool
            Whether to leave out columns that the model does not know. By default they are refused.

        Returns
        -------
        DataFrame of shape (n_rows, …)
            With the index of `X`: prediction_id, prediction, score if the model gives one, and a
            proba_<class> for each class. One version predicts all rows. An outlier detector's
            score is negative for an outlier; a mixture's is the log-likelihood of the row.

        Raises
        ------
        InputError
            Rows do not fit the model. The text names the feature and the row; `details` counts
            rows from the first row of `X`.
        NotFoundError
            There is no such model or version.
        """
        return predict(self._client, self.settings, name, X, version, drop_extra)

    def models(self) -> pd.DataFrame:
        """List the models of the store.

        Returns
        -------
        DataFrame of shape (n_models, …)
            One row a model, by its name: live, versions (how many there are), replicas (how many
            replicas of the API serve the live version, e.g. "2 of 3"; not if there is no API), and
            of the live version created, estimator, rows, commit and its metrics. If something is
            wrong with a model, the column problem says what.

        Examples
        --------
        >>> from tempfile import mkdtemp
        >>> Lab(api_url="http://127.0.0.1:9", models_dir=mkdtemp()).models()
        Empty DataFrame
        Columns: [live, versions]
        Index: []
        """
        return model_tables.models(self._store, self._client)

    def versions(self, name: str) -> pd.DataFrame:
        """List a model's versions, the newest first.

        Parameters
        ----------
        name : str
            The model.

        Returns
        -------
        DataFrame of shape (n_versions, …)
            One row a version, by its number: live (whether it is), created, estimator, rows,
            commit and its metrics. If something is wrong with a version, the column problem
            says what.

        Raises
        ------
        NotFoundError
            There is no such model.
        ArtifactError
            The model's alias file is damaged.
        """
        self._check(name)
        return model_tables.versions(self._store, name)

    def promote(self, name: str, version: int) -> ModelVersion:
        """Make a version live, and wait until the API serves it.

        Parameters
        ----------
        name : str
            The model.
        version : int

        Returns
        -------
        ModelVersion

        Raises
        ------
        NotFoundError
            There is no such model or version.
        RefusedError
            The API refused the version; the text says why. The version before it is live again.
        ApiUnreachableError
            The version is live, but there is no API to serve it.
        """
        return self._activation.promote(name, version)

    def rollback(self, name: str) -> ModelVersion:
        """Make the version before the live one live again, and wait until the API serves it.

        Deleted versions are passed over.

        Parameters
        ----------
        name : str
            The model.

        Returns
        -------
        ModelVersion
            Its `passed_over` holds the numbers of the versions that were.

        Raises
        ------
        NotFoundError
            No version was live before, or all of them were deleted.
        RefusedError
            The API refused the version; the text says why. The version before it is live again.
        ApiUnreachableError
            The version is live, but there is no API to serve it.
        """
        return self._activation.rollback(name)

    def delete(self, name: str, version: int) -> None:
        """Delete a version that is not live. This cannot be undone.

        Its number is never used again. Its predictions stay in the log and are read as before. A
        verb that needs its files says when it was deleted.

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
            The version is live. Make another one live first.

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
        """Check everything that the loop needs, as this notebook sees it.

        Returns
        -------
        Diagnosis
            The findings: the API, versions and clocks on both sides, models, folders, free space
            and the log; each with what to do about it. `make doctor` checks the rest.

        Examples
        --------
        >>> from tempfile import mkdtemp
        >>> lab = Lab(api_url="http://127.0.0.1:9", logs_dir=mkdtemp(), log_copy_dir=mkdtemp())
        >>> lab.doctor().fixes[0].sentence
        'The API at http://127.0.0.1:9 does not answer ...
        """
        return examine(self.settings, self._store, self._client, self._log)

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers that each request to the API must have, for programs that send their own.

        Examples
        --------
        >>> Lab(api_token="secret").headers
        {b'Authorization': b'Bearer secret'}
        """
        return dict(self._client.headers)

    def __repr__(self) -> str:
        return f"Lab(api_url={self.settings.api_url!r})"

    def _repr_html_(self) -> str:
        where = f"<p>Lab at <code>{escape(self.settings.api_url)}</code></p>"
        models = self.models()
        return where + (models.to_html() if len(models) else "<p>No model is published yet.</p>")
