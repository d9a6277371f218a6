"""The log: from 100,000 predictions to 100 million."""

import shutil
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.curve import Curve, Panel
from benchmarks.curves import big_log
from benchmarks.row import HEAD, Row

PREDICTIONS = (100_000, 1_000_000, 10_000_000)
MOST = 100_000_000
LINE_BYTES = 500  # with room for the copy


def lines(bench: Bench) -> Iterator[str | Curve]:
    """Build the copy of logs that are made by hand, and group each."""
    seconds, memory = Panel("seconds"), Panel("memory (MB)", is_log=False)
    sizes = [bench.some(size) for size in PREDICTIONS]
    why = "a quarter of an hour; `--soak` measures it"
    if bench.soak:
        free, needed = shutil.disk_usage(bench.folder).free, MOST * LINE_BYTES
        why = f"{needed / 1e9:.0f} GB are needed on disk, and {free / 1e9:.0f} are free"
        sizes += [MOST] if free > needed else []
    for size in sizes:
        log = bench.folder / f"log-{size}"
        big_log.write(log, size)
        for part, name in (("build", "building the copy"), ("grouped", "a grouped query")):
            found = big_log.measure(log, part)
            seconds.add(name, size, found["seconds"])
            memory.add(name, size, found["memory"])
        shutil.rmtree(log)
    title = "Seconds and memory to build the copy of the log and to group it, by its predictions."
    yield Curve("log_size", title, "predictions", [seconds, memory])
    done = MOST in sizes
    yield f"\n{HEAD}"
    for panel, what, must in ((seconds, "seconds", 10), (memory, "MB of memory", 3000)):
        measured = panel.sides["a grouped query"].get(MOST)
        work = f"{MOST / 1e6:.0f} million predictions: a grouped query, in {what}"
        yield str(Row(work, must, must, measured, "" if done else why))
