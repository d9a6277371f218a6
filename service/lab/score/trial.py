"""Trial: what a scoring would do, told in seconds, with some rows scored and nothing written."""

import shutil
from collections import Counter
from pathlib import Path
from time import perf_counter

import pandas as pd
from dask.system import CPU_COUNT

from service.contract.settings import Settings
from service.lab.cluster.cluster import current
from service.lab.log.columns import connect
from service.lab.reports.report import counted
from service.lab.score.data.parts import Part
from service.lab.score.outcome import Outcome
from service.lab.score.output import Output
from service.lab.score.part import Job, predict, predictor_of, read
from service.lab.score.places.folder import Folder
from service.lab.score.places.place import Place
from service.lab.score.plan import Plan
from service.lab.score.scoring import check_cluster, cluster_for, job_of, source_of

SAMPLE = 10_000  # rows of the first part, and of the last one
VALUE_BYTES = 8  # of a value in the result, before it is compressed


def try_out(settings: Settings, plan: Plan, place: Place) -> Outcome:
    """Say what a scoring would do; see `Lab.score`.

    Returns
    -------
    Outcome
        Its table has a row for each reason for which rows of the sample would be refused.
    """
    output, processes = Output(place), CPU_COUNT
    output.check(plan)
    done = output.done(plan.fingerprint)
    todo = [part for part in plan.parts if part.number not in done]
    rows = sum(part.rows for part in todo)
    if current() is not None or settings.dask_scheduler_address:
        with cluster_for(settings) as cluster:
            check_cluster(cluster, plan, [])
            processes = sum(cluster.ncores().values())
    job = job_of(settings, plan, place, "")
    predictor_of(job)  # before time counts
    sampled, reasons, began = 0, Counter[str](), perf_counter()
    for part in dict.fromkeys((plan.parts[0], plan.parts[-1])):
        count, refused = _sampled(job, plan, part)
        sampled += count
        reasons.update(refused)
    seconds = (perf_counter() - began) / sampled * rows / processes
    who = f"{plan.name} version {plan.version}"
    heading = f"{counted(plan.rows, 'row')} would be scored by {who}; nothing was written."
    notes = [
        f"{counted(len(plan.parts), 'part')} of {counted(max(1, len(plan.files)), 'file')}, "
        f"into {place}.",
        f"With {counted(processes, 'worker')} it would take about {_duration(seconds)}.",
    ]
    if done:
        notes.append(f"{counted(plan.rows - rows, 'row')} were done before and would be kept.")
    refused_rows = sum(reasons.values())
    notes.append(
        f"Of a sample of {counted(sampled, 'row')}, {refused_rows:,} would be refused."
        if refused_rows
        else f"All of a sample of {counted(sampled, 'row')} fit."
    )
    if plan.left_out:
        notes.append(
            f"Left out of the result, because they are nested: {', '.join(plan.left_out)}."
        )
    if isinstance(place, Folder):
        notes += _space(place.path, rows * (len(plan.features) + len(plan.others)) * VALUE_BYTES)
    table = pd.DataFrame(reasons.most_common(), columns=["reason", "rows"])
    return Outcome(heading, table, notes, place.name)


def _sampled(job: Job, plan: Plan, part: Part) -> tuple[int, list[str]]:
    """Score the first rows of a part; return how many there are, and the reasons of refusals."""
    predictor = predictor_of(job)
    with connect() as database:
        whole, unread = read(database, job, part, source_of(plan, part), predictor.signature)
    frame = whole.iloc[:SAMPLE]
    known = {row: reason for row, reason in unread.items() if row < len(frame)}
    _, _, refused = predict(predictor, frame, known)
    return len(frame), [*refused.values()]


def _space(folder: Path, wanted: int) -> list[str]:
    """Say if the disk may be too small for the result."""
    place = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(place).free
    if wanted < free:
        return []
    return [
        f"The result may take {wanted / 1e9:,.1f} GB, and {place} has {free / 1e9:,.1f} GB free."
    ]


def _duration(seconds: float) -> str:
    """Say how long something takes, roughly.

    Examples
    --------
    >>> _duration(0.2), _duration(90), _duration(5400)
    ('1 second', '90 seconds', '90 minutes')
    """
    if seconds <= 120:
        return counted(max(1, round(seconds)), "second")
    return counted(round(seconds / 60), "minute")
