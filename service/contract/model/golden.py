"""Golden rows: inputs kept with a version, with the predictions of the trained estimator.

A loaded model must predict the same before it serves.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from service.contract.errors import ArtifactError, InputError
from service.contract.signature.predictions import Predictions, disagreement, predict
from service.contract.signature.signature import Columns, Signature
from service.contract.table import as_columns

COUNT = 50


class Golden(BaseModel):
    """Rows in JSON columns, and their predictions, which the file calls `answers`."""

    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    columns: dict[str, list[Any]]
    expected: Predictions = Field(alias="answers")


def choose(estimator: Any, signature: Signature, table: pd.DataFrame) -> Golden:
    """Choose up to 50 rows of training, some with missing values, and predict them.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
    signature : Signature
    table : DataFrame of shape (n_rows, n_features)
        The training table.
    """
    incomplete = table.index[table.isna().any(axis=1)][: COUNT // 5]
    complete = table.index.difference(incomplete)
    spread = complete[
        np.linspace(0, len(complete) - 1, min(COUNT - len(incomplete), len(complete))).astype(int)
    ]
    rows = table.loc[incomplete.union(spread)].reset_index(drop=True)
    X = rows if signature.container == "frame" else rows.to_numpy()
    expected = predict(estimator, signature, X)
    if isinstance(expected.probabilities, np.ndarray):
        expected.probabilities = expected.probabilities.tolist()
    return Golden(columns=as_columns(rows), expected=expected)


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
    difference = disagreement(signature, golden.expected, given)
    if difference:
        raise ArtifactError(
            f"Golden {difference} in training. "
            "The files or the library versions differ from those of the training."
        )


def perturb(signature: Signature, columns: Columns, count: int, unseen: bool) -> Columns:
    """Make rows that are like the golden ones; they are the same each time.

    Numbers are moved by about a tenth of their range in training, categories are drawn again, and
    what may be missing is missing in a tenth of the rows.

    Parameters
    ----------
    signature : Signature
    columns : dict of str to list, each of shape (n_golden,)
        The golden rows.
    count : int
        The number of rows.
    unseen : bool
        Whether categories that were not in training are among them.

    Returns
    -------
    columns : dict of str to list, each of shape (count,)
    """
    random = np.random.default_rng(0)
    base = random.integers(len(columns[signature.names[0]]), size=count)
    table: Columns = {}
    for feature in signature.features:
        values = [columns[feature.name][row] for row in base]
        if feature.kind in ("number", "integer"):
            low, high = feature.minimum or 0, feature.maximum or 0
            shift = random.normal(scale=0.1 * (high - low), size=count).tolist()
            values = [v if v is None else v + s for v, s in zip(values, shift, strict=True)]
            if feature.kind == "integer":
                values = [v if v is None else min(max(round(v), low), high) for v in values]
        elif feature.kind == "category":
            known = [*(feature.categories or [])]
            known += [type(known[0])("987654321")] if unseen else []
            values = [known[i] for i in random.integers(len(known), size=count)]
        missing = random.random(count) < (0.1 if feature.nullable else 0)
        table[feature.name] = [None if m else v for v, m in zip(values, missing, strict=True)]
    return table
