"""Memory: of the supervisor and all that it started, each shared page once."""

import time
from collections.abc import Iterator

from benchmarks import process_tree
from benchmarks.bench import QUERY, Bench
from benchmarks.peers import plain
from benchmarks.row import Row
from tests.support.live import served_by, wait_until

SETTLED_SECONDS = 3.0
WORKERS = (1, 2, 4)


def rows(bench: Bench) -> Iterator[Row]:
    """Measure one model, served by one worker and by several."""
    bench.publish("iris", plain.forest())
    found = {workers: megabytes(bench, workers) for workers in WORKERS}
    (one, processes), (most, _) = found[1], found[WORKERS[-1]]
    text = "memory of the whole process tree, one model, one worker, in MB (PSS)"
    yield Row(text, 240, 170, one, f"{processes} processes")
    further = (most - one) / (WORKERS[-1] - 1)
    figures = "; ".join(f"{workers} workers: {mb:.0f}" for workers, (mb, _) in found.items())
    yield Row("each further worker, in MB (PSS)", 120, 80, further, figures)


def megabytes(bench: Bench, workers: int) -> tuple[float, int]:
    """Return the memory of an API that has answered, and of how many processes it is."""
    with bench.api(API_WORKERS=str(workers)) as api:
        wait_until(lambda: len(served_by(api, "iris")) == workers, "every worker")
        bench.load(f"{api.url}/predict?{QUERY}", connections=64, seconds=1.0)
        time.sleep(SETTLED_SECONDS)
        pids = process_tree.tree(api.process.pid)
        return process_tree.memory(pids), len(pids)
