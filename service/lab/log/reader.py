"""Log reader: the prediction log as a table."""

import re
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeAlias, TypeVar

import duckdb
import numpy as np
import pandas as pd

from service.contract.object_url import SCHEME
from service.lab.log.columns import Database, connect, let_read
from service.lab.log.copy import Log, LogFiles
from service.lab.log.copy_files import Part
from service.lab.log.publications import Logged, publications, truths, typed
from service.lab.log.view import create_views
from service.lab.log.wide import unfolded

T = TypeVar("T")
Window: TypeAlias = dict[str, Any]
"""The parameters of `ROWS`: after, before, last, and first, the least prediction id."""

OWN_FILE = re.compile(r"'[^']+\.(parquet|csv)'", re.IGNORECASE)
LOG_TABLE = re.compile(r"\b(predictions|feedback)\b", re.IGNORECASE)
ATTEMPTS = 3  # retention may delete a segment while it is read
HEAD = ["prediction_id", "time", "model", "version"]
REST = ["truth", "latency", "batch", "client", "marks", "image"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
WARNED = 20  # damaged places that are named one by one
ROWS = """
    SELECT predictions.* EXCLUDE (sequence, writer)
            REPLACE (predictions.prediction_id::VARCHAR AS prediction_id,
                CASE WHEN len(marks) > 0 THEN marks END AS marks),
        feedback.truth
    FROM predictions LEFT JOIN feedback USING (prediction_id)
    WHERE predictions.time >= $after AND predictions.time < $before
        AND ($first IS NULL OR predictions.prediction_id >= $first::UUID)
    ORDER BY predictions.prediction_id DESC LIMIT $last"""
FIRST_OF_LAST = """
    SELECT min(prediction_id)::VARCHAR FROM (
        SELECT prediction_id FROM predictions WHERE time >= $after AND time < $before
        ORDER BY prediction_id DESC LIMIT $last
    )"""
UNMATCHED = """
    SELECT count(*) FROM feedback ANTI JOIN predictions USING (prediction_id)
    WHERE uuid_extract_timestamp(prediction_id) >= $after
        AND uuid_extract_timestamp(prediction_id) < $before"""


def read(
    copy: Log,
    name: str,
    since: str | pd.Timestamp | None = None,
    until: str | pd.Timestamp | None = None,
    version: int | None = None,
    last: int | None = None,
) -> pd.DataFrame:
    """Read a model's logged predictions, oldest first.

    Parameters
    ----------
    copy : Log
    name : str
        The model.
    since, until : str or Timestamp, optional
        A time, e.g. "2026-05-01 12:00", in UTC unless it has another zone; or how long ago,
        e.g. "1d", "2h" or "15min".
    version : int, optional
        Only this version.
    last : int, optional
        Only this many, the latest ones.

    Returns
    -------
    DataFrame of shape (n_predictions, …)
        One row a prediction: prediction_id, time, model, version, prediction, score if the
        model gives one, a proba_<class> for each class, truth (missing if it is not known),
        latency (ms), batch (rows in its request), client, marks, image, then the features. A
        feature whose name is taken, as score is, appears as ``input.<name>``. Datetimes and
        timedeltas are exact to the microsecond. A model with several targets has
        prediction_<target> and proba_<target>_<class>; its truth is a dict.
        ``attrs["torn_lines"]`` counts the lines in the whole log that a crash cut off.
        ``attrs["unmatched_feedback"]`` counts the predictions of this time that have feedback,
        but are not in the log.

    Raises
    ------
    ValueError
        `last` is below 1, or `since` or `until` is no time.
    LabloopError
        The log cannot be read, or its copy cannot be written.

    Warns
    -----
    UserWarning
        A line of the log is damaged or missing; the text names the file and the line.
    """
    window = _window(since, until, last)

    def table_of(files: LogFiles) -> pd.DataFrame:
        all_models = [part for part in files.predictions if _is_in_time(part, window)]
        chosen = [p for p in all_models if p.model == name and version in (None, p.version)]
        told = _told_in_time(files, all_models, window)
        database = files.database
        create_views(database, chosen, told)
        table = _rows(database, window)
        table["truth"] = typed(table, truths(database, chosen, table))
        table.attrs["unmatched_feedback"] = 0
        if told:
            create_views(database, all_models, told)
            ((count,),) = database.execute(UNMATCHED, _times(window)).fetchall()
            table.attrs["unmatched_feedback"] = count
        return table

    table, files = _read_now(copy, table_of)
    table.attrs["torn_lines"] = files.torn
    return table


def read_apart(
    copy: Log,
    name: str,
    since: str | pd.Timestamp | None = None,
    until: str | pd.Timestamp | None = None,
    last: int | None = None,
) -> list[Logged]:
    """Read a model's logged predictions as `read` does, but each publication by itself.

    Where versions differ in a feature's type or in their classes, one table has to join these:
    a number beside a text becomes text. Here, values are what the version was asked and answered.
    """
    window = _window(since, until, last)

    def tables_of(files: LogFiles) -> list[Logged]:
        chosen = [p for p in files.predictions if p.model == name and _is_in_time(p, window)]
        told = _told_in_time(files, chosen, window)
        database = files.database
        create_views(database, chosen, told)
        ((first,),) = database.execute(FIRST_OF_LAST, _times(window) | {"last": last}).fetchall()
        found = []
        for each in publications(database, chosen):
            create_views(database, each.files, told)
            table = _rows(database, window | {"first": first})
            if len(table):
                table["truth"] = typed(table, truths(database, each.files, table))
                found.append(Logged(each.version, each.classes, each.targets, table))
        return found

    return _read_now(copy, tables_of)[0]


def is_about_files(query: str) -> bool:
    """Whether a query reads files alone, and nothing of the log.

    Examples
    --------
    >>> is_about_files("FROM 'scores/*.parquet'"), is_about_files("SHOW TABLES")
    (True, False)
    """
    return OWN_FILE.search(query) is not None and LOG_TABLE.search(query) is None


def sql(copy: Log, query: str) -> pd.DataFrame:
    """Query the whole log by SQL; see `service.lab.log_verbs.LogBook.sql`."""
    if not query.strip():
        raise ValueError('The query is empty. Try "SELECT count(*) FROM predictions".')

    def table_of(files: LogFiles | None) -> pd.DataFrame:
        with connect() as database:  # the user's own query may read any file
            if files is not None:
                create_views(database, files.predictions, files.feedback)
            if SCHEME in query:
                let_read(database, SCHEME)
            return database.execute(query).df()

    return table_of(None) if is_about_files(query) else _read_now(copy, table_of)[0]


def _read_now(copy: Log, table_of: Callable[[LogFiles], T]) -> tuple[T, LogFiles]:
    """Read from the log as it is now, and warn of what is wrong with the log."""
    for attempt in range(ATTEMPTS):
        try:
            with copy.files() as files:
                table = table_of(files)
            break
        except duckdb.IOException:  # retention deleted a segment, and with it a file of the copy
            if attempt + 1 == ATTEMPTS:
                raise
    for damage in islice(files.damage, WARNED):
        warnings.warn(damage, stacklevel=4)
    if len(files.damage) > WARNED:
        warnings.warn(f"And {len(files.damage) - WARNED} more.", stacklevel=4)
    return table, files


def _rows(database: Database, window: Window) -> pd.DataFrame:
    """Read the rows of the view, the columns in their order; the truth is text."""
    table = unfolded(database.execute(ROWS, window).df()[::-1].reset_index(drop=True))
    marks = [m.tolist() if isinstance(m, np.ndarray) else [] for m in table["marks"]]
    table["marks"] = pd.Series(marks, dtype=object)
    outputs = [c for c in table.columns if c.startswith(("prediction", "proba_")) and c not in HEAD]
    if "score" in table:
        outputs.insert(1, "score")
    return table[[*dict.fromkeys([*HEAD, *outputs, *REST, *table.columns])]]


def _window(
    since: str | pd.Timestamp | None, until: str | pd.Timestamp | None, last: int | None
) -> Window:
    if last is not None and last < 1:
        raise ValueError(f"last={last} is no number of predictions; it must be at least 1.")
    after = FIRST if since is None else _moment(since)
    before = LAST if until is None else _moment(until)
    return {"after": after, "before": before, "last": last, "first": None}


def _times(window: Window) -> Window:
    return {name: window[name] for name in ("after", "before")}


def _is_in_time(part: Part, window: Window) -> bool:
    after, before = (_microseconds(moment) for moment in _times(window).values())
    return part.last >= after and part.first < before


def _told_in_time(files: LogFiles, parts: list[Part], window: Window) -> list[Part]:
    """List the files of feedback that may be about predictions of this time.

    After the clock was set back, ids are later than lines; feedback follows the ids.
    """
    after, before = (_microseconds(moment) for moment in _times(window).values())
    first = min([after, *(part.first for part in parts)])
    final = max([before, *(part.last for part in parts)])
    return [part for part in files.feedback if part.last >= first and part.first <= final]


def _microseconds(moment: datetime) -> int:
    """Return the microseconds since 1970, as in the names of the copy's files."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def _moment(when: str | pd.Timestamp) -> datetime:
    """Read a time, or how long ago.

    Examples
    --------
    >>> str(_moment("2026-05-01 12:00"))
    '2026-05-01 12:00:00+00:00'
    >>> _moment("1d") < datetime.now(UTC)
    True
    """
    try:
        ago = re.sub(r"d\b", "D", when) if isinstance(when, str) else when  # as pandas spells days
        moment = pd.Timestamp.now("UTC") - pd.Timedelta(ago)
    except (ValueError, TypeError, OverflowError):
        try:
            moment = pd.Timestamp(when)
        except (ValueError, TypeError, OverflowError):
            moment = pd.NaT
    if pd.isna(moment):
        raise ValueError(f"{when!r} is no time: give '2026-05-01 12:00' or '1d'.")
    moment = moment.tz_localize("UTC") if moment.tz is None else moment.tz_convert("UTC")
    return moment.floor("us").to_pydatetime()  # type: ignore[no-any-return]
