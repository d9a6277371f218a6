"""Answer table: what a model answered, in columns."""

from collections.abc import Iterable
from typing import Any

PREDICTION_ID = "prediction_id"


def answer_columns(answer: dict[str, Any]) -> dict[str, list[Any]]:
    """Lay an answer of the API out in columns.

    Returns
    -------
    columns : dict of str to list, each of shape (n_rows,)
        prediction and one proba_<class> a class; with several targets
        prediction_<target> and proba_<target>_<class>.

    Examples
    --------
    >>> answer_columns({"predictions": [1], "classes": [0, 1], "probabilities": [[0.2, 0.8]]})
    {'prediction': [1], 'proba_0': [0.2], 'proba_1': [0.8]}
    """
    names = distinct((name for name, *_ in answer_places(answer)), [PREDICTION_ID])
    columns = []
    for _, field, *places in answer_places(answer):
        values = answer[field]
        for place in places:
            values = [row[place] for row in values]
        columns.append(values)
    return dict(zip(names, columns, strict=True))


def answer_places(answer: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Say for each column of an answer, or of a line of the log, where its values are.

    Returns
    -------
    places : list of tuple
        The column's name, the field, and the position within the row of this field.

    Examples
    --------
    >>> answer_places({"classes": ["a", "b"], "probabilities": [[0.2, 0.8]]})[1:]
    [('proba_a', 'probabilities', 0), ('proba_b', 'probabilities', 1)]
    """
    targets, classes = answer.get("targets"), answer["classes"]
    has_chances = answer["probabilities"] is not None
    if targets is None:
        places: list[tuple[Any, ...]] = [("prediction", "predictions")]
        for number, label in enumerate(classes or [] if has_chances else []):
            places.append((f"proba_{label}", "probabilities", number))
        return places
    places = [(f"prediction_{name}", "predictions", t) for t, name in enumerate(targets)]
    for t, name in enumerate(targets if has_chances else []):
        if classes is None:  # each target is simply on or off
            places.append((f"proba_{name}", "probabilities", t))
        else:
            places += [
                (f"proba_{name}_{label}", "probabilities", t, number)
                for number, label in enumerate(classes[t])
            ]
    return places


def distinct(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Find a column for each name that nothing else has, in capitals or not.

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
