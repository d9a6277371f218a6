"""Feedback: the truth about predictions, told later, in the prediction log as well."""

import re
from typing import Any

from service.api.log.ids import prediction_ids
from service.api.log.prediction_log import PredictionLog
from service.api.metrics.metrics import metrics
from service.contract.errors import InputError
from service.contract.log.line import UUID7, Feedback, encode, now
from service.contract.text import printable, show

PREDICTION_ID = re.compile(UUID7)


def keep(log: PredictionLog, items: Any, client: str) -> int:
    """Write what was told to the log; it is there when this returns.

    Parameters
    ----------
    log : PredictionLog
    items : list of dict
        Each with an `id` and its `truth`: a class or number; with several targets, an
        object of these, by target, or a list, in the order of the targets. Of several
        about one id the last one counts.
    client : str
        Who tells it.

    Returns
    -------
    n_items : int

    Raises
    ------
    InputError
        Names each item that cannot be used; nothing was written.
    LogWriteError
        The log cannot be written.
    """
    if not isinstance(items, list) or not items:
        raise InputError('In the body, `items` must be a list of {"id": …, "truth": …}.')
    problems = [
        {"item": number, "problem": problem}
        for number, item in enumerate(items)
        if (problem := _problem(item)) is not None
    ]
    if problems:
        sentences = [f"Item {each['item']} {each['problem']}." for each in problems[:3]]
        more = f" And {len(problems) - 3} more." if len(problems) > 3 else ""
        raise InputError(" ".join(sentences) + more, problems[:20])
    line: Feedback = {
        "feedback": len(items),
        "time": now(),
        "told": prediction_ids(1)[0],
        "client": client,
        "about": [item["id"].lower() for item in items],
        "truth": [item["truth"] for item in items],
    }
    log.write([encode(line)])
    metrics.feedback_items.inc(len(items))
    return len(items)


def _problem(item: Any) -> str | None:
    """Say what is wrong with an item, or None."""
    if not isinstance(item, dict) or item.keys() != {"id", "truth"}:
        return f"is {show(item)}, but an object with `id` and `truth` is expected"
    name, truth = item["id"], item["truth"]
    if not isinstance(name, str) or not PREDICTION_ID.fullmatch(name.lower()):
        return f"has the id {show(name)}; a prediction's id is in the response and in the log"
    values = [truth]
    if isinstance(truth, dict) and truth:
        values = [*truth.values()]
    elif isinstance(truth, list) and len(truth) > 1:
        values = truth
    if not all(map(_is_known, [*values, *(truth if isinstance(truth, dict) else ())])):
        return f"has the truth {show(truth)}; a class or a number is expected, or one a target"
    return None


def _is_known(value: Any) -> bool:
    """Whether a value is a class or a number that the log can hold."""
    if isinstance(value, str):
        return printable(value) == value
    if isinstance(value, float):
        return value - value == 0  # neither infinite nor NaN
    return isinstance(value, int) and -(2**63) <= value < 2**64
