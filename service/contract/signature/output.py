"""Output: what a model predicts."""

from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict


class Output(BaseModel):
    """What a model predicts: classes or numbers, with probabilities or without.

    `targets` holds the names of the targets if there are several. Then `classes` has a list for
    each target, or is None if each target is either on or off.
    """

    model_config = ConfigDict(frozen=True)

    task: Literal["classification", "regression"]
    classes: list[Any] | None = None
    probabilities: bool = False
    targets: list[str] | None = None

    @classmethod
    def of(cls, estimator: Any, y: Any, predictions: np.ndarray) -> Self:
        """Read what a fitted estimator predicts; `predictions` are those for its training table."""
        classes = getattr(estimator, "classes_", None)
        several = predictions.ndim == 2
        if isinstance(classes, list):
            classes = [np.asarray(each).tolist() for each in classes]
        elif classes is not None:
            classes = None if several else np.asarray(classes).tolist()
        names = getattr(y, "columns", range(predictions.shape[1])) if several else None
        return cls(
            task="classification" if hasattr(estimator, "classes_") else "regression",
            classes=classes,
            probabilities=hasattr(estimator, "classes_") and hasattr(estimator, "predict_proba"),
            targets=None if names is None else [str(name) for name in names],
        )
