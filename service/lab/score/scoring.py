"""Scoring: the parts of a plan that are not done yet, computed here or on a cluster."""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from queue import Empty, Queue
from time import perf_counter
from typing import TypeVar

import dask
from distributed import Future, KilledWorker
from tqdm.auto import tqdm

from service.contract.errors import ClusterError, ScoringError
from service.contract.object_url import is_remote
from service.contract.settings import Settings
from service.lab.cluster.cluster import Cluster, current, start
from service.lab.score.data.parts import Part
from service.lab.score.outcome import Outcome, outcome_of
from service.lab.score.output import Output
from service.lab.score.part import GO_ON, Job, Scored, Source, score_part
from service.lab.score.places.place import Place
from service.lab.score.plan import Plan

T = TypeVar("T")
HERE = 1  # so many parts are done before a cluster has started
AHEAD = 2  # parts of a table that each process has, at work and waiting
LOOK_SECONDS = 2.0  # between looks whether there are workers
LONELY_SECONDS = 60.0  # without a worker: one that died takes a few seconds to come back
NEEDED = 12  # times the size of a part: what its values, predictions and texts take
BASE_BYTES = 300_000_000  # of a process with its libraries


def run(settings: Settings, plan: Plan, place: Place) -> Outcome:
    """Score the parts that are not done yet; see `Lab.score`."""
    output, began = Output(place), perf_counter()
    with output.opened(plan) as staging:
        done = output.done(plan.fingerprint)
        todo = [part for part in plan.parts if part.number not in done]
        before = plan.rows - sum(part.rows for part in todo)
        job = job_of(settings, plan, place, staging)
        with tqdm(
            total=plan.rows, initial=before, unit="row", unit_scale=True, desc=plan.name
        ) as bar:
            for part, scored in _computed(settings, plan, job, todo):
                done[part.number] = scored
                bar.update(part.rows)
        refused = sum(each.refused for each in done.values())
        output.finish(plan, refused)
    return outcome_of(plan, output, refused, before, perf_counter() - began)


def job_of(settings: Settings, plan: Plan, place: Place, staging: str) -> Job:
    """Return what each part needs of a plan."""
    return Job(
        settings.models_dir, settings.store_url, plan.name, plan.version, plan.digest,
        plan.features, plan.others, place, staging, plan.fingerprint,
    )  # fmt: skip


def source_of(plan: Plan, part: Part) -> Source:
    """Return where the rows of a part are. Rows of a table go to the process with the part."""
    if plan.table is not None:
        return Source(table=plan.table.iloc[part.start : part.stop])
    return Source(plan.files[part.file], plan.heads[part.file] if plan.heads else None)


@contextmanager
def cluster_for(settings: Settings) -> Iterator[Cluster]:
    """Use the cluster of the ``with`` block that this runs in; else start one, and end it."""
    if (cluster := current()) is not None:
        cluster.check()
        yield cluster
        return
    with start(settings) as cluster:
        yield cluster


def check_cluster(cluster: Cluster, plan: Plan, folders: list[str]) -> None:
    """Refuse workers that cannot do what is planned.

    Raises
    ------
    ClusterError
        One does not see a file or a folder, or has too little memory; the text says which.
    """
    here = [file.path for file in plan.files if not is_remote(file.path)]
    for worker, missing in cluster.run(_not_seen, [*folders, *here]).items():
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise ClusterError(
                f"Worker {worker} does not see {missing[0]}{more}. Data, models and result must be "
                "in folders that all workers and this notebook share, under the same names, or in "
                "an object store."
            )
    largest = max(plan.parts, key=lambda part: part.size)
    needed = BASE_BYTES + NEEDED * largest.size
    if 0 < cluster.memory < needed:
        raise ClusterError(
            f"{place_of(plan, largest)} takes about {needed / 1e6:,.0f} MB to score, and a worker "
            f"has {cluster.memory / 1e6:,.0f} MB. Give workers more memory, or write the file with "
            "shorter rows."
        )


def place_of(plan: Plan, part: Part) -> str:
    """Name a part by its rows.

    Examples
    --------
    >>> plan = Plan("m", 1, "", [], [], {}, {}, [], [])
    >>> place_of(plan, Part(1, 0, 100, 200, 100, 100, 800))
    'Part 1, rows 100 to 199 of the table,'
    """
    whole = plan.files[part.file].path if plan.files else "the table"
    first = next((p.first for p in plan.parts if p.file == part.file), 0) if plan.files else 0
    start = part.first - first
    return f"Part {part.number}, rows {start:,} to {start + part.rows - 1:,} of {whole},"


def _not_seen(paths: list[str]) -> list[str]:
    return [path for path in paths if not Path(path).exists()]


def _computed(
    settings: Settings, plan: Plan, job: Job, todo: list[Part]
) -> Iterator[tuple[Part, Scored]]:
    """Compute parts, and yield each as it is done."""
    if len(todo) <= HERE and current() is None and not settings.dask_scheduler_address:
        for part in todo:
            yield part, score_part(job, part, source_of(plan, part))
        return
    with cluster_for(settings) as cluster:
        check_cluster(cluster, plan, job.place.needed_by_workers(job.staging))
        yield from _on_cluster(cluster, plan, job, todo)


def _on_cluster(
    cluster: Cluster, plan: Plan, job: Job, todo: list[Part]
) -> Iterator[tuple[Part, Scored]]:
    at_work: dict[Future, Part] = {}
    suspects: list[Part] = []
    waiting, completed = iter(todo), Queue[Future]()

    def submit(part: Part, how: str = "score") -> Future:
        key = f"{how}-{job.staging}-{part.number}"
        future = cluster.submit(score_part, job, part, source_of(plan, part), key=key, pure=False)
        at_work[future] = part
        return future

    def submit_next(count: int) -> None:
        for part in islice(waiting, count):
            submit(part).add_done_callback(completed.put)

    is_table = plan.table is not None
    # Rows of a table travel in the task, so that it can be done again wherever a process dies.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
        submit_next(AHEAD * sum(cluster.ncores().values()) if is_table else len(todo))
        try:
            while at_work:
                future = _patiently(cluster, partial(completed.get, timeout=LOOK_SECONDS))
                part = at_work[future]
                try:
                    yield part, _result(cluster, future)
                except KilledWorker:  # this part ended its processes, or one that was beside it
                    suspects.append(part)
                del at_work[future]
                submit_next(1)
            for part in suspects:  # each alone
                try:
                    yield part, _result(cluster, submit(part, "again"))
                except KilledWorker as error:
                    raise ScoringError(
                        f"{place_of(plan, part)} ended {error.allowed_failures + 1} processes, one "
                        "after the other, and nothing else was there. Mostly this is memory: give "
                        f"workers more. {GO_ON}"
                    ) from error
        finally:
            cluster.cancel([*at_work])


def _result(cluster: Cluster, future: Future) -> Scored:
    try:
        scored: Scored = _patiently(cluster, partial(future.result, timeout=LOOK_SECONDS))
    except CancelledError as error:
        raise ClusterError(f"The cluster was ended before all was scored. {GO_ON}") from error
    return scored


def _patiently(cluster: Cluster, ask: Callable[[], T]) -> T:
    """Ask until there is an answer, or until the cluster has had no worker for a while."""
    lonely = 0.0
    while True:
        try:
            return ask()
        except (TimeoutError, Empty) as error:
            lonely = 0.0 if cluster.ncores() else lonely + LOOK_SECONDS
            if lonely >= LONELY_SECONDS:
                raise ClusterError(
                    f"The cluster has had no worker for {lonely:.0f} s. Start some, or call "
                    f"`lab.cluster()` anew. {GO_ON}"
                ) from error
