"""Outcome: what a scoring did, or would do, in a table and sentences."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from service.lab.reports.report import Report, counted
from service.lab.score.output import Output
from service.lab.score.part import REFUSED
from service.lab.score.plan import Plan

REASONS = """
    SELECT reason, count(*) AS rows, min("row") AS first_row FROM read_parquet($files)
    GROUP BY reason ORDER BY rows DESC, first_row"""


@dataclass(frozen=True, eq=False)
class Outcome(Report):
    """What `Lab.score` returns: a row for each reason for which rows were refused.

    `folder` has the result; it is a URL, if that is in an object store. `rows` counts what was
    predicted, and `refused` what was not; both are 0 if nothing was done.
    """

    folder: Path | str = ""
    rows: int = 0
    refused: int = 0


def outcome_of(plan: Plan, output: Output, refused: int, before: int, seconds: float) -> Outcome:
    """Say what was done.

    Parameters
    ----------
    plan : Plan
    output : Output
    refused : int
        How many rows were.
    before : int
        How many rows were done before this run.
    seconds : float
        How long this run took.
    """
    place = output.place
    who = f"{plan.name} version {plan.version}"
    rows = plan.rows - refused
    heading = f"{counted(rows, 'row')} scored by {who}, in {counted(len(plan.parts), 'part')}."
    notes = [f"Read the result by lab.sql(\"SELECT * FROM '{place}/*.parquet'\")."]
    if before < plan.rows:
        speed = (plan.rows - before) / seconds
        notes.append(f"This run took {seconds:,.1f} s: {speed:,.0f} rows/s.")
    if before:
        notes.append(f"{counted(before, 'row')} had been done before this run.")
    table = pd.DataFrame(columns=["reason", "rows", "first_row"])
    if refused:
        notes.append(
            f"{counted(refused, 'row')} did not fit and {'is' if refused == 1 else 'are'} in "
            f"{place}/{REFUSED}, with the reasons."
        )
        with output.database() as database:
            table = database.execute(REASONS, {"files": place.paths(REFUSED)}).df()
    return Outcome(heading, table, notes, place.name, rows, refused)
