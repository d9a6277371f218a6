"""Models: from one in the store to many, all asked in turn."""

import time
from collections.abc import Iterator
from functools import partial

from benchmarks import process_tree
from benchmarks.bench import QUERY, Bench
from benchmarks.curve import Curve, Panel
from benchmarks.peers.servers import application
from benchmarks.rows.many_models import serves
from tests.support.live import wait_until

MODELS = (1, 10, 50, 200)


def curves(bench: Bench) -> Iterator[Curve]:
    """Measure one row of iris by GET, of each model in turn."""
    rate, start, memory = (
        Panel("requests a second"),
        Panel("start (s)"),
        Panel("memory (MB, PSS)", is_log=False),
    )
    for count in dict.fromkeys(bench.some(models, least=1) for models in MODELS):
        names = bench.fill(count)
        paths = [f"/models/{name}/predict?{QUERY}" for name in names]
        began = time.perf_counter()
        with bench.api(DEFAULT_MODEL=names[0]) as api, api.http() as http:
            wait_until(partial(serves, http, count), "all models", 300)
            start.add("Labloop", count, time.perf_counter() - began)
            measured = bench.load([f"{api.url}{path}" for path in paths])
            rate.add("Labloop", count, measured.rate)
            pids = process_tree.tree(api.process.pid)
            memory.add("Labloop", count, process_tree.memory(pids))
        began = time.perf_counter()
        with application("several", MODELS=str(count)) as url:
            start.add("plain FastAPI", count, time.perf_counter() - began)
            measured = bench.load([f"{url}{path}" for path in paths])
            rate.add("plain FastAPI", count, measured.rate)
    title = "Requests a second, the start, and memory, by the number of models."
    yield Curve("models", title, "models", [rate, start, memory])
