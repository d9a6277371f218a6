"""Target: one thing that a model predicts, and the columns that hold its predictions."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from service.contract.model.manifest import Manifest


@dataclass(frozen=True)
class Target:
    """One target of a model version.

    Parameters
    ----------
    name : str or None
        None if the model has only one target.
    position : int
        Its position among the targets.
    classes : list or None
        What may be predicted; None if that is a number.
    class_names : dict of str to str
        Classes' names for people, where there are any.
    is_switch : bool
        Whether the target is either on (1) or off (0), with one probability, that of on.

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
        """The end of its columns' names."""
        return "" if self.name is None else f"_{self.name}"

    @property
    def column(self) -> str:
        """The name of the column with its predictions."""
        return f"prediction{self.suffix}"

    def read(self, values: pd.Series) -> pd.Series:
        """Turn values, e.g. truths, into what the model predicts.

        Parameters
        ----------
        values : Series of shape (n_rows,)
            A class may be given as it is, as text, as a number, or by its name for people.

        Returns
        -------
        Series of shape (n_rows,)
            None for a value that is no class; for numbers, NaN.
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

        known.pop(None, None)  # from labels that are no numbers

        def label_of(value: Any) -> Any:
            keys = [value] if isinstance(value, Hashable) else []
            return next((known[k] for k in [*keys, str(value), _number(value)] if k in known), None)

        return pd.Series([label_of(v) for v in values], index=values.index, dtype=object)

    def probability(self, table: pd.DataFrame, labels: pd.Series) -> pd.Series:
        """Return for each row the probability of its label; NaN if there is none.

        Parameters
        ----------
        table : DataFrame of shape (n_rows, …)
            With the columns proba_….
        labels : Series of shape (n_rows,)
            Classes of this target, with the index of `table`.

        Returns
        -------
        Series of shape (n_rows,)
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
    """Read a number, as a key that equals no class."""
    try:
        return ("number", float(value))
    except (TypeError, ValueError):
        return None
