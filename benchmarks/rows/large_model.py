"""A large model: memory while another version of it is swapped in, and how long others wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from threading import Event

import httpx
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from benchmarks import process_tree
from benchmarks.bench import QUERY, Bench
from benchmarks.meanwhile import meanwhile
from benchmarks.peers import plain
from benchmarks.row import Row
from tests.support.live import LiveApi, served_by, wait_until

MEGABYTES = 400
TREE_ROWS = 20_000
SECONDS = 20.0


def rows(bench: Bench) -> Iterator[Row]:
    """Swap versions of a large forest, while a small model is asked."""
    bench.publish("iris", plain.forest())
    versions = bench.publish("large", forest(bench.some(MEGABYTES)), 3)
    size = megabytes(bench, "large")
    with bench.api(TRIAL_SECONDS="600") as api:
        url, seconds = f"{api.url}/predict?{QUERY}", SECONDS * bench.share
        wait_until(lambda: served_by(api, "large"), "the large model", 600)
        before = bench.load(url, seconds=seconds).p99
        steady = process_tree.memory(process_tree.tree(api.process.pid))
        with process_tree.peak(api.process.pid) as most, swapping(bench, api, versions) as live:
            busy = bench.load(url, seconds=seconds)
        after = bench.load(url, seconds=seconds).p99
    above = (most.memory - steady) / size
    base = (before + after) / 2
    text = f"a forest of {size:.0f} MB swaps: peak memory above steady, in times its size"
    figures = f"from {steady:.0f} to {most.memory:.0f} MB (PSS), {len(live) - 1} swaps"
    yield Row(text, 1.3, 1.1, above, figures)
    text = "p99 of a small model meanwhile, against steady p99"
    yield Row(text, 5, 2, busy.p99 / base, f"{busy.p99:.1f} and {base:.1f} ms")


def forest(size: int) -> plain.Trained:
    """Fit a forest whose file has so many megabytes."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(TREE_ROWS, 8)), columns=[*"abcdefgh"])
    y = pd.Series(random.integers(0, 3, TREE_ROWS))  # nothing to learn, so the trees are full
    one = RandomForestClassifier(1, random_state=0).fit(X, y)
    tree = one.estimators_[0].tree_.__getstate__()
    trees = round(size * 1e6 / (tree["nodes"].nbytes + tree["values"].nbytes))
    return RandomForestClassifier(max(2, trees), random_state=0, n_jobs=-1).fit(X, y), X, y


def megabytes(bench: Bench, name: str) -> float:
    """Return the size of a model's first version on disk."""
    files = (bench.store.root / name / "1").iterdir()
    return sum(file.stat().st_size for file in files) / 1e6


@contextmanager
def swapping(bench: Bench, api: LiveApi, versions: list[int]) -> Iterator[list[int]]:
    """Make each version live when the one before it is served; the last begun is waited for."""
    served = versions[:1]

    def swap(stop: Event) -> None:
        with api.http() as http:
            for each in cycle([*versions[1:], versions[0]]):
                bench.store.promote("large", each)
                wait_until(partial(_serves, http, each), f"version {each}", 600)
                served.append(each)
                if stop.is_set():
                    return

    with meanwhile(swap):
        yield served


def _serves(http: httpx.Client, version: int) -> bool:
    live = http.get("/models/large").json()["live"]
    return live is not None and live["version"] == version
