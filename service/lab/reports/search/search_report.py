"""Search report: the candidates of a search, ranked, with notes and a picture."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from service.lab.reports.report import Report, counted, named
from service.lab.reports.search.candidates import Candidates, Parameter
from service.lab.reports.search.search_plot import draw

OUTER = 0.05  # of the values that were tried: the edge, where there are many


@dataclass(frozen=True, eq=False, init=False)
class SearchReport(Report):
    """What a search over parameters found.

    Its table has a row for each candidate, the best first: score (the mean over the folds), std
    (their standard deviation, as scikit-learn gives it), fit_seconds, and the parameters that
    vary. Candidates of a halving search are ranked by how far they came.

    Parameters
    ----------
    search : fitted search of scikit-learn
        E.g. GridSearchCV, RandomizedSearchCV or HalvingGridSearchCV.
    metric : str, optional
        Which score, if the search has several; by default the one that chose the best.

    Raises
    ------
    LabloopError
        It is no fitted search, or has no such metric.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=2)
    >>> report = SearchReport(search.fit([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]))
    >>> report.table["alpha"].tolist()
    [0.1, 1.0, 10.0]
    >>> report.notes[-1]
    'At the edge of what was tried: alpha (0.1, the smallest). Values beyond it may ...'
    """

    candidates: Candidates = field(init=False)

    def __init__(self, search: Any, metric: str | None = None) -> None:
        found = Candidates.of(search, metric)
        folds = found.splits.shape[1]
        heading = (
            f"{type(search).__name__} of {counted(len(found.splits), 'candidate')} in "
            f"{counted(folds, 'fold')}, by {found.metric}."
        )
        super().__init__(heading, found.table(), _notes(found))
        object.__setattr__(self, "candidates", found)

    def _draw(self, figure: Figure) -> None:
        if self.candidates.parameters and self.candidates.mean.notna().any():
            draw(figure, self.candidates)


def _notes(found: Candidates) -> list[str]:
    """Say which is the best, which are as good, what failed, and where to look next."""
    best = found.best
    chosen = [f"{each.name}={_shown(each.values[best])}" for each in found.parameters]
    mean, error = found.mean[best], found.error[best]
    notes = [
        f"The best: {named(chosen)}. Its score is {mean:.4g}, with a standard error of {error:.2g}."
    ]
    others = found.close.sum() - 1
    if others > 0 and error > 0:
        fastest = found.seconds[found.close].idxmin()
        note = (
            f"Within one standard error of it: {counted(int(others), 'other candidate')} of "
            f"{int(found.compared.sum()) - 1:,}. These folds do not tell them apart."
        )
        if found.seconds[fastest] < found.seconds[best] / 2:
            times = found.seconds[best] / found.seconds[fastest]
            rank = 1 + int((found.mean[found.compared] > found.mean[fastest]).sum())
            note += f" The fastest of them (rank {rank}) fits {times:.1f} times as fast."
        notes.append(note)
    elif error > 0 and found.compared.sum() > 1:
        notes.append("No other candidate is within one standard error of it.")
    failed = found.splits.isna()
    if fits := int(failed.to_numpy().sum()):
        of = counted(int(failed.any(axis=1).sum()), "candidate")
        notes.append(
            f"Failed: {counted(fits, 'fit')} of {of}, last in the table. `fit` told the reasons."
        )
    if not found.compared.all():
        notes.append(
            f"Only the {int(found.compared.sum()):,} that were given n_resources="
            f"{found.resources[best]:,} can be compared; others were dropped before."  # type: ignore[index]
        )
    if edges := [text for each in found.parameters if (text := _edge(each, best))]:
        notes.append(
            f"At the edge of what was tried: {named(edges)}. Values beyond it may be better."
        )
    return notes


def _edge(parameter: Parameter, best: int) -> str:
    """Say on which edge of the values that were tried the best lies; nothing if on none."""
    if not parameter.is_number or parameter.count < 3:
        return ""
    values = np.sort(parameter.values.dropna().unique())
    reach = int(OUTER * len(values))
    place = int(np.searchsorted(values, parameter.values[best]))
    which = "smallest" if place <= reach else "largest" if place >= len(values) - 1 - reach else ""
    among = "the" if place in (0, len(values) - 1) else "among the"
    return f"{parameter.name} ({_shown(parameter.values[best])}, {among} {which})" if which else ""


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) and not pd.isna(value) else str(value)
