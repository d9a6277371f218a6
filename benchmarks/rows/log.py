"""The log: what it costs a request, and how it is read back."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from statistics import median

from benchmarks.bench import QUERY, Bench, middle
from benchmarks.curves import big_log
from benchmarks.peers import plain
from benchmarks.row import Row

PREDICTIONS = 10_000_000


def rows(bench: Bench) -> Iterator[Row]:
    """Measure writing, then reading."""
    yield from writing(bench)
    yield from reading(bench)


def writing(bench: Bench) -> Iterator[Row]:
    """Compare what is answered under two ways to sync with what is answered without any log."""
    bench.publish("iris", plain.forest())
    with ExitStack() as stack:
        urls = []
        for sync in ("interval", "always"):
            logs = {"LOGS_DIR": str(bench.folder / sync), "LOG_SYNC": sync}
            urls.append(stack.enter_context(bench.api(**logs)).url)
        logs = {"LOGS_DIR": str(bench.folder / "none")}
        unlogged = bench.api(program="benchmarks.peers.unlogged", **logs)
        urls.append(stack.enter_context(unlogged).url)
        asked = [partial(bench.load, f"{url}/predict?{QUERY}", connections=64) for url in urls]
        interval, always, none = map(middle, bench.in_turns(*asked))
    for sync, must, ours in (("interval", 0.85, interval), ("always", 0.65, always)):
        text = f"`LOG_SYNC={sync}` at 64 connections, against no log at all"
        figures = f"{ours:.0f} and {none:.0f} requests/s"
        yield Row(text, must, must, ours / none, figures, least=True)


def reading(bench: Bench) -> Iterator[Row]:
    """Read a log of ten million predictions, and one that has a single day of them."""
    whole, alone = bench.folder / "whole", bench.folder / "alone"
    predictions = bench.some(PREDICTIONS)
    big_log.write(whole, predictions)
    big_log.write(alone, predictions // big_log.DAYS, 1, big_log.DAY)
    built, grouped = big_log.measure(whole, "build"), big_log.measure(whole, "grouped")
    big_log.measure(alone, "build")
    days = [
        (big_log.measure(whole, "day"), big_log.measure(alone, "day")) for _ in range(bench.rounds)
    ]
    day, single = (median(each[side]["seconds"] for each in days) for side in (0, 1))
    million = f"{built['count'] / 1e6:g} million predictions"
    text, rate = (
        f"{million}: building the copy, in predictions/s",
        built["count"] / built["seconds"],
    )
    yield Row(text, 500_000, 500_000, rate, "one row a line", least=True)
    text = f"{million}: on disk, in bytes a prediction"
    yield Row(text, 40, 40, built["bytes"], "iris, measured to 0.1 cm")
    yield Row(f"{million}: a grouped query by `lab.sql`, in seconds", 2, 2, grouped["seconds"])
    yield Row(f"{million}: memory of that process, in MB", 2000, 2000, grouped["memory"])
    count = days[0][0]["rows"]
    yield Row(f"a day of {count:,.0f} predictions into a DataFrame, in seconds", 0.5, 0.5, day)
    text = "one day out of 100, against a log of that day alone"
    yield Row(text, 1.5, 1.2, day / single, f"{day:.2f} and {single:.2f} s")
