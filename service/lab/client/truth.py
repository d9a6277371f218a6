"""Truth: what is known about predictions later, in the forms in which people hold it."""

import re
from collections.abc import Iterable, Mapping, Set
from decimal import Decimal
from numbers import Integral, Real
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd

from service.contract.errors import InputError
from service.contract.log.line import UUID7
from service.contract.settings import Settings
from service.contract.text import printable, show
from service.lab.client.answer_table import PREDICTION_ID, TARGETS
from service.lab.client.client import Client
from service.lab.client.rows import COUNTED

ITEMS = 20_000  # of one request, at most
ID = re.compile(UUID7)
NO_TRUTH = "mMcSV"  # kinds of arrays: durations, times, complex numbers, bytes, records
WANTED = "a class or a number is expected, or one a target"
MISSING = "which is missing; leave its id out until the truth is known"


def send_feedback(client: Client, settings: Settings, ids: Any, truth: Any) -> int:
    """Send the truth about predictions; see `LogBook.feedback`."""
    items = feedback_items(ids, truth)
    size = min(settings.max_rows, ITEMS)
    for start in range(0, max(len(items), 1), size):
        client.post("/feedback", {"items": items[start : start + size]})
    return len(items)


def feedback_items(ids: Any, truth: Any) -> list[dict[str, Any]]:
    """Pair ids and truths, and turn each truth into what JSON can hold.

    Parameters
    ----------
    ids : str or sequence of str, shape (n,)
    truth : value, sequence, array, Series, DataFrame or dict, shape (n,) or (n, n_targets)
        A Series or DataFrame follows the index of `ids`, if that is a Series with the same labels.

    Returns
    -------
    items : list of dict
        Each with an id and its truth: a class or number; with several targets, a list of these
        in the order of the targets, or a dict by target.

    Raises
    ------
    InputError
        Something is no id or no truth; the text and the details name it.

    Examples
    --------
    >>> one = "019a0000-0000-7000-8000-000000000000"
    >>> feedback_items([one], np.array([[True]]))
    [{'id': '019a0000-0000-7000-8000-000000000000', 'truth': True}]
    >>> feedback_items([one], pd.DataFrame({"low": [1.5], "high": [2.5]}))[0]["truth"]
    {'low': 1.5, 'high': 2.5}
    """
    if isinstance(ids, str):
        ids, truth = [ids], _of_one(truth)
    names = _ids(ids)
    truths = _truths(truth)
    if len(names) != len(truths):
        raise InputError(
            f"There are {len(names)} ids, but {len(truths)} truths. Pass one for each id."
        )
    targets = ids.attrs.get(TARGETS) if isinstance(ids, pd.Series | pd.DataFrame) else None
    order = _order(ids, truth)
    if order is not None:
        truths = [truths[place] for place in order]
    items, problems = [], []
    for number, (name, value) in enumerate(zip(names, truths, strict=True)):
        if not isinstance(name, str) or not ID.fullmatch(name.lower()):
            wrong = f"has the id {show(name)}; a prediction's id is in its answer and in the log"
        else:
            try:
                items.append({"id": name, "truth": _of_targets(_told(value), targets)})
                continue
            except ValueError as error:
                wrong = f"has the truth {error}"
        problems.append({"item": number, "problem": wrong})
    if problems:
        sentences = [f"Item {each['item']} {each['problem']}." for each in problems[:3]]
        more = f" And {len(problems) - 3} more." if len(problems) > 3 else ""
        raise InputError(" ".join(sentences) + more, problems[:20])
    return items


def _of_one(truth: Any) -> Any:
    """Put the truth about a single prediction into rows, if it is not in one yet."""
    if isinstance(truth, list | tuple):
        return truth if len(truth) == 1 else [truth]
    if isinstance(truth, pd.Series | np.ndarray) and truth.ndim == 1 and len(truth) > 1:
        return [truth]
    return truth if isinstance(truth, pd.DataFrame) or np.ndim(truth) else [truth]


def _ids(ids: Any) -> list[Any]:
    if isinstance(ids, pd.DataFrame) and PREDICTION_ID in ids:
        ids = ids[PREDICTION_ID]
    if isinstance(ids, np.ndarray):
        ids = ids.ravel()
    if isinstance(ids, pd.DataFrame | Mapping | Set) or not isinstance(ids, Iterable):
        raise InputError(
            f"The ids are {show(ids)}; pass one id, or a list or column of ids. "
            f"They are in the column {PREDICTION_ID!r} of what lab.predict returned."
        )
    return [str(each) if isinstance(each, UUID) else each for each in ids]


def _truths(truth: Any) -> list[Any]:
    """List the truths: a value, list or dict for each row."""
    truth = _as_known(truth)
    if isinstance(truth, Mapping) and truth and all(map(_is_column, truth.values())):
        lengths = {str(name): len(column) for name, column in truth.items()}
        if len({*lengths.values()}) > 1:
            raise InputError(f"The targets differ in their number of truths: {lengths}.")
        truth = pd.DataFrame({name: [*each] for name, each in truth.items()}, dtype=object)
    if isinstance(truth, pd.DataFrame):
        return _rows(truth)
    if isinstance(truth, np.ndarray):
        if truth.ndim > 2 or truth.dtype.kind in NO_TRUTH:
            raise InputError(
                f"The truth is an array of shape {truth.shape} and type {truth.dtype}; "
                "pass classes or numbers, of shape (n,) or (n, n_targets)."
            )
        return [*truth.tolist()] if truth.ndim else [truth.item()]
    if isinstance(truth, pd.Series | pd.Index):
        return [*truth.tolist()]
    if isinstance(truth, Set):
        raise InputError(f"The truth is {show(truth)}, which has no order. Pass a list.")
    if isinstance(truth, str | bytes | Mapping) or not isinstance(truth, Iterable):
        return [truth]
    return [*truth]


def _is_column(values: Any) -> bool:
    return isinstance(values, list | tuple | pd.Series | np.ndarray)


def _as_known(truth: Any) -> Any:
    """Turn what other libraries hold into pandas, NumPy or lists, without importing them.

    A table of polars or pyarrow becomes a DataFrame; a column of theirs, and what SciPy and
    PyTorch hold, an array or a list.
    """
    if isinstance(truth, pd.DataFrame | pd.Series | pd.Index | np.ndarray | list | Mapping):
        return truth
    if hasattr(truth, "to_pydict"):
        return pd.DataFrame(truth.to_pydict(), dtype=object)
    if hasattr(truth, "to_dicts"):
        return pd.DataFrame(truth.to_dict(as_series=False), dtype=object)
    for method in ("to_list", "to_pylist", "toarray"):
        if hasattr(truth, method):
            return getattr(truth, method)()
    return np.asarray(truth) if hasattr(truth, "__array__") else truth


def _rows(table: pd.DataFrame) -> list[Any]:
    """List a table's rows: the values of a single column, or a dict by column."""
    names = [*map(str, table.columns)]
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice or not names:
        raise InputError(
            f"The table of truths has the column {twice[0]!r} twice. Rename one of the two."
            if twice
            else "The table of truths has no column. Pass a column for each target."
        )
    columns: list[list[Any]] = [table.iloc[:, place].tolist() for place in range(len(names))]
    if len(columns) == 1:
        return columns[0]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _order(ids: Any, truth: Any) -> list[int] | None:
    """Find for each id the place of its truth by their labels; None if they are in one order."""
    pandas = (pd.Series, pd.DataFrame)
    if not isinstance(ids, pandas) or not isinstance(truth, pandas):
        return None
    if ids.index.equals(truth.index) or ids.attrs.get(COUNTED):
        return None
    places = truth.index.get_indexer(ids.index) if truth.index.is_unique else np.array([-1])
    if not ids.index.is_unique or (places < 0).any():
        only = ids.index.difference(truth.index)
        which = f" (e.g. {only[0]!r} is only in that of the ids)" if len(only) else ""
        raise InputError(
            f"The index of the truth has other labels than that of the ids{which}, so it is not "
            "known which belong together. If they are in the same order, pass truth.to_numpy()."
        )
    return [*places.tolist()]


def _told(value: Any) -> Any:
    """Turn a truth into what JSON can hold.

    Raises
    ------
    ValueError
        It is no truth; the text says why.
    """
    if isinstance(value, pd.Series):
        is_counted = value.index.equals(pd.RangeIndex(len(value)))
        value = [*value] if is_counted else value.to_dict()
    elif isinstance(value, np.ndarray) and value.ndim and value.dtype.kind not in NO_TRUTH:
        value = value.tolist()
    if isinstance(value, Mapping):
        told = {str(name): _plain(each, f" for {str(name)!r}") for name, each in value.items()}
        if not told or not all(map(_is_text, told)):
            raise ValueError(f"{show(value)}; {WANTED}")
        return told
    if not isinstance(value, list | tuple):
        return _plain(value)
    if len(value) < 2:  # a column, as a list of lists
        return _plain(value[0] if value else value)
    return [_plain(each, f" for target {place}") for place, each in enumerate(value)]


def _of_targets(told: Any, targets: int | None) -> Any:
    """Pass a truth on if it has as many values as the prediction, as far as this is known.

    Raises
    ------
    ValueError
        It has more or fewer; the text says how many, and what to pass.
    """
    by_name = isinstance(told, dict)  # which may tell of some targets alone
    if targets is None or (by_name and targets > 1):
        return told
    values = len(told) if isinstance(told, list | dict) else 1
    if values == targets:
        return told
    wanted = (
        "one a target" if targets > 1 else "one a row; of one-hot columns, their idxmax(axis=1)"
    )
    raise ValueError(
        f"{show(told)}, of {values} values; the model predicts {targets}. Pass {wanted}"
    )


def _plain(value: Any, where: str = "") -> bool | int | float | str:
    """Turn a class or number into Python's own."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, str) and _is_text(value):
        return str(value)
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if value is None or value is pd.NA or value is pd.NaT or _is_nan(value):
        raise ValueError(f"None{where}, {MISSING}")
    if isinstance(value, np.timedelta64):  # which NumPy counts among the integers
        raise ValueError(f"{show(value)}{where}; {WANTED}")
    if isinstance(value, Integral):
        if -(2**63) <= int(value) < 2**64:
            return int(value)
        raise ValueError(f"{show(value)}{where}; the log holds integers of 64 bits")
    if isinstance(value, Real | Decimal):
        number = float(value)
        if np.isfinite(number):
            return number
        raise ValueError(f"{show(value)}{where}; a number must be finite")
    raise ValueError(f"{show(value)}{where}; {WANTED}")


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating | Decimal) and value != value


def _is_text(value: str) -> bool:
    return printable(value) == value
