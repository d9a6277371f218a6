"""Baseline: a short summary of the training data, kept with the version."""

from typing import Any

import numpy as np
import pandas as pd

from service.contract.signature import Signature

QUANTILES = tuple(round(q / 10, 1) for q in range(11))


def summarise(signature: Signature, table: pd.DataFrame, predictions: np.ndarray) -> dict[str, Any]:
    """Summarise each feature and the mix of predictions.

    Numbers get deciles, mean and standard deviation; categories and booleans
    get counts.

    Examples
    --------
    >>> from service.contract.signature import Output
    >>> table = pd.DataFrame({"size": [1.0, 2.0, None]})
    >>> signature = Signature.from_table(table, Output(task="regression"))
    >>> summarise(signature, table, np.array([1.0, 2.0, 3.0]))["features"]["size"]["missing"]
    1
    """
    features: dict[str, Any] = {}
    for feature in signature.features:
        column = table[feature.name]
        summary: dict[str, Any] = {"missing": int(column.isna().sum())}
        if feature.kind in ("number", "integer"):
            values = column.dropna().to_numpy(dtype=float)
            summary |= {"mean": float(values.mean()), "std": float(values.std())} | {
                "quantiles": np.quantile(values, QUANTILES).tolist()
            }
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
    return {"quantiles": np.quantile(predictions.astype(float), QUANTILES).tolist()}
