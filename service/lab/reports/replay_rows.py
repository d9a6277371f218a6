"""Replay rows: logged inputs as another version reads them, and why it cannot read some."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from service.contract.errors import LabloopError
from service.contract.json_columns import as_columns
from service.contract.signature.feature import Feature
from service.contract.signature.signature import Columns, Signature
from service.lab.log.publications import Logged
from service.lab.reports.logged_input import logged_input
from service.lab.reports.scores import class_key
from service.lab.reports.target import Target


class ReplayRows:
    """The logged rows of all publications, for a version that predicts them again.

    The rows of each publication are read in their own types: where versions differ in the type of
    a feature, one table would have turned numbers into text.

    Parameters
    ----------
    logged : sequence of Logged
        As `service.lab.log.reader.read_apart` returns them.
    signature : Signature
        Of the version that predicts.
    targets : list of Target
        Its targets.
    who : str
        Its name, for messages.

    Attributes
    ----------
    log : DataFrame of shape (n_predictions, …)
        All rows, in the order of time.
    columns : dict of str to list, each of shape (n_predictions,)
        Their inputs, checked; None in the rows that are left out.
    left_out : dict of int to str
        Rows that cannot be replayed, with the reason.

    Raises
    ------
    LabloopError
        No row has a feature or a prediction that is needed.
    """

    def __init__(
        self, logged: Sequence[Logged], signature: Signature, targets: list[Target], who: str
    ) -> None:
        whole = pd.concat([each.table for each in logged], ignore_index=True)
        order = whole["time"].argsort(kind="stable").to_numpy()
        places = np.empty(len(order), dtype=int)
        places[order] = np.arange(len(order))
        self.log = whole.iloc[order].reset_index(drop=True)
        self._check(signature, targets, who)
        self.columns: Columns = {name: [None] * len(whole) for name in signature.names}
        self.left_out: dict[int, str] = {}
        start = 0
        for each in logged:
            rows = places[start : start + len(each.table)].tolist()
            start += len(rows)
            why = next(_other_outputs(each, targets), None)
            if why is not None:
                self.left_out |= dict.fromkeys(rows, why)
                continue
            for feature in signature.features:
                self._read(feature, each, rows)
            for target in targets:
                for place in np.flatnonzero(each.table[target.column].isna()).tolist():
                    self.left_out.setdefault(rows[place], f"{target.column} was not logged")

    def _check(self, signature: Signature, targets: list[Target], who: str) -> None:
        """Say what no row has."""
        absent = [target.column for target in targets if target.column not in self.log]
        if absent:
            raise LabloopError(
                f"{who} predicts {', '.join(absent)}, which the log does not hold: its predictions "
                "are from a version with other targets. Choose a version with the same ones."
            )
        for feature in signature.features:
            if feature.private:
                raise LabloopError(
                    f"{who} needs the feature {feature.name!r}, which is private: its values are "
                    "not in the log, so they cannot be replayed. Choose a version without it."
                )
            if logged_input(self.log, feature.name) is None:
                raise LabloopError(
                    f"{who} needs the feature {feature.name!r}, which the log does not hold. "
                    "Choose a version with the features that were logged, or a time from which "
                    "they were."
                )

    def _read(self, feature: Feature, logged: Logged, rows: list[int]) -> None:
        """Read the inputs of one publication like those of a request."""
        column = logged_input(logged.table, feature.name)
        if column is None:
            why = f"version {logged.version} did not log {feature.name!r}"
            self.left_out = dict.fromkeys(rows, why) | self.left_out
            return
        [values] = as_columns(column.to_frame()).values()
        if feature.kind == "category":  # a missing value turned a column of integers into floats
            known = {value: value for value in feature.categories or []}
            values = [known.get(value, value) for value in values]
        parsed, problems = feature.parse(values)
        for problem in problems:
            why = f"{feature.name!r} {problem['problem']}"
            self.left_out.setdefault(rows[problem["row"]], why)
        for row, value in zip(rows, parsed, strict=True):
            self.columns[feature.name][row] = value


def _other_outputs(logged: Logged, targets: list[Target]) -> Iterator[str]:
    """Say in what the predictions of a publication cannot be compared with those of a version."""
    theirs = {target.name: target for target in Target.of_lines(logged, None)}
    for target in targets:
        other = theirs.get(target.name)
        where = "" if target.name is None else f" for {target.name}"
        if other is None:
            yield f"version {logged.version} predicts no {target.column}"
        elif other.classes is None or target.classes is None:
            if other.classes is not target.classes:
                what = "numbers" if other.classes is None else "classes"
                yield f"version {logged.version} predicts {what}{where}"
        elif not {*map(class_key, other.classes)} & {*map(class_key, target.classes)}:
            shown = ", ".join(map(str, other.classes[:5]))
            yield f"version {logged.version} predicts other classes{where} ({shown})"
