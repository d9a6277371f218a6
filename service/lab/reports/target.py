"""Target: one thing that a model predicts, and the columns that hold its predictions."""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from service.contract.model.manifest import Manifest
from service.contract.signature.output import Output
from service.lab.client.labels import label_reader
from service.lab.log.publications import Logged


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
        return cls._of(manifest.signature.output, manifest.class_names or {})

    @classmethod
    def of_lines(cls, logged: Logged, manifest: Manifest | None) -> list[Self]:
        """List the targets of logged predictions.

        The lines say which there are. The manifest adds what lines do not hold, if it is theirs:
        a number may have been given to another publication since.
        """
        if manifest is not None:
            output = manifest.signature.output
            if (output.classes, output.targets) == (logged.classes, logged.targets):
                return cls.all_of(manifest)
        is_class = logged.classes is not None
        if not is_class and logged.targets is not None:
            answers = logged.table[[f"prediction_{name}" for name in logged.targets]]
            is_class = all(map(pd.api.types.is_integer_dtype, answers.dtypes))
        task: Literal["classification", "regression"]
        task = "classification" if is_class else "regression"
        return cls._of(Output(task=task, classes=logged.classes, targets=logged.targets), {})

    @classmethod
    def _of(cls, output: Output, class_names: dict[str, str]) -> list[Self]:
        if output.targets is None:
            return [cls(None, 0, output.classes, class_names)]
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
        read = label_reader(self.classes, self.class_names)
        found = pd.Series([read(value) for value in values], index=values.index, dtype=object)
        return found.astype(float) if self.classes is None else found

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
