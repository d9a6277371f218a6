"""Start: until every worker serves."""

import time
from collections.abc import Iterator
from statistics import median

from benchmarks.bench import Bench
from benchmarks.peers import plain
from benchmarks.row import Row
from tests.support.live import served_by, wait_until


def rows(bench: Bench) -> Iterator[Row]:
    """Measure starts with one model, by one worker and by four."""
    bench.publish("iris", plain.forest())
    for workers, must, aim in ((1, 1.8, 1.2), (4, 3, 2)):
        times = [seconds(bench, workers) for _ in range(bench.rounds)]
        named = "one worker" if workers == 1 else f"{workers} workers, until all serve"
        figures = f"the slowest of {len(times)}: {max(times):.2f}"
        yield Row(f"API start to ready, {named}, in seconds", must, aim, median(times), figures)


def seconds(bench: Bench, workers: int) -> float:
    """Start an API, and wait until it is ready and each worker serves the model."""
    began = time.perf_counter()
    with bench.api(API_WORKERS=str(workers)) as api, api.http() as http:
        wait_until(lambda: http.get("/health/ready").is_success, "ready")
        if workers > 1:  # ready is what one of them says
            wait_until(lambda: len(served_by(api, "iris")) == workers, "every worker")
        return time.perf_counter() - began
