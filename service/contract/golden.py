"""Golden rows: inputs kept with a version, with the answers of the trained estimator.

A loaded model must give these answers again before it serves.
"""

from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from service.contract.errors import ArtifactError, InputError
from service.contract.signature import Signature, as_columns

COUNT = 50
TOLERANCE = 1e-6


class Answers(BaseModel):
    """What an estimator gives for a table: one prediction, and one probability a class, a row."""

    predictions: list[Any]
    probabilities: list[list[float]] | None = None


class Golden(BaseModel):
    """Some rows in JSON columns, and the answers to them."""

    columns: dict[str, list[Any]]
    answers: Answers


def answer(estimator: Any, signature: Signature, table: pd.DataFrame) -> Answers:
    """Ask an estimator about a parsed table, shape (n_rows, n_features).

    Raises
    ------
    InputError
        The estimator raises on this table, e.g. on a category that it never saw.
    """
    X = signature.for_estimator(table)
    try:
        predictions = np.asarray(estimator.predict(X))
        chances = estimator.predict_proba(X) if signature.output.probabilities else None
    except ValueError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"The model cannot answer these rows: {reason}.") from error
    return Answers.model_construct(
        predictions=predictions.tolist(),
        probabilities=None if chances is None else np.asarray(chances, dtype=float).tolist(),
    )


def choose(estimator: Any, signature: Signature, table: pd.DataFrame) -> Golden:
    """Choose up to 50 training rows, those with missing values among them, and answer them."""
    holes = table.index[table.isna().any(axis=1)][: COUNT // 5]
    others = table.index.difference(holes)
    spread = others[
        np.linspace(0, len(others) - 1, min(COUNT - len(holes), len(others))).astype(int)
    ]
    rows = table.loc[holes.union(spread)].reset_index(drop=True)
    return Golden(columns=as_columns(rows), answers=answer(estimator, signature, rows))


def prove(estimator: Any, signature: Signature, golden: Golden) -> None:
    """Ask an estimator its golden rows, in the form in which a request brings them.

    Raises
    ------
    ArtifactError
        An answer differs from the one that the trained estimator gave.
    """
    try:
        given = answer(estimator, signature, signature.parse_columns(golden.columns))
    except InputError as error:
        raise ArtifactError(f"The golden rows are not answered: {error}") from error
    for row, (expected, got) in enumerate(
        zip(golden.answers.predictions, given.predictions, strict=True)
    ):
        same = (
            abs(got - expected) <= TOLERANCE * max(1.0, abs(expected))
            if signature.output.task == "regression"
            else got == expected
        )
        if not same:
            raise ArtifactError(
                f"Golden row {row} is answered {got!r}; in training it was {expected!r}. "
                "The files or the library versions differ from those of the training."
            )
    if not np.allclose(
        np.array(given.probabilities or 0),
        np.array(golden.answers.probabilities or 0),
        rtol=0,
        atol=TOLERANCE,
    ):
        raise ArtifactError("The golden rows' probabilities differ from those in training.")
