"""Baseline: a short summary of the training data, kept with the version."""

from typing import Any

import numpy as np
import pandas as pd

from service.contract.feature import Value
from service.contract.signature import Signature

QUANTILES = tuple(round(q / 10, 1) for q in range(11))


def summarise(
    signature: Signature, table: pd.DataFrame, predictions: list[Value]
) -> dict[str, Any]:
    """Summarise each feature and the mix of predictions.

    Numbers get deciles, mean and standard deviation; categories and booleans
    get counts.

    Examples
    --------
    >>> from service.contract.signature import Output
    >>> table = pd.DataFrame({"size": [1.0, 2.0, None]})
    >>> signature = Signature.from_table(table, Output(task="regression"))
    >>> summarise(signature, table, [1.0, 2.0, 3.0])["features"]["size"]["missing"]
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
    answered: dict[str, Any] = (
        {"counts": {str(k): int(n) for k, n in pd.Series(predictions).value_counts().items()}}
        if signature.output.task == "classification"
        else {"quantiles": np.quantile(np.asarray(predictions, dtype=float), QUANTILES).tolist()}
    )
    return {"rows": len(table), "features": features, "predictions": answered}
