"""Scored rows: the result of a scoring, read back like the log."""

from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd

from service.contract.errors import ScoringError
from service.contract.log.line import RequestLine
from service.contract.model import baseline, checksums
from service.contract.model.store import ModelStore
from service.lab.log.columns import feature_columns, quoted
from service.lab.log.publications import Logged
from service.lab.reports import quality
from service.lab.reports.drift.drift import Drift
from service.lab.reports.drift.measurement import measure
from service.lab.reports.quality import Quality
from service.lab.reports.report import Report
from service.lab.score.output import Output
from service.lab.score.part import no_answers
from service.lab.score.places.place import Place
from service.lab.score.result import names_of

SAMPLE = 200_000  # rows that a report reads at most
SAMPLED = "USING SAMPLE reservoir(200000 ROWS) REPEATABLE (1)"
WHAT = "scored row"
SHOWN = 30  # columns named in an error

R = TypeVar("R", bound=Report)


class ScoredRows:
    """The result of a scoring.

    Parameters
    ----------
    store : ModelStore
    name : str
        The model whose result this is to be.
    place : Place

    Raises
    ------
    ScoringError
        It is no complete result of this model.
    """

    def __init__(self, store: ModelStore, name: str, place: Place) -> None:
        self._output, self._place = Output(place), place
        about = self._output.about()
        if about is None:
            raise ScoringError(f"{self._place} has no result of lab.score.")
        if about["model"] != name:
            raise ScoringError(f"{self._place} has scores of {about['model']!r}, not of {name!r}.")
        if about["finished"] is None:
            raise ScoringError(
                f"The scoring into {self._place} is not complete. Repeat the same call of "
                "lab.score: it goes on from there."
            )
        self._rows: int = about["rows"]
        self._predicted: int = about["rows"] - about["refused"]
        self._version = int(about["version"])
        self._manifest = store.manifest(name, self._version)
        self._home = store.folder(name, self._version)
        if checksums.digest(self._home) != about["digest"]:
            raise ScoringError(
                f"{name} version {self._version} was published again since {self._place} was "
                "scored: it is another model now. Score again, into a new folder."
            )

    def drift(self) -> Drift:
        """Compare the rows and their predictions with the training of the version."""
        table, _ = self._read([])
        summary = baseline.read(self._home)
        return self._noted(measure(table, summary, self._manifest, WHAT))

    def quality(self, truth: Any) -> Quality:
        """Measure predictions by true values, as `Lab.quality` takes them."""
        table, more = self._read(["row", *([truth] if isinstance(truth, str) else [])])
        is_column = isinstance(truth, str)
        known = more[truth].tolist() if is_column else self._known(truth, more["row"])
        if all(value is None or value is pd.NA or value != value for value in known):
            raise ScoringError("All true values are missing, so nothing can be measured.")
        output = self._manifest.signature.output
        table["truth"] = pd.Series(known, index=table.index, dtype=object)
        logged = Logged(self._version, output.classes, output.targets, table)
        manifests = {self._version: self._manifest}
        return self._noted(quality.measure([logged], manifests, self._version, what=WHAT))

    def _known(self, truth: Any, rows: pd.Series) -> list[Any]:
        """Choose the true values of some rows."""
        if isinstance(truth, pd.DataFrame):
            values: list[Any] = truth.to_dict("records")
        else:
            values = np.asarray(truth).tolist()
        if len(values) != self._rows:
            raise ScoringError(
                f"There are {len(values):,} true values, and the data set has {self._rows:,} rows. "
                "Give one for each row, in the order of the data, or name a column of the data."
            )
        return [values[row] for row in rows.tolist()]

    def _read(self, more: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Read the columns that the log would have, and some more of the result."""
        signature = self._manifest.signature
        output = signature.output
        outputs = [*no_answers(output)]
        shown = [feature.name for feature in signature.features if not feature.private]
        stored = names_of(shown, outputs)
        line = {
            "classes": output.classes,
            "targets": output.targets,
            "probabilities": [] if output.probabilities else None,
            "scores": [] if output.score else None,
        }
        logged = feature_columns(cast(RequestLine, line), shown)
        wanted = {name: name for name in ("version", "time", *outputs)}
        wanted |= {stored[name]: logged[name] for name in shown}
        files = self._place.paths()
        with self._output.database() as database:
            database.execute("SET threads = 1")  # with several, the sample is not the same twice
            there = database.read_parquet(files).columns
            if absent := [name for name in more if name not in there]:
                raise ScoringError(
                    f"The result in {self._place} has no column {absent[0]!r}. It has: "
                    f"{', '.join(there[:SHOWN])}."
                )
            chosen = ", ".join([quoted(column) for column in dict.fromkeys([*wanted, *more])])
            query = f"SELECT {chosen} FROM read_parquet($files) {SAMPLED} ORDER BY row"
            table = database.execute(query, {"files": files}).df()
        return table[[*wanted]].rename(columns=wanted), table[more]

    def _noted(self, report: R) -> R:
        """Say if not all rows were read."""
        if self._predicted <= SAMPLE:
            return report
        note = f"From a sample of {SAMPLE:,} of {self._predicted:,} scored rows."
        return replace(report, notes=[note, *report.notes])
