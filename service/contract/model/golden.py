"""Golden rows: inputs kept with a version, with the predictions of the trained estimator.

A loaded model must predict the same before it serves.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from service.contract.errors import ArtifactError, InputError
from service.contract.json_columns import as_columns
from service.contract.signature.predictions import Predictions, disagreement, predict
from service.contract.signature.signature import Columns, Signature

COUNT = 50


class Golden(BaseModel):
    """Rows in JSON columns, and their predictions, which the file calls `answers`."""

    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    columns: dict[str, list[Any]]
    expected: Predictions = Field(alias="answers")


def choose(frame: pd.DataFrame) -> list[int]:
    """Choose up to 50 rows of training, some with missing values, counted from 0.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_features)
        The training table.
    """
    incomplete = frame.index[frame.isna().any(axis=1)][: COUNT // 5]
    complete = frame.index.difference(incomplete)
    spread = complete[
        np.linspace(0, len(complete) - 1, min(COUNT - len(incomplete), len(complete))).astype(int)
    ]
    return [int(row) for row in incomplete.union(spread)]


def make(
    estimator: Any, signature: Signature, frame: pd.DataFrame, predictions: np.ndarray
) -> Golden:
    """Predict some rows of training as the API will, and check that they are predicted as there.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
    signature : Signature
    frame : DataFrame of shape (n_rows, n_features)
        The training table.
    predictions : ndarray of shape (n_rows,) or (n_rows, n_targets)
        What the estimator predicts for the training table as the user has it.

    Raises
    ------
    ArtifactError
        From the table that the API makes of the values, the estimator predicts something else.
    """
    rows = choose(frame)
    columns = signature.parse_columns(as_columns(frame.iloc[rows]))
    expected = predict(estimator, signature, signature.table(columns))
    known = Predictions(predictions=predictions[rows].tolist())
    bare = expected.model_copy(update={"probabilities": None, "scores": None})
    difference = disagreement(signature, known, bare)
    if difference:
        raise ArtifactError(
            f"Of its training rows, {difference}, once the values were sent as JSON and put into "
            "a table again. Pass the table that the estimator was fitted with. If it is that, then "
            "what it answers for a row depends on the other rows, as a mean of the table does."
        )
    if isinstance(expected.probabilities, np.ndarray):
        expected.probabilities = expected.probabilities.tolist()
    if isinstance(expected.scores, np.ndarray):
        expected.scores = expected.scores.tolist()
    return Golden(columns=columns, expected=expected)


def prove(
    predict_columns: Callable[[Columns], Predictions], signature: Signature, golden: Golden
) -> None:
    """Check that the golden rows get their predictions again, in the form of a request.

    Parameters
    ----------
    predict_columns : callable
        Returns predictions for checked columns; this is what is checked.
    signature : Signature
    golden : Golden

    Raises
    ------
    ArtifactError
        A prediction differs from that of the trained estimator.
    """
    try:
        given = predict_columns(signature.parse_columns(golden.columns))
    except InputError as error:
        raise ArtifactError(f"The golden rows cannot be predicted: {error}") from error
    if signature.output.probabilities != (golden.expected.probabilities is not None):
        raise ArtifactError("The golden rows and the signature differ about probabilities.")
    if signature.output.score != (golden.expected.scores is not None):
        raise ArtifactError("The golden rows and the signature differ about a score.")
    difference = disagreement(signature, golden.expected, given)
    if difference:
        raise ArtifactError(
            f"Golden {difference} in training. "
            "The files or the library versions differ from those of the training."
        )


def perturb(signature: Signature, columns: Columns, count: int, unseen: bool) -> Columns:
    """Make rows that are like the golden ones; they are the same each time.

    Numbers are moved by about a tenth of their range in training, categories are drawn again, the
    words of texts are mixed, and what may be missing is missing in a tenth of the rows.

    Parameters
    ----------
    signature : Signature
    columns : dict of str to list, each of shape (n_golden,)
        The golden rows.
    count : int
        The number of rows.
    unseen : bool
        Whether values that were not in training are among them, e.g. new categories.

    Returns
    -------
    columns : dict of str to list, each of shape (count,)
    """
    random = np.random.default_rng(0)
    base = random.integers(len(columns[signature.names[0]]), size=count)
    return {
        feature.name: feature.vary([columns[feature.name][row] for row in base], random, unseen)
        for feature in signature.features
    }
