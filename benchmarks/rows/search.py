"""Searches: one worker against two, and the cluster against scikit-learn's own processes."""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from benchmarks.bench import Bench
from benchmarks.row import Row
from service.contract.settings import Settings
from service.lab.cluster.cluster import start
from tests.support.live import CHECKOUT

ROWS = 20_000
CANDIDATES = 64


def rows(bench: Bench) -> Iterator[Row]:
    """Search with 1 worker, 2 workers, and 2 of scikit-learn's own processes, in turns."""
    table = pd.read_csv(CHECKOUT / "data" / "diamonds.csv").sample(bench.some(ROWS), random_state=0)
    X, y = table.drop(columns="price"), table["price"]
    count = bench.some(CANDIDATES)

    def own() -> float:
        return seconds(search(count, n_jobs=2), X, y)

    def on(workers: int) -> Callable[[], float]:
        def measured() -> float:
            with start(Settings(dask_scheduler_address=""), workers):
                return seconds(search(count), X, y)

        return measured

    seconds(search(2, n_jobs=2), X, y)  # starts scikit-learn's processes
    sides = own, on(2), on(1)
    rounds = [[side() for side in sides] for _ in range(bench.rounds)]
    local, two, one = (median(side) for side in zip(*rounds, strict=True))
    fits = f"{count * 3} fits"
    text = "a search on two workers against one, 2 cores"
    yield Row(text, 1.6, 1.8, one / two, f"{two:.1f} and {one:.1f} s for {fits}", least=True)
    text = "the same on two workers against `n_jobs=2` without a cluster"
    yield Row(text, 1.1, 1.0, two / local, f"{two:.1f} and {local:.1f} s for {fits}")


def search(candidates: int, **options: Any) -> GridSearchCV:
    """Return a search over forests, whose fits take about half a second."""
    encode = make_column_transformer(
        (OrdinalEncoder(), ["cut", "color", "clarity"]), remainder="passthrough"
    )
    forest = make_pipeline(encode, RandomForestRegressor(8, random_state=0))
    leaves = [4 + each for each in range(candidates)]
    grid = {"randomforestregressor__min_samples_leaf": leaves}
    return GridSearchCV(forest, grid, cv=3, refit=False, **options)


def seconds(search: GridSearchCV, X: Any, y: Any) -> float:
    """Return how long a search takes."""
    began = time.perf_counter()
    search.fit(X, y)
    return time.perf_counter() - began
