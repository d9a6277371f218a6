"""Workers: two of them against one.

The client of the other rows takes as much of a core as a worker does, and two workers, it and two
cores would measure the client. So this row is asked by wrk, which is Debian's package of that name.
"""

import re
import subprocess
from collections.abc import Iterator
from shutil import which
from statistics import median

from benchmarks.bench import QUERY, Bench, cores
from benchmarks.peers import plain
from benchmarks.row import Row

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
        urls = [f"{api.url}/predict?{QUERY}" for api in (two, one)]
        rounds = [[_rate(url, bench.seconds) for url in urls] for _ in range(bench.rounds)]
    both, alone = map(median, zip(*rounds, strict=True))
    figures = f"{both:.0f} and {alone:.0f} requests/s"
    yield Row(work, 1.6, 1.8, both / alone, figures, least=True)


def _rate(url: str, seconds: float) -> float:
    """Return the requests answered in a second.

    Raises
    ------
    RuntimeError
        Some had another answer than 200.
    """
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec: *([0-9.]+)", said)
    if found is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"Of {url}, requests failed: {said}")
    return float(found[1])
