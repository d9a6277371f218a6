"""Validation: a version is checked, loaded and proved, before it may serve.

`service.api.registry.validator` runs it in another process.
"""

import math
import os
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from sklearn.utils import check_array
from threadpoolctl import ThreadpoolController

from service.api.processes.lifeline import go_first, set_name
from service.api.registry.handover import Parcel
from service.contract.errors import LabloopError
from service.contract.model.store import ModelStore
from service.contract.predictors.loading import Passed, load

# What is looked for once, every fork of this process has.
_threads = ThreadpoolController()
check_array(pd.DataFrame({"x": [0.0]}))  # at the first one, scikit-learn imports more


class Job(NamedTuple):
    """A version to validate, within `TRIAL_SECONDS`."""

    root: Path
    name: str
    version: int
    seconds: float

    @property
    def size(self) -> int:
        """The bytes of its files."""
        folder = ModelStore(self.root).folder(self.name, self.version)
        return sum(file.stat().st_size for file in folder.iterdir())


def serve(worker: Connection) -> None:
    """Validate what a worker asks for, one version after the other, until it asks no more."""
    set_name("api-validation")
    os.nice(10)  # pending requests go first
    go_first(1000)
    with worker, suppress(EOFError):
        while True:
            report(worker, worker.recv())


def report(worker: Connection, job: Job) -> None:
    """Load a version, and send what came of it: what passed, or why it is refused."""
    signal.alarm(math.ceil(job.seconds) + 5)  # even if nobody is left to break it off
    passed: Passed | str
    try:
        # The threads of OpenMP wait for each other by running in circles: on a busy machine, and
        # last in turn, one prediction of 300 small trees took more than a minute.
        with _threads.limit(limits=1, user_api="openmp"):
            passed = load(ModelStore(job.root), job.name, job.version, "the API")
    except LabloopError as error:
        passed = str(error)
    except Exception as error:  # whatever a user's estimator raises
        passed = f"{type(error).__name__}: {error}"
    try:
        parcel = Parcel(passed)
    except Exception as error:
        parcel = Parcel(f"The estimator cannot be handed over: {type(error).__name__}: {error}")
    del passed  # so that each piece leaves this process as it is sent
    parcel.send(worker)
