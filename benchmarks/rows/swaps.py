"""Swaps: how soon a new version answers, and how long others wait meanwhile."""

import time
from collections.abc import Iterator
from statistics import median
from threading import Event

from benchmarks.bench import QUERY, Bench
from benchmarks.meanwhile import meanwhile
from benchmarks.peers import plain
from benchmarks.row import Row
from tests.support.live import LiveApi

SECONDS = 10.0


def rows(bench: Bench) -> Iterator[Row]:
    """Measure versions that follow each other; all are published before."""
    soon, later = bench.some(10), bench.some(12)
    versions = bench.publish("iris", plain.forest(), 1 + soon + later)[1:]
    with bench.api() as api:
        yield p99(bench, api, versions[soon:])
        yield served(bench, api, versions[:soon])


def p99(bench: Bench, api: LiveApi, versions: list[int]) -> Row:
    """Make another version live every second, by its alias."""
    url, seconds = f"{api.url}/predict?{QUERY}", SECONDS * bench.share
    steady = [bench.load(url, seconds=seconds).p99]

    def swap(stop: Event) -> None:
        for each in versions:
            bench.store.promote("iris", each)
            if stop.wait(1.0):
                return

    with meanwhile(swap):
        swapped = bench.load(url, seconds=seconds)
    steady.append(bench.load(url, seconds=seconds).p99)
    base = median(steady)
    text = "p99 while a new version is swapped in every second, against steady p99"
    figures = f"{swapped.p99:.1f} and {base:.1f} ms; {swapped.versions} versions answered"
    return Row(text, 1.3, 1.1, swapped.p99 / base, figures)


def served(bench: Bench, api: LiveApi, versions: list[int]) -> Row:
    """Wait for each version."""
    seconds = []
    with api.http() as http:
        for each in versions:
            bench.store.promote("iris", each)
            began = time.perf_counter()
            while http.get(f"/predict?{QUERY}").headers["X-Model-Version"] != str(each):
                time.sleep(0.005)
            seconds.append(time.perf_counter() - began)
    figures = f"median of {len(seconds)}; the slowest {max(seconds):.2f} s"
    return Row("alias changed -> served, in seconds", 0.2, 0.1, median(seconds), figures)
