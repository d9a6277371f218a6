"""Tables: many rows in one call, and whom they delay."""

import json
import time
from collections.abc import Callable, Iterator
from statistics import median
from threading import Event
from typing import Any

import numpy as np

from benchmarks.bench import Bench, middle
from benchmarks.meanwhile import meanwhile
from benchmarks.peers import plain
from benchmarks.row import Row
from tests.support.live import LiveApi


def rows(bench: Bench) -> Iterator[Row]:
    """Measure large tables."""
    bench.publish("iris", plain.forest())
    with bench.api() as api:
        yield large_table(bench, api)
        yield spared(bench, api)


def large_table(bench: Bench, api: LiveApi) -> Row:
    """Compare `lab.predict` with the estimator."""
    model, X, _ = plain.forest()
    table = X.sample(bench.some(100_000), replace=True, random_state=0, ignore_index=True)
    table += np.random.default_rng(0).normal(scale=0.1, size=table.shape)
    lab = api.lab()
    works: dict[str, Callable[[], Any]] = {
        "notebook": lambda: model.predict_proba(table),
        "ours": lambda: lab.predict("iris", table),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    lab.predict("iris", table[:20_000])
    for _ in range(bench.rounds):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - began)
    ours, notebook = median(times["ours"]), median(times["notebook"])
    text = f"{len(table):,} rows through `lab.predict`, against `predict_proba` in the notebook"
    return Row(text, 1.5, 1.2, ours / notebook, f"{ours:.2f} and {notebook:.2f} s")


def spared(bench: Bench, api: LiveApi) -> Row:
    """Ask for nothing, while all cores predict large tables: what delays it held the event loop."""
    table = plain.forest()[1].sample(20_000, replace=True, random_state=0)
    content = json.dumps({"columns": table.to_dict("list")})

    def ask(stop: Event) -> None:
        with api.http() as http:
            while not stop.is_set():
                http.post("/models/iris/predict", content=content).raise_for_status()

    health = f"{api.url}/health/live"
    with meanwhile(ask, threads=2):
        (waited,) = bench.in_turns(lambda: bench.load(health, connections=1))
    text = "the longest wait for `/health/live` while 20,000-row requests are computed, in ms"
    return Row(text, 20, 20, middle(waited, "slowest"), f"p99 {middle(waited, 'p99'):.1f} ms")
