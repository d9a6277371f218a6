"""Metrics: what is counted and measured, for Prometheus and for `GET /models`."""

import asyncio
import math
from collections import Counter as Counts
from typing import TypedDict

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from service.api.metrics import files as metric_files
from service.api.metrics import merged

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
TOLD_SECONDS = 0.02
DECADES = (0.0001, 0.001, 0.01, 0.1, 1.0)  # in seconds
FINE = [*(round(ten * step, 6) for ten in DECADES for step in (1, 1.5, 2, 3, 5, 7)), 10.0]
COARSE = [*(round(ten * step, 6) for ten in DECADES for step in (1, 2.5, 5)), 10.0]


class Traffic(TypedDict):
    """What all workers together predicted with a model."""

    predictions: int
    mean_ms: float
    p95_ms: float | None


class Waiting:
    """What is pending now: two numbers of the event loop.

    They are told a little later, or they would cost a small request a part of its time.
    """

    def __init__(self) -> None:
        self._requests, self._rows = 0, 0
        self._due = False
        self._requests_gauge = Gauge(
            "labloop_waiting_requests",
            "Requests whose rows are not predicted yet.",
            multiprocess_mode="livesum",
        )
        self._rows_gauge = Gauge(
            "labloop_waiting_rows",
            "Rows that are not predicted yet.",
            multiprocess_mode="livesum",
        )

    def add(self, requests: int, rows: int) -> None:
        """Have more, or fewer, wait."""
        self._requests += requests
        self._rows += rows
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(TOLD_SECONDS, self._tell)

    def _tell(self) -> None:
        self._due = False
        self._requests_gauge.set(self._requests)
        self._rows_gauge.set(self._rows)


class Metrics:
    """All metrics of the API.

    In a server, where `metric_files.claim` comes first, each worker counts in
    files that the others read; elsewhere in memory.

    Examples
    --------
    >>> metrics.log_lines.inc(3)
    """

    def __init__(self) -> None:
        self.requests = Counter(
            "labloop_http_requests_total",
            "Requests that were answered.",
            ["method", "route", "status"],
        )
        self.request_seconds = Histogram(
            "labloop_http_request_duration_seconds",
            "From a request's arrival to the end of its response.",
            ["route"],
            buckets=COARSE,
        )
        self.predictions = Counter(
            "labloop_predictions_total", "Rows predicted and logged.", ["model", "version"]
        )
        self.prediction_seconds = Histogram(
            "labloop_prediction_duration_seconds",
            "From a request's checked rows to their prediction, which is in the log.",
            ["model"],
            buckets=FINE,
        )
        self.waiting = Waiting()
        self.feedback_items = Counter(
            "labloop_feedback_items_total", "Truths told about predictions, and logged."
        )
        self.reloads = Counter(
            "labloop_model_reloads_total",
            "Versions that a worker put live, at its own start as well.",
            ["model"],
        )
        self.refusals = Counter(
            "labloop_model_refusals_total", "Versions that a worker refused.", ["model"]
        )
        self.live_version = Gauge(
            "labloop_model_live_version",
            "The version that went live last, in whichever worker; 0 is none.",
            ["model"],
            multiprocess_mode="livemostrecent",
        )
        self.log_lines = Counter("labloop_log_lines_total", "Lines written to the prediction log.")
        self.log_bytes = Counter(
            "labloop_log_written_bytes_total", "Bytes written to the prediction log."
        )
        self.log_sync_seconds = Histogram(
            "labloop_log_sync_duration_seconds",
            "How long a sync of the prediction log took.",
            buckets=COARSE,
        )
        self.torn_lines = Counter(
            "labloop_log_torn_lines_total", "Lines that a crash cut off, and that were set aside."
        )
        self.log_writable = Gauge(
            "labloop_log_writable",
            "Whether every worker can write to the prediction log.",
            multiprocess_mode="livemin",
        )
        self.archived_segments = Counter(
            "labloop_archived_segments_total",
            "Segments of the prediction log that the archive has, and that were deleted here.",
        )
        self.archive_waiting = Gauge(
            "labloop_archive_waiting_segments",
            "Sealed segments of the prediction log that the archive does not have yet.",
            multiprocess_mode="livesum",
        )
        self.workers = Gauge(
            "labloop_workers", "Processes that answer.", multiprocess_mode="livesum"
        )
        self._by_route: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._by_version: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request by the template of its route, and how long it took."""
        key = method, route, status
        if key not in self._by_route:
            self._by_route[key] = self.requests.labels(*key), self.request_seconds.labels(route)
        requests, duration = self._by_route[key]
        requests.inc()
        duration.observe(seconds)

    def predicted(self, model: str, version: int, rows: int, seconds: list[float]) -> None:
        """Count the rows of some requests, and how long each took."""
        key = model, version
        if key not in self._by_version:
            self._by_version[key] = (
                self.predictions.labels(model, version),
                self.prediction_seconds.labels(model),
            )
        predictions, duration = self._by_version[key]
        predictions.inc(rows)
        for each in seconds:
            duration.observe(each)

    def text(self, accept: str) -> tuple[bytes, str]:
        """Tell the sum of all workers, as a scraper wants it.

        Parameters
        ----------
        accept : str
            The request's header of that name.

        Returns
        -------
        text : bytes
        content_type : str
        """
        # Of what is wished for only this: the library's own choice fails on a strange version.
        wished = OPENMETRICS if "application/openmetrics-text" in accept else ""
        encode, content_type = choose_encoder(wished)
        if not metric_files.are_shared():
            return encode(REGISTRY), content_type
        with metric_files.settled() as folder:
            return merged.text(merged.merge(folder.glob("*.db")), bool(wished)), content_type

    def traffic(self) -> dict[str, Traffic]:
        """Sum up what all workers predicted, for each model that was asked.

        Mean and quantile are of requests, whatever their rows.
        """
        if metric_files.are_shared():
            with metric_files.settled() as folder:
                found = merged.merge(folder.glob("[ch]*.db"))
        else:
            found = merged.of(REGISTRY.collect())
        families = {each.name: each for each in found}
        rows: Counts[str] = Counts()
        if (predicted := families.get("labloop_predictions")) is not None:
            for (_, labels), value in predicted.values.items():
                rows[dict(labels)["model"]] += int(value)
        traffic: dict[str, Traffic] = {}
        if (took := families.get("labloop_prediction_duration_seconds")) is not None:
            for labels, counts in took.buckets.items():
                if requests := sum(counts.values()):
                    model, seconds = dict(labels)["model"], took.values[f"{took.name}_sum", labels]
                    traffic[model] = {
                        "predictions": rows[model],
                        "mean_ms": round(seconds / requests * 1000, 3),
                        "p95_ms": _quantile_ms(counts, 0.95),
                    }
        return traffic


def _quantile_ms(counts: dict[float, float], share: float) -> float | None:
    """Return the bound below which a share of a histogram is; None if it is beyond the last."""
    left = share * sum(counts.values())
    for bound in sorted(counts):
        left -= counts[bound]
        if left <= 0:
            break
    return None if bound == math.inf else round(bound * 1000, 3)


metrics = Metrics()
"""This process's own."""
