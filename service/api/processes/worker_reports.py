"""Worker reports: what each worker of each replica serves, so that any of them can tell of all."""

import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import orjson
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from service.api.processes import family
from service.api.processes.report_files import ReportFiles
from service.api.processes.report_objects import ReportObjects
from service.contract.settings import Settings

State = Literal["starting", "serving", "stuck", "gone"]

logger = logging.getLogger("uvicorn.error")


class Seen(TypedDict):
    """What a worker has made of a model's aliases."""

    generation: int
    version: int | None
    refused: dict[str, str]


NOTHING_SEEN: Seen = {"generation": 0, "version": None, "refused": {}}


class ModelReport(Seen):
    """The same, with the worker."""

    replica: str
    pid: int
    state: State


@dataclass(frozen=True)
class Report:
    """What one worker says of itself: `replica` has the host's name and the family's number."""

    replica: str
    pid: int
    state: State
    models: dict[str, Seen]

    def about(self, model: str) -> ModelReport:
        """Return what it has made of a model."""
        seen = self.models.get(model, NOTHING_SEEN)
        return {"replica": self.replica, "pid": self.pid, "state": self.state, **seen}


REPORT = TypeAdapter(Report)


class WorkerReports:
    """The workers of all replicas, each with what it says of itself.

    Parameters
    ----------
    settings : Settings
        `STORE_URL`, which the replicas share, or else `LOGS_DIR`.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> workers = WorkerReports(Settings(logs_dir=mkdtemp()))
    >>> workers.start()
    >>> workers.tell({"iris": {"generation": 1, "version": 1, "refused": {}}})
    >>> workers.serve()
    >>> [report.about("iris")["version"] for report in workers.read()]
    [1]
    >>> workers.stop()
    """

    def __init__(self, settings: Settings) -> None:
        host = re.sub(r"[^\w.-]", "-", socket.gethostname())[:63]
        self._own = Report(f"{host}-{family.parent()}", os.getpid(), "starting", {})
        name = f"{self._own.replica}-{self._own.pid}"
        self._reports: ReportFiles | ReportObjects = ReportFiles(settings.logs_dir, name)
        if settings.store_url:
            self._reports = ReportObjects(settings.store_url, name)
        self._beaten = 0.0
        self._is_told = False
        self._has_trouble = False  # said once
        self._changing = threading.Lock()

    def start(self) -> None:
        """Be counted from now on, in place of those of this host that died."""
        family.clear_dead()
        self._try(self._forget_host)
        self._tell(self._own)

    def serve(self) -> None:
        """Say that what was live at the start is loaded, or refused."""
        self._try(self._forget_host)  # once more: an object store may have had no answer yet
        self._tell(replace(self._own, state="serving"))

    def tell(self, models: dict[str, Seen]) -> None:
        """Replace what this worker says of its models, now or, where there is no room, later."""
        self._tell(replace(self._own, models=models))

    def beat(self) -> None:
        """Show that this worker works; tell what could not be told before."""
        if time.monotonic() - self._beaten >= self._reports.beat_seconds:
            self._try(self._touch)

    def stop(self) -> None:
        """Be counted no more."""
        self._try(self._reports.remove)
        family.leave()

    def read(self) -> list[Report]:
        """List what each worker says, this one first.

        Those of a dead worker are cleared away when another of its replica lives; else one of them
        says that the replica is gone.
        """
        self._try(self._touch)
        reports, dead = [self._own], {}
        for name, content, condition in self._reports.others():
            report = _parsed(content)
            if report is None:
                continue
            if self._is_dead(report, condition):
                dead[name] = replace(report, state="gone")
            else:
                reports.append(replace(report, state="stuck") if condition == "stuck" else report)
        replicas = {report.replica for report in reports}
        for name, report in dead.items():
            if report.replica in replicas:
                self._reports.forget(name)
            else:
                replicas.add(report.replica)
                reports.append(report)
        return reports

    def _tell(self, report: Report) -> None:
        self._own, self._is_told = report, False
        self._try(self._touch)

    def _touch(self) -> None:
        if not self._is_told or not self._reports.touch():
            self._reports.put(orjson.dumps(self._own))
            self._is_told = True
        self._beaten, self._has_trouble = time.monotonic(), False

    def _forget_host(self) -> None:
        host = self._own.replica.rpartition("-")[0]
        for name, content, condition in self._reports.others():
            report = _parsed(content)
            if report is None or report.replica.rpartition("-")[0] != host:
                continue
            if self._is_dead(report, condition):
                self._reports.forget(name)

    def _is_dead(self, report: Report, condition: str) -> bool:
        """Whether its process has ended; a sibling's is looked for."""
        is_sibling = report.replica == self._own.replica
        return condition == "gone" or (is_sibling and not family.runs(report.pid))

    def _try(self, change: Callable[[], None]) -> None:
        try:
            with self._changing:
                change()
        except OSError as error:
            if not self._has_trouble:
                logger.warning(
                    "What this worker serves cannot be written to %s (%s); until it can, other "
                    "workers tell what it said last, and publish may wait for it in vain. Make "
                    "room there.",
                    self._reports.place,
                    error.strerror,
                )
            self._has_trouble = True


def _parsed(content: bytes) -> Report | None:
    """Read a report; None for what is none, e.g. of another version of this."""
    try:
        return REPORT.validate_json(content)
    except ValidationError:
        return None
