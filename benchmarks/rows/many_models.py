"""Many models: start, list and metrics, when each has been asked."""

import time
from collections.abc import Iterator
from statistics import median

import httpx

from benchmarks.bench import QUERY, Bench
from benchmarks.row import Row
from tests.support.live import wait_until

TIMES = 10


def rows(bench: Bench) -> Iterator[Row]:
    """Measure a store of 200 models."""
    names = bench.fill(bench.some(200))
    began = time.perf_counter()
    with bench.api(DEFAULT_MODEL=names[0]) as api, api.http() as http:
        wait_until(lambda: http.get("/health/ready").is_success, "ready", 300)
        wait_until(lambda: serves(http, len(names)), "all models", 300)
        ready = time.perf_counter() - began
        for name in names:
            http.get(f"/models/{name}/predict?{QUERY}").raise_for_status()
        what = f"{len(names)} models, all asked: "
        yield Row(f"{what}start to ready, in seconds", 10, 5, ready)
        for path, must, aim in (("/models", 50, 20), ("/metrics", 100, 50)):
            times = [milliseconds(http, path) for _ in range(TIMES)]
            figures = f"median of {TIMES}; the slowest {max(times):.0f} ms"
            yield Row(f"{what}`GET {path}`, in ms", must, aim, median(times), figures)


def serves(http: httpx.Client, count: int) -> bool:
    """Whether so many models are served."""
    models = http.get("/models").json()["models"]
    return sum(each["live"] is not None for each in models) == count


def milliseconds(http: httpx.Client, path: str) -> float:
    """Return how long a page takes."""
    began = time.perf_counter()
    http.get(path).raise_for_status()
    return (time.perf_counter() - began) * 1000
