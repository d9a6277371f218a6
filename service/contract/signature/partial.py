"""Partial predictions: those rows of a table that can be predicted, and why others cannot."""

from collections.abc import Callable, Sequence
from typing import Any

from service.contract.errors import InputError
from service.contract.signature.frame import Refused, take
from service.contract.signature.predictions import Predictions
from service.contract.signature.signature import Columns, Signature

Part = tuple[Sequence[int], Predictions]
"""Rows, counted from 0 in the whole table, and what is predicted for them."""


def predict_each(
    predict: Callable[[Columns], Predictions],
    signature: Signature,
    columns: Columns,
    rows: Sequence[int],
) -> tuple[list[Part], Refused]:
    """Predict rows of checked columns, each as it would be predicted alone.

    Parameters
    ----------
    predict : callable
        Predicts checked columns, and raises `InputError` where it cannot.
    signature : Signature
    columns : dict of str to list or ndarray
        The whole table.
    rows : sequence of int
        Those to predict.

    Returns
    -------
    parts : list of tuple
        Rows with their predictions.
    refused : dict of int to str
        Rows that the estimator refuses, with its reason.
    """
    parts: list[Part] = []
    refused: Refused = {}
    for group in _alike(signature, columns, rows):
        predicted, without = _predicted(predict, signature, columns, group)
        parts += predicted
        refused |= without
    return parts, refused


def _alike(signature: Signature, columns: Columns, rows: Sequence[int]) -> list[Sequence[int]]:
    """Part rows so that none changes the dtypes of another one's columns."""
    if not signature.widening:
        return [rows]
    tables = ({name: [columns[name][row]] for name in signature.widening} for row in rows)
    return [[rows[place] for place in places] for places in signature.alike(tables)]


def _predicted(
    predict: Callable[[Columns], Predictions],
    signature: Signature,
    columns: Columns,
    rows: Sequence[int],
) -> tuple[list[Part], Refused]:
    """Predict rows; if the estimator refuses them, find those that it can predict.

    Rows with the same unseen categories are predicted or refused together. Other groups are
    halved until the refused rows are alone.
    """
    if not len(rows):
        return [], {}
    is_whole = len(rows) == len(columns[signature.names[0]])
    part = columns if is_whole else take(columns, rows)
    try:
        return [(rows, predict(part))], {}
    except InputError as error:
        reason = str(error).rstrip(".")
    unseen: dict[int, tuple[Any, ...]] = {}
    for mark, places in signature.marks(part).items():
        name = mark.removeprefix("unseen:")
        if name != mark:
            for place in places:
                unseen[place] = (*unseen.get(place, ()), name, part[name][place])
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(unseen.get(place, ()), []).append(row)
    if len(groups) == 1:
        if unseen or len(rows) == 1:
            return [], dict.fromkeys(rows, reason)
        half = len(rows) // 2
        groups = {(0,): [*rows[:half]], (1,): [*rows[half:]]}
    parts: list[Part] = []
    refused: Refused = {}
    for group in groups.values():
        predicted, without = _predicted(predict, signature, columns, group)
        parts += predicted
        refused |= without
    return parts, refused
