"""Answer table: the columns of predictions, in a response and in the log."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from service.contract.signature.output import Output
from service.contract.signature.predictions import Predictions

PREDICTION_ID = "prediction_id"
TARGETS = "targets"  # an attribute of predictions: how many values each of them has


def answer_columns(response: dict[str, Any]) -> dict[str, Any]:
    """Turn a response of the API into columns.

    Parameters
    ----------
    response : dict
        With predictions, probabilities, classes, and scores or targets if there are any.

    Returns
    -------
    columns : dict of str to list or ndarray, each of shape (n_rows,)
        prediction, score if there is one, and a proba_<class> for each class; with several
        targets prediction_<target> and proba_<target>_<class>.

    Examples
    --------
    >>> answer_columns({"predictions": [1], "classes": [0, 1], "probabilities": [[0.2, 0.8]]})
    {'prediction': [1], 'proba_0': [0.2], 'proba_1': [0.8]}
    """
    names = distinct((name for name, *_ in answer_places(response)), [PREDICTION_ID])
    columns = []
    for _, field, *places in answer_places(response):
        values = response[field]
        if isinstance(values, np.ndarray) and places:
            values = values[(slice(None), *places)]
        else:
            for place in places:
                values = [row[place] for row in values]
        columns.append(values)
    return dict(zip(names, columns, strict=True))


def answer_frame(given: Predictions, output: Output) -> pd.DataFrame:
    """Turn predictions that were made here into the columns that a response has.

    Examples
    --------
    >>> given = Predictions(predictions=[1], probabilities=np.array([[0.2, 0.8]]))
    >>> output = Output(task="classification", classes=[0, 1], probabilities=True)
    >>> answer_frame(given, output)
       prediction  proba_0  proba_1
    0           1      0.2      0.8
    """
    fields = ("predictions", "probabilities", "scores")
    line = {field: getattr(given, field) for field in fields}
    return pd.DataFrame(
        answer_columns(line | {"classes": output.classes, "targets": output.targets})
    )


def answer_places(response: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Say for each column where its values are, in a response or in a line of the log.

    Parameters
    ----------
    response : dict
        A response of the API, or a line of the log.

    Returns
    -------
    places : list of tuple
        The column's name, the field, and the position in each row of this field.

    Examples
    --------
    >>> answer_places({"classes": ["a", "b"], "probabilities": [[0.2, 0.8]]})[1:]
    [('proba_a', 'probabilities', 0), ('proba_b', 'probabilities', 1)]
    """
    targets, classes = response.get("targets"), response["classes"]
    has_probabilities = response["probabilities"] is not None
    if targets is None:
        places: list[tuple[Any, ...]] = [("prediction", "predictions")]
        places += [("score", "scores")] if response.get("scores") is not None else []
        for number, label in enumerate(classes or [] if has_probabilities else []):
            places.append((f"proba_{label}", "probabilities", number))
        return places
    places = [(f"prediction_{name}", "predictions", t) for t, name in enumerate(targets)]
    for t, name in enumerate(targets if has_probabilities else []):
        if classes is None:  # each target is either on or off
            places.append((f"proba_{name}", "probabilities", t))
        else:
            places += [
                (f"proba_{name}_{label}", "probabilities", t, number)
                for number, label in enumerate(classes[t])
            ]
    return places


def distinct(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Find a column name for each name, so that no two differ in capitals alone.

    Parameters
    ----------
    names : iterable of str
    taken : iterable of str
        Names that are in use.

    Returns
    -------
    list of str
        A name that is in use gets a number.

    Examples
    --------
    >>> distinct(["proba_a", "proba_A", "prediction_id"], ["prediction_id"])
    ['proba_a', 'proba_A (2)', 'prediction_id (2)']
    """
    used = {name.casefold() for name in taken}
    found = []
    for name in names:
        shown, times = name, 1
        while shown.casefold() in used:
            times += 1
            shown = f"{name} ({times})"
        used.add(shown.casefold())
        found.append(shown)
    return found


def input_names(columns: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Find a column name for each input, so that no two names differ in capitals alone.

    Parameters
    ----------
    columns : iterable of str
        Features, and other columns of a data set.
    taken : iterable of str
        Names that are in use.

    Returns
    -------
    names : dict of str to str
        One whose name is taken is called ``input.<name>``.

    Examples
    --------
    >>> input_names(["size", "Version"], ["version"])
    {'size': 'size', 'Version': 'input.Version'}
    """
    used = {name.casefold() for name in taken}
    names = {}
    for column in columns:
        name = column
        while name.casefold() in used:
            name = f"input.{name}"
        used.add(name.casefold())
        names[column] = name
    return names
