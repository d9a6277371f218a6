"""Candidates: what a search tried, as a table, with the parameters that vary."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from service.contract.errors import LabloopError


@dataclass(frozen=True)
class Parameter:
    """A parameter that varies.

    Parameters
    ----------
    name : str
        Without the steps before it, where that is clear.
    values : Series of shape (n_candidates,)
        Numbers, or the texts of other values; missing where a candidate does not have it.
    levels : list of str
        The texts in order; empty for numbers.
    """

    name: str
    values: pd.Series
    levels: list[str]

    @property
    def is_number(self) -> bool:
        """Whether all its values are numbers."""
        return not self.levels

    @property
    def count(self) -> int:
        """How many different values were tried."""
        return int(self.values.nunique())


@dataclass(frozen=True)
class Candidates:
    """All candidates of a search, in its own order.

    Parameters
    ----------
    parameters : list of Parameter
        Those that vary.
    splits : DataFrame of shape (n_candidates, n_folds)
        The scores in each fold; NaN where the fit failed.
    seconds : Series of shape (n_candidates,)
        The mean time of a fit.
    resources : Series of shape (n_candidates,) or None
        Of a halving search, how much each was given.
    best : int
        The position of the best.
    metric : str
        The name of the score.
    """

    parameters: list[Parameter]
    splits: pd.DataFrame
    seconds: pd.Series
    resources: pd.Series | None
    best: int
    metric: str

    @classmethod
    def of(cls, search: Any, metric: str | None = None) -> Self:
        """Read what a search found.

        Raises
        ------
        LabloopError
            It is no fitted search, or has no such metric.
        """
        results = getattr(search, "cv_results_", None)
        if results is None:
            raise LabloopError(
                f"{type(search).__name__} has no cv_results_: give a search of scikit-learn, e.g. "
                "GridSearchCV, after its `fit`."
            )
        metrics = [name.removeprefix("mean_test_") for name in results if "mean_test_" in name]
        refit = getattr(search, "refit", None)
        chosen = metric or (refit if isinstance(refit, str) else metrics[0])
        if chosen not in metrics:
            raise LabloopError(
                f"metric={chosen!r} was not measured; this search has {', '.join(metrics)}."
            )
        splits = pd.DataFrame(
            {f"split{number}": results[f"split{number}_test_{chosen}"]
             for number in range(search.n_splits_)}
        )  # fmt: skip
        resources = pd.Series(results["n_resources"]) if "n_resources" in results else None
        is_refit = hasattr(search, "best_index_") and metric in (None, refit)
        mean = splits.mean(axis=1, skipna=False)
        if resources is not None:
            mean = mean.where(resources == resources.max())
        if not is_refit and mean.isna().all():
            raise LabloopError("No candidate has a score: all of them failed in some fold.")
        scoring = getattr(search, "scoring", None)
        return cls(
            _parameters(list(results["params"])),
            splits,
            pd.Series(results["mean_fit_time"]),
            resources,
            int(search.best_index_ if is_refit else mean.argmax()),
            scoring if chosen == "score" and isinstance(scoring, str) else chosen,
        )

    @property
    def mean(self) -> pd.Series:
        """The mean score of each; NaN where a fit failed."""
        return self.splits.mean(axis=1, skipna=False)

    @property
    def error(self) -> pd.Series:
        """The standard error of each mean, as if folds were independent."""
        return self.splits.std(axis=1, ddof=1, skipna=False) / np.sqrt(self.splits.shape[1])

    @property
    def compared(self) -> pd.Series:
        """Whether each was given as much as the best; halving drops others before."""
        if self.resources is None:
            return pd.Series(True, index=self.splits.index)
        return self.resources == self.resources[self.best]

    @property
    def close(self) -> pd.Series:
        """Whether the mean of each is within one standard error of the best's."""
        return self.compared & (self.mean >= self.mean[self.best] - self.error[self.best])

    def table(self) -> pd.DataFrame:
        """Rank them: score, std and fit_seconds, then the parameters that vary."""
        columns = {
            "score": self.mean,
            "std": self.splits.std(axis=1, ddof=0, skipna=False),
            "fit_seconds": self.seconds,
        }
        if self.resources is not None:
            columns["n_resources"] = self.resources
        columns |= {each.name: each.values for each in self.parameters}
        ranked = pd.DataFrame(columns)
        by = ["n_resources", "score"] if self.resources is not None else ["score"]
        ranked = ranked.sort_values(by, ascending=False, kind="stable", na_position="last")
        first = [self.best, *ranked.index.drop(self.best)]
        return ranked.loc[first].set_axis(pd.RangeIndex(1, len(first) + 1, name="rank"))


def _parameters(params: list[dict[str, Any]]) -> list[Parameter]:
    """Find the parameters that vary."""
    names = list(dict.fromkeys(name for each in params for name in each))
    varying = []
    for name in names:
        texts = [_text(each[name]) if name in each else None for each in params]
        if len(set(texts)) > 1:
            varying.append(name)
    short = [name.rsplit("__", 1)[-1] for name in varying]
    found = []
    for name, end in zip(varying, short, strict=True):
        values = [each.get(name) for each in params]
        has = [name in each for each in params]
        shown = end if short.count(end) == 1 else name
        given = [value for value, there in zip(values, has, strict=True) if there]
        if all(map(_is_number, given)):
            numbers = [v if there else np.nan for v, there in zip(values, has, strict=True)]
            found.append(Parameter(shown, pd.Series(numbers), []))
            continue
        numeric: list[Any] = sorted({v for v in given if _is_number(v)})
        others = dict.fromkeys(_text(v) for v in given if not _is_number(v))
        texts = [_text(v) if there else None for v, there in zip(values, has, strict=True)]
        levels = [*map(_text, numeric), *others]
        found.append(Parameter(shown, pd.Series(texts, dtype=object), levels))
    return found


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, int | float | np.integer | np.floating)
    return is_real and not isinstance(value, bool) and bool(np.isfinite(value))


def _text(value: Any) -> str:
    """Write a value shortly.

    Examples
    --------
    >>> _text(None), _text("gini"), _text(10), _text((1, 2))
    ('None', 'gini', '10', '(1, 2)')
    """
    return value if isinstance(value, str) else " ".join(str(value).split())
