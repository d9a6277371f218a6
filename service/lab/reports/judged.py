"""Judged: the logged predictions of all versions, each by its own classes and targets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from service.contract.model.manifest import Manifest
from service.lab.log.publications import Logged
from service.lab.reports.report import counted
from service.lab.reports.scores import NO_CLASS, Scores
from service.lab.reports.target import Target

Key = tuple[str, bool]
"""What two versions have in common: a target of this name, which has classes or has not."""


class Judged:
    """The truths and predictions of all versions, side by side.

    Parameters
    ----------
    logged, manifests, live
        As in `service.lab.reports.quality.measure`.

    Attributes
    ----------
    log : DataFrame of shape (n_predictions, 3)
        time, version, and whether the truth is known.
    """

    def __init__(
        self, logged: Sequence[Logged], manifests: Mapping[int, Manifest], live: int
    ) -> None:
        self._scores: dict[Key, Scores] = {}
        self._classes: dict[Key, dict[int, list[Any] | None]] = {}
        self._odd: list[str] = []
        for target in Target.all_of(manifests[live]):  # so that its metrics come first
            self._scores_for(target)
        several = len({each.version for each in logged}) > 1
        rows = [pd.DataFrame({"time": pd.DatetimeIndex([], tz="UTC"), "version": [], "known": []})]
        start = 0
        for each in logged:
            table = each.table.set_axis(pd.RangeIndex(start, start + len(each.table)))
            start += len(table)
            truth = table.get("truth", pd.Series(None, table.index, dtype=object)).astype(object)
            rows.append(table[["time", "version"]].assign(known=truth.notna()))
            whose = f" about version {each.version}" if several else ""
            for target in Target.of_lines(each, manifests.get(each.version)):
                given = _part(truth, target)
                scored = self._scores_for(target).add(target, table, given)
                self._classes[_key(target)].setdefault(each.version, target.classes)
                self._odd += [
                    *_odd(target, given, scored, whose),
                    *_unpredicted(target, scored, whose),
                ]
        self.log = pd.concat(rows[1:] or rows)

    def scores(self, version: int | None = None) -> list[Scores]:
        """Return the scores that a version has a part in; all of them if it is None."""
        return [
            scores
            for key, scores in self._scores.items()
            if version is None or version in self._classes[key]
        ]

    @property
    def main(self) -> list[str]:
        """The metrics that say most, of classes and of numbers; the live version's first."""
        found: dict[bool, str] = {}
        for suffix, is_class in self._scores:
            found.setdefault(is_class, f"{'accuracy' if is_class else 'mae'}{suffix}")
        return [*found.values()]

    def notes(self) -> list[str]:
        """Say where versions differ, and which truths are odd."""
        return [*self._differences(), *self._odd]

    def _scores_for(self, target: Target) -> Scores:
        key = _key(target)
        self._classes.setdefault(key, {})
        return self._scores.setdefault(key, Scores(target))

    def _differences(self) -> Iterator[str]:
        kinds = {
            is_class: sorted(
                {v for key, vs in self._classes.items() if key[1] == is_class for v in vs}
            )
            for is_class in (True, False)
        }
        if all(kinds.values()):
            yield (
                f"Classes are predicted by {_versions(kinds[True])}, numbers by "
                f"{_versions(kinds[False])}: each metric is about those alone."
            )
        for (suffix, is_class), by_version in self._classes.items():
            shown = {
                v: _listed(classes) for v, classes in by_version.items() if classes is not None
            }
            if is_class and len({*shown.values()}) > 1:
                each = "; ".join(f"version {v}: {classes}" for v, classes in shown.items())
                yield (
                    f"Versions differ in their classes{suffix and f' of {suffix[1:]}'} ({each}). "
                    "Each is judged by its own; in what is said of all together, the classes of "
                    "all count."
                )


def _key(target: Target) -> Key:
    return target.suffix, target.classes is not None


def _versions(numbers: list[int]) -> str:
    return f"version{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def _listed(classes: list[Any]) -> str:
    """List classes; of many, only the first five."""
    return ", ".join(map(str, classes[:5])) + (", …" if len(classes) > 5 else "")


def _part(truth: pd.Series, target: Target) -> pd.Series:
    """Return the truths of one target, shape (n_rows,); None if one is missing."""
    if target.name is None:
        return truth

    def pick(value: Any) -> Any:
        if isinstance(value, dict):
            return value.get(target.name)
        if isinstance(value, list) and target.position < len(value):
            return value[target.position]
        return None if value is None or value != value else [value]  # it is of no target

    return pd.Series([pick(value) for value in truth], index=truth.index, dtype=object)


def _odd(target: Target, given: pd.Series, scored: pd.DataFrame, whose: str) -> list[str]:
    """Name truths that the model can never predict."""
    known = given.notna()
    if target.classes is None:
        odd = given[known & scored["truth"].isna()]
        words = "no number and left out"
    else:
        odd = given[known & (scored["truth"] == NO_CLASS)]
        words = f"none of the classes ({_listed(target.classes)}) and counted as wrong"
    if not len(odd):
        return []
    verb = "is" if len(odd) == 1 else "are"
    of = "" if target.name is None else f" of {target.name}"
    return [f"{counted(len(odd), 'truth')}{of}{whose} {verb} {words}, e.g. {odd.iloc[0]!r}."]


def _unpredicted(target: Target, scored: pd.DataFrame, whose: str) -> list[str]:
    """Count known truths whose prediction is missing: the model gave NaN, which is no number."""
    count = int((scored["truth"].notna() & scored["prediction"].isna()).sum())
    if not count:
        return []
    verb = "is" if count == 1 else "are"
    of = "" if target.name is None else f" of {target.name}"
    return [f"{counted(count, 'prediction')}{of}{whose} {verb} missing (NaN) and left out."]
