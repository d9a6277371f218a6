"""Quality: how good logged predictions were, where the truth is known."""

import re
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from service.contract.errors import LabloopError
from service.contract.model.manifest import Manifest
from service.lab.reports.report import AMBER, BLUE, INK, RED, Report, counted
from service.lab.reports.target import Target

ENOUGH = 30
BUCKETS = 20
STEPS = [f"{n}s" for n in (1, 5, 15, 30)] + [f"{n}min" for n in (1, 2, 5, 10, 15, 30)]
STEPS += [f"{n}h" for n in (1, 2, 4, 8, 12)] + [f"{n}D" for n in (1, 2, 7, 14, 28, 91)]
PAIR = ["truth", "prediction"]
COLOURS = (BLUE, AMBER, RED)


@dataclass(frozen=True, eq=False)
class Quality(Report):
    """What `measure` returns: a row a time bucket, and the same for all rows in `total`."""

    total: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))
    metric: str = ""
    by_version: dict[int, pd.DataFrame] = field(default_factory=dict)

    def _draw(self, figure: Figure) -> None:
        if not self.total["known"]:
            return
        axes = figure.subplots()
        counts = axes.twinx()
        axes.set_zorder(counts.get_zorder() + 1)
        starts = self.table.index
        width = min(np.diff(starts), default=pd.Timedelta("1min").to_timedelta64())
        counts.bar(
            starts, self.table["known"], width * 0.9, align="edge", color=INK, alpha=0.25,
            label="known truths",
        )  # fmt: skip
        counts.set_ylabel("known truths")
        counts.set_ylim(0, 1.6 * max(self.table["known"].max(), 1))
        for number, (version, table) in enumerate(self.by_version.items()):
            known = table[self.metric].dropna()
            axes.plot(
                known.index + pd.Timedelta(width) / 2, known, marker="o", markersize=4,
                color=COLOURS[number % len(COLOURS)], label=f"version {version}",
                linestyle="-" if number < len(COLOURS) else "--",
            )  # fmt: skip
        axes.set_ylabel(self.metric.replace("_", " "))
        if self.metric.startswith("accuracy"):
            axes.set_ylim(-0.03, 1.03)
        else:
            axes.set_ylim(bottom=0)
        # With its default limits: with fewer ticks it finds none for 4.7 hours, say, and warns.
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        words = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(words)
        figure.legend(loc="outside upper right", ncols=4)


def measure(
    log: pd.DataFrame, manifest: Manifest, every: str | pd.Timedelta | None = None
) -> Quality:
    """Compare logged predictions with the truths that are known.

    Parameters
    ----------
    log : DataFrame of shape (n_predictions, …)
        As `Lab.predictions` returns it, with its column truth. A truth may be a class, its
        text, or its name for people. With several targets it is a dict, or a list in their
        order.
    manifest : Manifest
        The version's, for its classes and targets.
    every : str or Timedelta, optional
        The length of a time bucket, e.g. "1h"; by default there are about 20.

    Returns
    -------
    Quality
        Its table has a row for each time bucket with predictions: predictions (how many), known
        (those with a truth), share_known; then accuracy, balanced_accuracy (the mean recall of
        the classes that occur), f1 (the mean over classes) and log_loss, or mae, rmse and r2.
        With several targets each target has its own metrics, e.g. ``mae_<target>``. A metric is
        NaN where no truth is known.

        A truth that is none of the classes counts as wrong. It is not a class of its own in the
        means, and has no part in the log loss. In a regression, a truth that is no number is
        left out.

    Raises
    ------
    LabloopError
        `every` is no length of time.

    Examples
    --------
    >>> from service.contract.signature.output import Output
    >>> from service.contract.signature.signature import Signature
    >>> X = pd.DataFrame({"size": [1.0, 2.0]})
    >>> output = Output(task="classification", classes=["cat", "dog"])
    >>> signature = Signature.from_table(X, output)
    >>> manifest = Manifest(model="m", estimator="", rows=2, signature=signature, image="")
    >>> time = pd.date_range("2026-05-01", periods=3, freq="1h", tz="UTC")
    >>> log = pd.DataFrame({"time": time, "version": 1, "prediction": ["cat", "dog", "dog"]})
    >>> quality = measure(log.assign(truth=["cat", "cat", None]), manifest)
    >>> quality.total[["predictions", "known", "accuracy"]].tolist()
    [3.0, 2.0, 0.5]
    """
    log = log.reset_index(drop=True)
    truth = log.get("truth", pd.Series(None, index=log.index, dtype=object)).astype(object)
    targets = Target.all_of(manifest)
    given = [_part(truth, target) for target in targets]
    scored = [_scored(log, target, part) for target, part in zip(targets, given, strict=True)]

    def row(part: pd.Index) -> dict[str, float]:
        known = int(truth[part].notna().sum())
        found = {"predictions": len(part), "known": known, "share_known": _ratio(known, len(part))}
        for target, columns in zip(targets, scored, strict=True):
            metrics = _metrics(columns.loc[part].dropna(subset=PAIR), target.classes is not None)
            found |= {f"{name}{target.suffix}": value for name, value in metrics.items()}
        return found

    starts = log["time"].dt.floor(_length(log["time"], every))

    def rows(part: pd.DataFrame) -> pd.DataFrame:
        buckets = {start: row(bucket.index) for start, bucket in part.groupby(starts[part.index])}
        table = pd.DataFrame([*buckets.values()], columns=[*row(log.index[:0])])
        return table.set_index(pd.DatetimeIndex(buckets, name="time", tz="UTC"))

    total = pd.Series(row(log.index))
    by_version = {int(version): rows(part) for version, part in log.groupby("version")}
    heading = (
        f"Quality of {manifest.model}: the truth is known for {int(total['known']):,} "
        f"of {counted(len(log), 'logged prediction')}."
    )
    metric = f"{'mae' if targets[0].classes is None else 'accuracy'}{targets[0].suffix}"
    notes = _notes(total, metric, by_version) + [
        note
        for target, part, columns in zip(targets, given, scored, strict=True)
        for note in _odd(target, part, columns)
    ]
    return Quality(heading, rows(log), notes, total, metric, by_version)


def _part(truth: pd.Series, target: Target) -> pd.Series:
    """Return the truths of one target, shape (n_rows,); None if one is missing."""
    if target.name is None:
        return truth

    def pick(value: Any) -> Any:
        if isinstance(value, dict):
            return value.get(target.name)
        if isinstance(value, list) and target.position < len(value):
            return value[target.position]
        return value

    return pd.Series([pick(value) for value in truth], index=truth.index, dtype=object)


def _scored(log: pd.DataFrame, target: Target, given: pd.Series) -> pd.DataFrame:
    """Put truth, prediction and the truth's probability side by side, as numbers.

    A class becomes its position among the classes. A truth that is none of them is -1, and a
    prediction -2. An unknown truth is NaN.
    """
    truth = target.read(given)
    prediction = target.read(log.get(target.column, pd.Series(None, log.index, dtype=object)))
    if target.classes is None:
        return pd.DataFrame({"truth": truth, "prediction": prediction})
    places = {label: float(place) for place, label in enumerate(target.classes)}
    return pd.DataFrame(
        {
            "truth": truth.map(places).fillna(-1.0).where(given.notna()).astype(float),
            "prediction": prediction.map(places).fillna(-2.0).astype(float),
            "probability": target.probability(log, truth),
        }
    )


def _metrics(scored: pd.DataFrame, is_class: bool) -> dict[str, float]:
    """Return the metrics of rows whose truth is known; NaN if there are too few."""
    truth, prediction = scored["truth"], scored["prediction"]
    if is_class:
        right = truth == prediction
        hits = truth[right].value_counts().astype(float)
        times = truth.value_counts().add(prediction.value_counts(), fill_value=0)
        probability = scored["probability"].dropna().clip(lower=np.finfo(float).eps)
        return {
            "accuracy": right.mean(),
            "balanced_accuracy": right.groupby(truth[truth >= 0]).mean().mean(),
            "f1": (2 * hits / times[times.index >= 0]).fillna(0).mean(),
            "log_loss": -np.log(probability).mean() + 0.0,
        }
    if not len(scored):
        return {"mae": nan, "rmse": nan, "r2": nan}
    return {
        "mae": mean_absolute_error(truth, prediction),
        "rmse": root_mean_squared_error(truth, prediction),
        "r2": r2_score(truth, prediction) if truth.nunique() > 1 else nan,
    }


def _length(times: pd.Series, every: str | pd.Timedelta | None) -> pd.Timedelta:
    """Return the length of a time bucket.

    Examples
    --------
    >>> times = pd.Series(pd.to_datetime(["2026-05-01 09:00", "2026-05-01 18:00"]))
    >>> _length(times, None)
    Timedelta('0 days 00:30:00')
    """
    if every is None:
        span = times.max() - times.min() if len(times) else pd.Timedelta(0)
        lengths = [pd.Timedelta(step) for step in STEPS]
        return next((length for length in lengths if span <= BUCKETS * length), lengths[-1])
    try:
        text = re.sub(r"d\b", "D", every) if isinstance(every, str) else every
        length = pd.Timedelta(text)
    except (ValueError, TypeError):
        length = pd.Timedelta(0)
    if not length > pd.Timedelta(0):
        raise LabloopError(f"every={every!r} is no length of time: give '1h', '15min' or '1D'.")
    return length


def _notes(total: pd.Series, metric: str, by_version: dict[int, pd.DataFrame]) -> list[str]:
    """Say how good the model was, and what to be careful with."""
    if not total["predictions"]:
        return [
            "The log has no predictions here. "
            "Ask the model first, or look further back with an earlier `since`."
        ]
    if not total["known"]:
        return [
            "No truth is known yet, so nothing can be said. Send it with "
            "`lab.feedback(ids, truth)`; the ids are in the column prediction_id."
        ]
    metrics = total.drop(["predictions", "known", "share_known"]).dropna()
    notes = [f"In all: {', '.join(f'{name} {value:.3g}' for name, value in metrics.items())}."]
    if total["known"] < ENOUGH:
        notes.append(
            f"Too few known truths to tell: {int(total['known'])}. The metrics mean something from "
            f"{ENOUGH} on."
        )
    if len(by_version) > 1:
        each = []
        for version, table in by_version.items():
            known = table["known"].sum()
            if known:
                mean = (table[metric] * table["known"]).sum() / known
                each.append(f"{mean:.3g} by version {version} ({known} known)")
        notes.append(f"{metric}: {', '.join(each)}.")
    return notes


def _odd(target: Target, given: pd.Series, scored: pd.DataFrame) -> list[str]:
    """Name truths that the model can never predict."""
    odd = given[given.notna()]
    if target.classes is None:
        odd = odd[target.read(odd).isna()]
        words = "no number and left out"
    else:
        odd = odd[scored.loc[odd.index, "truth"] == -1]
        shown = ", ".join(map(str, target.classes[:5]))
        words = f"none of the classes ({shown}{', …' if len(target.classes) > 5 else ''})"
        words += " and counted as wrong"
    if not len(odd):
        return []
    verb = "is" if len(odd) == 1 else "are"
    where = "" if target.name is None else f" of {target.name}"
    return [f"{counted(len(odd), 'truth')}{where} {verb} {words}, e.g. {odd.iloc[0]!r}."]


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else nan
