"""Answer table: what a model answered, in columns."""

from typing import Any


def answer_columns(answer: dict[str, Any]) -> dict[str, list[Any]]:
    """Lay an answer of the API, or a line of its log, out in columns.

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
    targets, classes = answer.get("targets"), answer["classes"]
    predictions, chances = answer["predictions"], answer["probabilities"]
    if targets is None:
        return {"prediction": predictions} | _by_name("proba", classes, chances)
    columns = _by_name("prediction", targets, predictions)
    if classes is None:  # each target is simply on or off
        return columns | _by_name("proba", targets, chances)
    for number, (target, labels) in enumerate(zip(targets, classes, strict=True)):
        part = None if chances is None else [row[number] for row in chances]
        columns |= _by_name(f"proba_{target}", labels, part)
    return columns


def _by_name(prefix: str, names: list[Any], rows: list[list[Any]] | None) -> dict[str, list[Any]]:
    """Turn rows with a value a name, shape (n_rows, n_names), into columns."""
    if rows is None:
        return {}
    columns = zip(*rows, strict=True)
    return {f"{prefix}_{name}": [*c] for name, c in zip(names, columns, strict=True)}
