"""Idle: processor time while nobody asks anything."""

import time
from collections.abc import Iterator

from benchmarks import process_tree
from benchmarks.bench import Bench
from benchmarks.row import Row
from tests.support.live import wait_until

SETTLED_SECONDS, SECONDS = 5.0, 20.0
BOUNDS = {1: (0.5, 0.3), 10: (0.7, 0.3), 200: (3, 1)}  # in % of a core, by models


def rows(bench: Bench) -> Iterator[Row]:
    """Measure with some models in the store, and with many."""
    for count, (must, aim) in BOUNDS.items():
        names = bench.fill(bench.some(count, least=1))
        with bench.api(DEFAULT_MODEL=names[0]) as api, api.http() as http:
            wait_until(lambda: http.get("/health/ready").is_success, "ready", 180)
            time.sleep(SETTLED_SECONDS)
            share = process_tree.idle_share(api.process.pid, SECONDS * max(bench.share, 0.1)) * 100
        yield Row(f"idle, in % of a core, {len(names)} models in the store", must, aim, share)
