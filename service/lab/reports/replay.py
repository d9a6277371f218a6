"""Replay: logged inputs, predicted by another version."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from service.contract.errors import LabloopError
from service.contract.libraries import versions
from service.contract.model.manifest import MODEL
from service.contract.model.store import ModelStore
from service.contract.model_file import artifact
from service.contract.signature.partial import predict_each
from service.contract.signature.predictions import predict_columns
from service.contract.signature.signature import Signature
from service.lab.client.answer_table import answer_frame
from service.lab.log.publications import Logged
from service.lab.reports.agreement_plot import draw_matrix, draw_scatter
from service.lab.reports.clusters import alike
from service.lab.reports.logged_input import logged_input
from service.lab.reports.replay_rows import ReplayRows
from service.lab.reports.report import Report, counted
from service.lab.reports.target import Target


@dataclass(frozen=True, eq=False)
class Replay(Report):
    """What `run` returns: a row a disagreement, and a picture of all that was compared.

    `compared` holds both predictions of each row.
    """

    compared: pd.DataFrame = field(default_factory=pd.DataFrame)
    targets: list[Target] = field(default_factory=list)
    version: int = 0

    def _draw(self, figure: Figure) -> None:
        for place, target in enumerate(self.targets[:3], 1):
            axes = figure.add_subplot(1, min(len(self.targets), 3), place)
            logged, new = self.compared[target.column], self.compared[f"new_{target.column}"]
            if target.classes is None:
                draw_scatter(axes, logged, new)
            else:
                draw_matrix(axes, target, logged, new)
            axes.set_title(target.name or "")
            axes.set_xlabel(f"version {self.version}")
            axes.set_ylabel("logged")


def run(store: ModelStore, name: str, version: int, logged: Sequence[Logged]) -> Replay:
    """Let another version predict logged inputs, and show where it disagrees.

    It predicts in this process, as it does in the API, and nothing is logged.

    Parameters
    ----------
    store : ModelStore
    name : str
        The model.
    version : int
        The version that predicts.
    logged : sequence of Logged
        As `service.lab.log.reader.read_apart` returns them. Rows that the version cannot read,
        or that were predicted in other classes, are left out; the notes say why.

    Returns
    -------
    Replay
        Its table has a row for each prediction that differs: prediction_id, time, version,
        prediction, new_prediction, change, then the features. With several targets there are
        prediction_<target>, new_prediction_<target> and change_<target> for each.

        Classes differ if they are not the same. Their change is the new minus the logged
        probability of the logged class. If both versions give a score, there are also score and
        new_score; without probabilities the change is that of the score. A note says how alike
        clusters are. Numbers differ if `numpy.isclose` says so: by more than 1e-5 of their size.
        (The API's fast path rounds differently from the estimator, but by less than 1e-6.) Their
        change is the new minus the logged number, and the largest comes first.

    Raises
    ------
    NotFoundError
        There is no such model or version.
    ArtifactError
        The version's files are not as published, or need a type that is not allowed.
    LabloopError
        The log has no rows, has none that the version can predict, or has other targets.
    """
    store.check_files(name, version)
    manifest = store.manifest(name, version)
    targets = Target.all_of(manifest)
    who = f"{name} version {version}"
    if not logged:
        raise LabloopError(
            f"The log has no predictions of {name!r} here, so there is nothing to replay. "
            "Ask the model first, or look further back with an earlier `since`."
        )
    rows_read = ReplayRows(logged, manifest.signature, targets, who)
    log, columns, left_out = rows_read.log, rows_read.columns, rows_read.left_out
    with versions.told(manifest.libraries, "this lab"):
        estimator = artifact.load(store.folder(name, version) / MODEL)
    rows = [row for row in range(len(log)) if row not in left_out]
    predict = partial(predict_columns, estimator, manifest.signature)
    parts, refused = predict_each(predict, manifest.signature, columns, rows)
    left_out |= refused
    if not parts:
        raise LabloopError(
            f"{who} can predict none of the {counted(len(log), 'logged row')}: "
            f"{_reasons(left_out)}. Choose another version, or a time from which the log fits."
        )
    output = manifest.signature.output
    new = pd.concat([answer_frame(given, output).set_index(pd.Index(at)) for at, given in parts])
    new = new.sort_index()
    compared = _compared(log.loc[new.index], new, targets)
    differs = compared.pop("differs")
    if output.score and "score" in log:
        compared["score"], compared["new_score"] = log.loc[new.index, "score"], new["score"]
        if not output.probabilities:
            compared["change"] = compared["new_score"] - compared["score"]
    table = _disagreements(log, compared[differs], targets, manifest.signature)
    heading = f"Replay of {counted(len(compared), 'logged prediction')} by {who}."
    notes = [
        f"{len(table):,} of {len(compared):,} differ ({len(table) / len(compared):.1%})."
        if len(table)
        else "All agree."
    ]
    if output.task == "clustering" and len(table):
        groups = compared["prediction"], compared["new_prediction"]
        notes.append(alike(log.loc[compared.index, "version"], *groups))
    if left_out:
        notes.append(f"Left out: {counted(len(left_out), 'row')}. {_reasons(left_out)}.")
    return Replay(heading, table, notes, compared, targets, version)


def _compared(log: pd.DataFrame, new: pd.DataFrame, targets: list[Target]) -> pd.DataFrame:
    """Put logged and new predictions side by side, with change and whether they differ."""
    both = pd.DataFrame(index=log.index)
    differs = pd.Series(False, index=log.index)
    for target in targets:
        logged, predicted = target.read(log[target.column]), new[target.column]
        if target.classes is None:
            change = predicted - logged
            differs |= ~np.isclose(logged, predicted)
        else:
            change = target.probability(new, logged) - target.probability(log, logged)
            differs |= np.array(
                [a is None or a != b for a, b in zip(logged, predicted, strict=True)]
            )
        both[target.column] = logged.where(logged.notna(), log[target.column]).infer_objects()
        both[f"new_{target.column}"] = predicted
        both[f"change{target.suffix}"] = change
    return both.assign(differs=differs)


def _disagreements(
    log: pd.DataFrame, compared: pd.DataFrame, targets: list[Target], signature: Signature
) -> pd.DataFrame:
    table = log.loc[compared.index, ["prediction_id", "time", "version"]].join(compared)
    inputs = {}
    for name in signature.names:
        column = logged_input(log, name)
        assert column is not None
        inputs[f"input.{name}" if name in table else column.name] = column.loc[table.index]
    table = pd.concat([table, pd.DataFrame(inputs, index=table.index)], axis=1)
    if targets[0].classes is None:
        size = table[[f"change{target.suffix}" for target in targets]].abs().max(axis=1)
        table = table.loc[size.sort_values(ascending=False, kind="stable").index]
    return table.reset_index(drop=True)


def _reasons(left_out: dict[int, str]) -> str:
    """Name the three most frequent reasons, with the number of rows.

    Examples
    --------
    >>> _reasons({3: "'size' is null", 8: "'size' is null", 9: "'sex' is 7"})
    "'size' is null (2 rows); 'sex' is 7 (1 row)"
    """
    found = Counter(left_out.values()).most_common()
    words = [f"{reason} ({counted(times, 'row')})" for reason, times in found[:3]]
    return "; ".join(words + ([f"{len(found) - 3} more reasons"] if len(found) > 3 else []))
