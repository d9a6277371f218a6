"""Baseline: a summary of the training data, kept with the version."""

from typing import Any

import numpy as np
import pandas as pd

from service.contract.signature.signature import Signature

QUANTILES = tuple(round(q / 10, 1) for q in range(11))
SAMPLE = 500


def summarise(signature: Signature, table: pd.DataFrame, predictions: np.ndarray) -> dict[str, Any]:
    """Summarise each feature and the mix of predictions.

    Numbers have deciles, mean, standard deviation and a sample; categories and booleans have
    counts. Predicted classes have counts, and predicted numbers have deciles and a sample. Of a
    private feature only missing values are counted: its values are not in the log, so there is
    nothing to compare.

    Parameters
    ----------
    signature : Signature
    table : DataFrame of shape (n_rows, n_features)
        The training table.
    predictions : ndarray of shape (n_rows,) or (n_rows, n_targets)
        What the estimator predicts for it.

    Returns
    -------
    baseline : dict
        With rows, features and predictions, as JSON can hold it.

    Examples
    --------
    >>> from service.contract.signature.output import Output
    >>> table = pd.DataFrame({"size": [2.0, 1.0, None]})
    >>> signature = Signature.from_table(table, Output(task="regression"))
    >>> summary = summarise(signature, table, np.array([1.0, 2.0, 3.0]))
    >>> summary["features"]["size"]["missing"], summary["features"]["size"]["sample"]
    (1, [1.0, 2.0])
    """
    features: dict[str, Any] = {}
    for feature in signature.features:
        column = table[feature.name]
        summary: dict[str, Any] = {"missing": int(column.isna().sum())}
        if feature.private:
            pass
        elif feature.kind in ("number", "integer"):
            values = column.dropna().to_numpy(dtype=float)
            summary |= {"mean": float(values.mean()), "std": float(values.std())} | {
                "quantiles": np.quantile(values, QUANTILES).tolist()
            }
            summary["sample"] = sample(values)
        else:
            summary["counts"] = {str(k): int(n) for k, n in column.value_counts().items()}
        features[feature.name] = summary
    targets = signature.output.targets
    mixes = [_mix(signature, column) for column in np.atleast_2d(np.asarray(predictions).T)]
    mix = mixes[0] if targets is None else dict(zip(targets, mixes, strict=True))
    return {"rows": len(table), "features": features, "predictions": mix}


def _mix(signature: Signature, predictions: np.ndarray) -> dict[str, Any]:
    """Summarise the predictions of one target, shape (n_rows,)."""
    if signature.output.task == "classification":
        counts = pd.Series(predictions.tolist()).value_counts()
        return {"counts": {str(label): int(n) for label, n in counts.items()}}
    values = predictions.astype(float)
    return {"quantiles": np.quantile(values, QUANTILES).tolist(), "sample": sample(values)}


def sample(values: np.ndarray) -> list[float]:
    """Return the values at up to 500 even ranks of a column, shape (n_rows,), in order.

    They are distributed like the whole column, and the same each time.

    Examples
    --------
    >>> sample(np.arange(1000.0))[:3], sample(np.arange(1000.0))[-1]
    ([0.0, 2.0, 4.0], 999.0)
    """
    ranks = np.linspace(0, len(values) - 1, min(SAMPLE, len(values))).round().astype(int)
    return np.sort(values)[ranks].tolist()  # type: ignore[no-any-return]
