"""Predictions: what an estimator predicts for a table, and how two of them are compared."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf, isfinite
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from service.contract.errors import InputError, LabloopError
from service.contract.signature.signature import Columns, Signature

TOLERANCE = 1e-6
KEPT_BACK = "Its own message is kept back, since it may hold values of private features."


class Predictions(BaseModel):
    """What an estimator predicts for a table.

    `predictions` has a prediction for each row. `probabilities` has, for each row, one for each
    class, in lists or in an array of shape (n_rows, n_classes). With several targets, each row
    has a list of them. `scores` has a number for each row, in a list or an array, if the model
    gives one (`Output.score`).
    """

    predictions: list[Any]
    probabilities: Any = None
    scores: Any = None


def predict(
    estimator: Any, signature: Signature, X: pd.DataFrame | np.ndarray, by_vote: bool = False
) -> Predictions:
    """Predict a table with an estimator.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
    signature : Signature
        If it has private features, the estimator's own message is kept back: it may hold
        values.
    X : DataFrame or ndarray, shape (n_rows, n_features)
    by_vote : bool
        Whether its `predict` is by definition the class of the highest `predict_proba`, as in
        a forest, or the sign of the score, as in outlier detection: then only the latter is
        called.

    Raises
    ------
    InputError
        The estimator fails on this table, e.g. on a category that was not in training; or it
        predicts an infinite number, or gives a row a score that is not finite.
    """
    return finite(_predict(estimator, signature, X, by_vote))


def finite(given: Predictions) -> Predictions:
    """Return predictions as they are, if JSON and the log can hold them.

    Infinity has no place in either: it would become null there, which is a missing value.

    Raises
    ------
    InputError
        A prediction or probability is infinite; the text names the row.

    Examples
    --------
    >>> finite(Predictions(predictions=[1.0, float("inf")]))
    Traceback (most recent call last):
        ...
    service.contract.errors.InputError: The model predicts inf for row 1, which is no finite ...
    """
    for values in (given.predictions, given.probabilities):
        if values is None or not len(values):
            continue
        if isinstance(values, np.ndarray):
            if isfinite(values.sum()):
                continue
            rows = np.flatnonzero(np.isinf(values.reshape(len(values), -1)).any(axis=1)).tolist()
        elif not isinstance(values[0], list) and inf not in values and -inf not in values:
            continue
        else:
            rows = [row for row, value in enumerate(values) if _is_infinite(value)]
        if rows:
            shown = next(filter(_is_infinite, _flat(values[rows[0]])))
            raise InputError(
                f"The model predicts {shown} for row {rows[0]}, which is no finite number: it "
                "overflows there. Send values nearer to those of training, or publish a model "
                "whose predictions stay finite.",
                [{"row": row, "problem": f"is predicted as {shown}"} for row in rows[:20]],
            )
    return given


def _flat(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return [v for each in value for v in _flat(each)] if isinstance(value, list) else [value]


def _is_infinite(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_infinite, value))
    return isinstance(value, float) and value in (inf, -inf)


def _predict(
    estimator: Any, signature: Signature, X: pd.DataFrame | np.ndarray, by_vote: bool
) -> Predictions:
    output = signature.output
    try:
        scores = output.scores(estimator, X)
        probabilities = estimator.predict_proba(X) if output.probabilities else None
        if by_vote and isinstance(probabilities, np.ndarray) and output.classes is not None:
            predictions = [output.classes[best] for best in probabilities.argmax(axis=1).tolist()]
        elif by_vote and scores is not None:
            predictions = np.where(scores < 0, -1, 1).tolist()
        else:
            predictions = output.labels(estimator.predict(X)).tolist()
    except (ValueError, LookupError) as error:  # some raise a LookupError on an unseen category
        # What follows in XGBoost's words are addresses in its code.
        reason = " ".join(str(error).partition("Stack trace")[0].split()).rstrip(".")
        raise InputError(f"The model cannot predict these rows: {reason}.") from error
    if isinstance(probabilities, list) and output.targets is None:
        [probabilities] = probabilities
    if isinstance(probabilities, list):  # one array for each target
        targets = (each.tolist() for each in probabilities)
        probabilities = [list(row) for row in zip(*targets, strict=True)]
    elif probabilities is not None:
        # orjson can write it as it is.
        probabilities = np.ascontiguousarray(probabilities, dtype=np.float64)
    return Predictions.model_construct(
        predictions=predictions, probabilities=probabilities, scores=scores
    )


def predict_columns(
    estimator: Any, signature: Signature, columns: Columns, by_vote: bool = False
) -> Predictions:
    """Predict the checked columns of a request, as `predict` does a table.

    If the signature has private features, what the estimator says is kept back: it may hold values.
    """
    with discreetly(signature):
        try:
            given = _predict(estimator, signature, signature.table(columns), by_vote)
        except InputError:
            if not signature.private:
                raise
            raise InputError(f"The model cannot predict these rows. {KEPT_BACK}") from None
    return finite(given)


@contextmanager
def discreetly(signature: Signature) -> Iterator[None]:
    """With private features, replace an error that is not ours: its text may hold values."""
    try:
        yield
    except LabloopError:
        raise
    except Exception as error:  # whatever a user's estimator raises
        if not signature.private:
            raise
        raise LabloopError(f"The model fails: {type(error).__name__}. {KEPT_BACK}") from None


def disagreement(signature: Signature, expected: Predictions, given: Predictions) -> str | None:
    """Say where predictions differ: a label, or a number by more than 1e-6; None if nowhere.

    If the signature has private features, the sentence holds no prediction.

    Examples
    --------
    >>> from service.contract.signature.output import Output
    >>> table = pd.DataFrame({"size": [1.0, 2.0]})
    >>> signature = Signature.from_table(table, Output(task="regression"))
    >>> was, now = Predictions(predictions=[1.0, 2.0]), Predictions(predictions=[1.0, 2.1])
    >>> disagreement(signature, was, now)
    'row 1 is predicted as 2.1; it was 2.0'
    """
    private = bool(signature.private)
    if signature.output.task == "regression":
        want = np.array(expected.predictions, dtype=float)  # None, as JSON has it, is NaN
        got = np.array(given.predictions, dtype=float)
        far = ~np.isclose(got, want, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        rows = np.flatnonzero(far.reshape(len(far), -1).any(axis=1)).tolist()
    else:
        pairs = enumerate(zip(expected.predictions, given.predictions, strict=True))
        rows = [row for row, (want, got) in pairs if repr(want) != repr(got)]
    if rows:
        if private:
            return f"row {rows[0]} is not predicted as"
        was, now = expected.predictions[rows[0]], given.predictions[rows[0]]
        return f"row {rows[0]} is predicted as {now!r}; it was {was!r}"
    if expected.probabilities is not None:
        want, got = _numbers(expected.probabilities), _numbers(given.probabilities)
        if want.shape != got.shape:
            return f"rows have probabilities of shape {got.shape}; it was {want.shape}"
        far = ~np.isclose(got, want, rtol=0, atol=TOLERANCE, equal_nan=True).all(axis=1)
        if far.any():
            row = int(np.flatnonzero(far)[0])
            if private:
                return f"row {row} has other probabilities than"
            return (
                f"row {row} has the probabilities {got[row].tolist()}; it was {want[row].tolist()}"
            )
    if expected.scores is not None:
        want, got = np.array(expected.scores, dtype=float), np.array(given.scores, dtype=float)
        far = ~np.isclose(got, want, rtol=TOLERANCE, atol=TOLERANCE)
        if far.any():
            row = int(np.flatnonzero(far)[0])
            if private:
                return f"row {row} has another score than"
            return f"row {row} has the score {got[row]}; it was {want[row]}"
    return None


def _numbers(rows: Any) -> np.ndarray:
    """Put the probabilities of each row into one line, shape (n_rows, n_probabilities)."""
    if isinstance(rows, np.ndarray):
        return rows
    flat = [
        [number for part in row for number in (part if isinstance(part, list) else [part])]
        for row in rows
    ]
    return np.array(flat, dtype=float).reshape(len(rows), -1)
