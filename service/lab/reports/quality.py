"""Quality: how good logged predictions were, where the truth is known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from service.contract.errors import LabloopError
from service.contract.model.manifest import Manifest
from service.lab.log.publications import Logged
from service.lab.reports.clusters import NO_TRUTH
from service.lab.reports.judged import Judged
from service.lab.reports.report import AMBER, BLUE, INK, RED, Report, counted

ENOUGH = 30
BUCKETS = 20
STEPS = [f"{n}s" for n in (1, 5, 15, 30)] + [f"{n}min" for n in (1, 2, 5, 10, 15, 30)]
STEPS += [f"{n}h" for n in (1, 2, 4, 8, 12)] + [f"{n}D" for n in (1, 2, 7, 14, 28, 91)]
COLOURS = (BLUE, AMBER, RED)


@dataclass(frozen=True, eq=False)
class Quality(Report):
    """What `measure` returns: a row a time bucket, and the same for all rows in `total`."""

    total: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))
    metric: str = ""
    by_version: dict[int, pd.DataFrame] = field(default_factory=dict)

    def _draw(self, figure: Figure) -> None:
        if not self.metric or not self.total["known"]:
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
            if self.metric not in table:
                continue
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
    logged: Sequence[Logged],
    manifests: Mapping[int, Manifest],
    live: int,
    every: str | pd.Timedelta | None = None,
    what: str = "logged prediction",
) -> Quality:
    """Compare logged predictions with the truths that are known.

    Each version is judged by its own classes and targets, as its lines of the log have them.

    Parameters
    ----------
    logged : sequence of Logged
        As `service.lab.log.reader.read_apart` returns them, with their column truth. A truth may
        be a class, its text, or its name for people. With several targets it is a dict, or a
        list in their order.
    manifests : mapping of int to Manifest
        Those of the versions that are in the store.
    live : int
        The live version, which is one of them.
    every : str or Timedelta, optional
        The length of a time bucket, e.g. "1h"; by default there are about 20.
    what : str
        What a row of `logged` is called.

    Returns
    -------
    Quality
        Its table has a row for each time bucket with predictions: predictions (how many), known
        (those with a truth), share_known; then accuracy, balanced_accuracy (the mean recall of
        the classes that occur), f1 (the mean over classes) and log_loss, or mae, rmse and r2.
        With several targets each target has its own metrics, e.g. ``mae_<target>``. A metric is
        NaN where no truth is known. If some versions predict classes and others numbers, there
        are both kinds, each about its own rows.

        A truth that is none of the classes counts as wrong. It is not a class of its own in the
        means, and has no part in the log loss. In a regression, a truth that is no number is
        left out. A clustering has no metric, and a note that says why.

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
    >>> logged = Logged(1, ["cat", "dog"], None, log.assign(truth=["cat", "cat", None]))
    >>> quality = measure([logged], {1: manifest}, live=1)
    >>> quality.total[["predictions", "known", "accuracy"]].tolist()
    [3.0, 2.0, 0.5]
    """
    judged = Judged(logged, manifests, live)
    log, model = judged.log, manifests[live].model
    is_clustering = manifests[live].signature.output.task == "clustering"

    def row(part: pd.Index, version: int | None = None) -> dict[str, float]:
        known = int(log["known"][part].sum())
        found = {"predictions": len(part), "known": known, "share_known": _ratio(known, len(part))}
        for scores in [] if is_clustering else judged.scores(version):
            found |= scores.metrics(part)
        return found

    starts = log["time"].dt.floor(_length(log["time"], every))

    def rows(part: pd.DataFrame, version: int | None = None) -> pd.DataFrame:
        groups = part.groupby(starts[part.index])
        buckets = {start: row(bucket.index, version) for start, bucket in groups}
        table = pd.DataFrame([*buckets.values()], columns=[*row(log.index[:0], version)])
        return table.set_index(pd.DatetimeIndex(buckets, name="time", tz="UTC"))

    total = pd.Series(row(log.index))
    by_version = {int(v): rows(part, int(v)) for v, part in log.groupby("version")}
    heading = (
        f"Quality of {model}: the truth is known for {int(total['known']):,} "
        f"of {counted(len(log), what)}."
    )
    if is_clustering:
        return Quality(heading, rows(log), [NO_TRUTH], total)
    totals = {v: row(log.index[log["version"] == v], v) for v in by_version}
    metric = next((each for each in judged.main if pd.notna(total[each])), judged.main[0])
    notes = _notes(total, totals, judged.main) + judged.notes()
    return Quality(heading, rows(log), notes, total, metric, by_version)


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


def _notes(total: pd.Series, totals: dict[int, dict[str, float]], main: list[str]) -> list[str]:
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
    if len(totals) > 1:
        for metric in filter(metrics.__contains__, main):
            each = [
                f"{found[metric]:.3g} by version {version} ({found['known']} known)"
                for version, found in totals.items()
                if found["known"] and metric in found
            ]
            notes.append(f"{metric}: {', '.join(each)}.")
    return notes


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else nan
