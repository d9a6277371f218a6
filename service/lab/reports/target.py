"""Target: one thing that a model predicts, and where a table of answers keeps it."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from service.contract.model.manifest import Manifest


@dataclass(frozen=True)
class Target:
    """A column of predictions.

    Parameters
    ----------
    name : str or None
        None where the model has one target only.
    position : int
        Its place among the targets.
    classes : list or None
        What may be predicted; None where that is a number.
    class_names : dict of str to str
        A class's name for people, where there is one.
    is_switch : bool
        Whether the target is simply on (1) or off (0), with one probability: that of on.

    Examples
    --------
    >>> target = Target(None, 0, [0, 1], {"0": "no", "1": "yes"})
    >>> target.column, target.read(pd.Series(["1", 0.0, "yes", "maybe"])).tolist()
    ('prediction', [1, 0, 1, None])
    """

    name: str | None
    position: int
    classes: list[Any] | None
    class_names: dict[str, str]
    is_switch: bool = False

    @classmethod
    def all_of(cls, manifest: Manifest) -> list[Self]:
        """List the targets of a model version."""
        output = manifest.signature.output
        if output.targets is None:
            return [cls(None, 0, output.classes, manifest.class_names or {})]
        is_switch = output.task == "classification" and output.classes is None
        return [
            cls(
                name,
                number,
                [0, 1] if is_switch else None if output.classes is None else output.classes[number],
                {},
                is_switch,
            )
            for number, name in enumerate(output.targets)
        ]

    @property
    def suffix(self) -> str:
        """What its columns end with."""
        return "" if self.name is None else f"_{self.name}"

    @property
    def column(self) -> str:
        """The name of its predictions in a table of answers."""
        return f"prediction{self.suffix}"

    def read(self, values: pd.Series) -> pd.Series:
        """Bring values, shape (n_rows,), to what the model predicts.

        Classes are found as they are, as text, as a number, or by their name for
        people. What is neither is None; of numbers, NaN.
        """
        if self.classes is None:
            read = [number[1] if (number := _number(value)) else np.nan for value in values]
            numbers = pd.Series(read, index=values.index, dtype=float)
            return numbers.where(np.isfinite(numbers))
        known: dict[Any, Any] = {_number(label): label for label in self.classes}
        known |= {
            name: label
            for label in self.classes
            if (name := self.class_names.get(str(label))) is not None
        }
        known |= {str(label): label for label in self.classes}
        known |= {label: label for label in self.classes}

        known.pop(None, None)  # of labels that are no numbers

        def label_of(value: Any) -> Any:
            keys = [value] if isinstance(value, Hashable) else []
            return next((known[k] for k in [*keys, str(value), _number(value)] if k in known), None)

        return pd.Series([label_of(v) for v in values], index=values.index, dtype=object)

    def probability(self, table: pd.DataFrame, labels: pd.Series) -> pd.Series:
        """Return the probability that each row of `table` has for its label; NaN where it has none.

        Parameters
        ----------
        table : DataFrame of shape (n_rows, …)
            With the proba_ columns of answers.
        labels : Series of shape (n_rows,)
            Classes of this target, with the index of `table`.
        """
        found = pd.Series(np.nan, index=table.index)
        for label in labels.dropna().unique():
            column = f"proba{self.suffix}" if self.is_switch else f"proba{self.suffix}_{label}"
            if column in table:
                probability = table[column].astype(float)
                rows = labels == label
                found[rows] = (1 - probability if self.is_switch and not label else probability)[
                    rows
                ]
        return found


def _number(value: Any) -> tuple[str, float] | None:
    """Read a number for a key that is equal to no class."""
    try:
        return ("number", float(value))
    except (TypeError, ValueError):
        return None
