"""Scoring: ten million rows in files, by one worker process and by two."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import duckdb
import numpy as np
import pandas as pd

from benchmarks.bench import Bench
from benchmarks.peers import plain
from benchmarks.process_tree import peak
from benchmarks.row import Row
from service.lab import Lab

FILE_ROWS = 1_000_000
WORKERS = (1, 2)


def rows(bench: Bench) -> Iterator[Row]:
    """Measure `lab.score`, in turns with the estimator in this process."""
    bench.publish("iris", plain.forest())
    lab = Lab(models_dir=bench.store.root, dask_scheduler_address="")
    count = bench.some(10_000_000)
    data, sample = written(bench.folder / "flowers", count)
    times: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    estimator: list[float] = []
    for turn in range(bench.rounds):
        for workers in WORKERS:
            with lab.cluster(workers=workers):
                lab.score("iris", sample.head(10_000 * workers), bench.folder / f"warm-{workers}")
                began = time.perf_counter()
                lab.score("iris", data, bench.folder / f"scores-{workers}-{turn}")
                times[workers].append(time.perf_counter() - began)
        began = time.perf_counter()
        plain.forest()[0].predict_proba(sample)
        estimator.append(time.perf_counter() - began)
    # By itself, since to look at memory takes time, too.
    with lab.cluster(workers=2), peak(os.getpid()) as most:
        lab.score("iris", data, bench.folder / "scores")
    one, two = (median(times[workers]) for workers in WORKERS)
    alone = len(sample) / median(estimator)
    figures = f"{count / two:,.0f} and {count / one:,.0f} rows/s"
    text = f"{count:,} rows of iris in files by `lab.score`: two workers against one"
    yield Row(text, 1.6, 1.8, one / two, figures, least=True)
    text = "the same by one worker, against `predict_proba` in the notebook"
    yield Row(text, 0.8, 1, count / one / alone, f"{alone:,.0f} rows/s there", least=True)
    text = "the same by two: memory of notebook, scheduler and workers, in MB"
    yield Row(text, 2000, 1500, most.memory)


def written(folder: Path, count: int) -> tuple[Path, pd.DataFrame]:
    """Write flowers like those of training to files; return the folder and the first of them."""
    folder.mkdir()
    _, X, _ = plain.forest()
    random = np.random.default_rng(0)
    tables: list[pd.DataFrame] = []
    for number, start in enumerate(range(0, count, FILE_ROWS)):
        some = min(FILE_ROWS, count - start)
        table = X.sample(some, replace=True, random_state=number, ignore_index=True)
        table += random.normal(scale=0.1, size=table.shape)
        with duckdb.connect() as database:
            database.from_df(table).write_parquet(str(folder / f"{number:03d}.parquet"))
        tables = [*tables, table][:1]
    return folder, tables[0]
