"""Log verbs: those verbs of `Lab` that read the prediction log, or add to it."""

import warnings
from typing import Any, TypeAlias

import pandas as pd

from service.contract.errors import LogElsewhereError
from service.contract.model import opening
from service.contract.settings import Settings
from service.lab.client.client import Client
from service.lab.client.truth import send_feedback
from service.lab.log import reader as log_reader
from service.lab.log.archive.copy import ArchiveCopy
from service.lab.log.copy import Log, LogCopy
from service.lab.log.place import log_elsewhere, segments_here

When: TypeAlias = str | pd.Timestamp | None
"""A time, or how long ago as "1d" or "15min"."""


class LogBook:
    """The prediction log.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._store = opening.for_lab(settings)
        self._client = Client(settings.api_url, settings.api_token.get_secret_value())
        self._log: Log = LogCopy(settings.logs_dir, settings.log_copy_dir)
        if settings.archive_url:
            self._log = ArchiveCopy(settings.archive_url, settings.log_copy_dir)

    def predictions(
        self,
        name: str,
        since: When = None,
        until: When = None,
        version: int | None = None,
        last: int | None = None,
    ) -> pd.DataFrame:
        """Read a model's logged predictions back, oldest first.

        Parameters
        ----------
        name : str
            The model.
        since, until : str or Timestamp, optional
            From when, and before when: a time, or how long ago as "1d" or "15min".
        version : int, optional
            Only predictions of this version.
        last : int, optional
            Only this many, the latest ones.

        Returns
        -------
        DataFrame of shape (n_predictions, …)
            See `service.lab.log.reader.read`.

        Raises
        ------
        NotFoundError
            No model of this name was ever published.
        LogElsewhereError
            The log that is read here is empty, and the API writes another one; the text says
            where. If the log here is not empty, this is a warning.
        StoreError
            With `ARCHIVE_URL`: the object store cannot be used; the text says why.
        """
        self._check(name)
        self._check_place()
        return log_reader.read(self._log, name, since, until, version, last)

    def sql(self, query: str) -> pd.DataFrame:
        """Query the whole log by SQL.

        Parameters
        ----------
        query : str
            DuckDB's SQL. The table ``predictions`` holds those of all models, with the columns
            that `predictions` returns, except truth, and with each line's sequence and writer. A
            model with more than 200 features has them in one column instead, ``inputs``, as JSON.
            The table ``feedback`` holds the latest truth about each prediction: prediction_id,
            truth (as text), time and client. Files are tables, too: ``'scores/*.parquet'``, and in
            an object store ``'s3://bucket/scores/*.parquet'``. A query about these alone reads no
            log.

        Returns
        -------
        DataFrame

        Raises
        ------
        duckdb.Error
            The query is wrong; the text says where.
        LogElsewhereError, StoreError
            As in `predictions`.

        Examples
        --------
        >>> from tempfile import mkdtemp
        >>> from service.lab import Lab
        >>> lab = Lab(logs_dir=mkdtemp(), log_copy_dir=mkdtemp())
        >>> lab.sql("SELECT count(*) AS n FROM predictions")
           n
        0  0
        """
        if not log_reader.is_about_files(query):
            self._check_place()
        return log_reader.sql(self._log, query)

    def feedback(self, ids: Any, truth: Any) -> int:
        """Tell the API the truth about predictions, by their ids. The latest truth counts.

        Parameters
        ----------
        ids : str or sequence of str, shape (n,)
            Prediction ids, from `predict` or `predictions`.
        truth : value, sequence, array, Series or DataFrame, shape (n,) or (n, n_targets)
            The right classes or numbers, as y was at training; True and False also tell classes
            1 and 0. With several targets, a dict a row, or the columns of a table: by name if
            they have the targets' names, else in the order of the targets. If both `ids` and
            `truth` have an index with the same labels, these say which belong together.

        Returns
        -------
        n : int
            How many truths the API wrote to its log.

        Raises
        ------
        InputError
            An id is malformed, a truth is missing or can be no truth, or the labels differ; the
            text says which. Nothing was sent.

        Examples
        --------
        >>> from service.lab import Lab
        >>> Lab(api_url="http://127.0.0.1:9").feedback(["one", "two"], ["setosa"])
        Traceback (most recent call last):
            ...
        service.contract.errors.InputError: There are 2 ids, but 1 truths. Pass one for each id.
        """
        return send_feedback(self._client, self.settings, ids, truth)

    def _check(self, name: str) -> None:
        """Raise `NotFoundError` if there never was such a model; its versions may be deleted."""
        if name not in self._store.names():
            self._store.check(name, 1)

    def _check_place(self) -> None:
        """Refuse an empty log, and warn of any other, if it is not the one that the API writes."""
        if not (sentence := log_elsewhere(self._client, self.settings)):
            return
        if not self.settings.archive_url and not segments_here(self.settings):
            raise LogElsewhereError(sentence)
        warnings.warn(sentence, stacklevel=3)
