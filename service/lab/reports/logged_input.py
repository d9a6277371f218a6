"""Logged input: the column of a feature in a table of logged predictions."""

import pandas as pd

from service.lab.log.columns import OWN

OUTPUTS = ("prediction", "proba_")


def logged_input(log: pd.DataFrame, name: str) -> pd.Series | None:
    """Return the column of a feature; None if the log does not have it.

    A feature whose name is taken, in capitals or not, is in ``input.<name>``.

    Examples
    --------
    >>> log = pd.DataFrame({"time": [0], "size": [1.0], "input.Time": [2.0]})
    >>> logged_input(log, "size").name, logged_input(log, "Time").name
    ('size', 'input.Time')
    >>> logged_input(log, "version") is None
    True
    """
    other = f"input.{name}"
    is_ours = name.casefold() in OWN or (name.startswith(OUTPUTS) and other in log)
    column = other if is_ours or name not in log else name
    return log.get(column)
