"""Workers: two of them against one."""

from collections.abc import Iterator

from benchmarks.bench import QUERY, Bench, cores, middle
from benchmarks.peers import plain
from benchmarks.row import Row


def rows(bench: Bench) -> Iterator[Row]:
    """Measure two workers and one, side by side."""
    work = "two workers against one, 64 connections, 2 cores"
    if cores() < 2:
        yield Row(work, 1.6, 1.8, None, f"this machine lets us use {cores()} core", least=True)
        return
    bench.publish("iris", plain.forest())
    with (
        bench.api(LOGS_DIR=str(bench.folder / "one")) as one,
        bench.api(LOGS_DIR=str(bench.folder / "two"), API_WORKERS="2") as two,
    ):
        urls = [f"{api.url}/predict?{QUERY}" for api in (two, one)]
        both, alone = map(
            middle,
            bench.in_turns(
                lambda: bench.load(urls[0], connections=64),
                lambda: bench.load(urls[1], connections=64),
            ),
        )
    figures = f"{both:.0f} and {alone:.0f} requests/s"
    yield Row(work, 1.6, 1.8, both / alone, figures, least=True)
