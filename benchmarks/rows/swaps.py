"""Swaps: how soon a new version answers, and how long others wait meanwhile."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks.bench import QUERY, Bench
from benchmarks.peers import plain
from benchmarks.row import Row
from tests.support.live import LiveApi

SECONDS = 10.0


def rows(bench: Bench) -> Iterator[Row]:
    """Measure versions that follow each other; all are published before."""
    soon, meanwhile = bench.some(10), bench.some(12)
    versions = bench.publish("iris", plain.forest(), 1 + soon + meanwhile)[1:]
    with bench.api() as api:
        yield p99(bench, api, versions[soon:])
        yield served(bench, api, versions[:soon])


def p99(bench: Bench, api: LiveApi, versions: list[int]) -> Row:
    """Make another version live every second, by its alias."""
    url, seconds = f"{api.url}/predict?{QUERY}", SECONDS * bench.share
    steady = [bench.load(url, seconds=seconds).p99]
    with swapping(bench, versions):
        swapped = bench.load(url, seconds=seconds)
    steady.append(bench.load(url, seconds=seconds).p99)
    base = median(steady)
    text = "p99 while a new version is swapped in every second, against steady p99"
    figures = f"{swapped.p99:.1f} and {base:.1f} ms; {swapped.versions} versions answered"
    return Row(text, 1.3, 1.1, swapped.p99 / base, figures)


@contextmanager
def swapping(bench: Bench, versions: list[int]) -> Iterator[None]:
    """Make one version after the other live, one each second."""
    stop = threading.Event()

    def swap() -> None:
        for each in versions:
            bench.store.promote("iris", each)
            if stop.wait(1.0):
                return

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


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
