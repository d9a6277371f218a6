"""Workers: two of them against one.

The client of the other rows takes as much of a core as a worker does, and two workers, it and two
cores would measure the client. So this row is asked by wrk, which is Debian's package of that name.
It takes a part of the two cores all the same, so the processor time of a request is told besides.
"""

import re
import subprocess
from collections.abc import Iterator
from shutil import which
from statistics import median

from benchmarks.bench import QUERY, Bench, cores
from benchmarks.peers import plain
from benchmarks.process_tree import processor_seconds, tree
from benchmarks.row import Row
from tests.support.live import LiveApi

CONNECTIONS = 64


def rows(bench: Bench) -> Iterator[Row]:
    """Measure two workers and one, side by side."""
    work = f"two workers against one, {CONNECTIONS} connections, 2 cores"
    reason = f"this machine lets us use {cores()} core" if cores() < 2 else None
    reason = reason or (None if which("wrk") else "wrk is not installed")
    if reason:
        yield Row(work, 1.6, 1.8, None, reason, least=True)
        return
    bench.publish("iris", plain.forest())
    with (
        bench.api(LOGS_DIR=str(bench.folder / "one")) as one,
        bench.api(LOGS_DIR=str(bench.folder / "two"), API_WORKERS="2") as two,
    ):
        rounds = [[_asked(api, bench.seconds) for api in (two, one)] for _ in range(bench.rounds)]
    (both, each), (alone, each_alone) = (
        map(median, zip(*side, strict=True)) for side in zip(*rounds, strict=True)
    )
    figures = (
        f"{both:.0f} and {alone:.0f} requests/s; of a worker's processor time, a request takes "
        f"{each:.0f} and {each_alone:.0f} µs"
    )
    yield Row(work, 1.6, 1.8, both / alone, figures, least=True)


def _asked(api: LiveApi, seconds: float) -> tuple[float, float]:
    """Return the requests answered in a second, and the microseconds that the API took for each.

    Raises
    ------
    RuntimeError
        Some had another answer than 200.
    """
    seconds = max(1, round(seconds))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"{api.url}/predict?{QUERY}"]
    processes = tree(api.process.pid)
    before = processor_seconds(processes)
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    spent = processor_seconds(processes) - before
    found = re.search(r"Requests/sec: *([0-9.]+)", said)
    if found is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"Of {api.url}, requests failed: {said}")
    rate = float(found[1])
    return rate, spent / (rate * seconds) * 1e6
