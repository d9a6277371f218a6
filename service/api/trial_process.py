"""Trial process: a version is tried where a crash hurts nobody.

A crafted model file can pass every check of types and still crash the process
that predicts with it; here it crashes alone. Importing scikit-learn takes
seconds, so a fork server does it once, and each trial is a fork of it.
"""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING

from service.contract.errors import ArtifactError

if TYPE_CHECKING:
    from service.api.trial import Passed

POLL_SECONDS = 0.1

_context = multiprocessing.get_context("forkserver")
# uvicorn too: it is the main module, which each child imports.
_context.set_forkserver_preload(["service.api.trial", "uvicorn.main"])


class NotWantedError(Exception):
    """Another version is wanted by now, so this one's trial was broken off."""


def start_server() -> None:
    """Start the fork server; it imports what it needs while this process does the same."""
    forkserver.ensure_running()


def run(
    root: Path, name: str, version: int, seconds: float, wanted: Callable[[], bool]
) -> "Passed":
    """Load a version in a process of its own, and try its fast path thoroughly there.

    The estimator comes back through a pipe, which is many times as quick as to read its file
    again, while others wait for answers.

    Parameters
    ----------
    root : Path
        `MODELS_DIR`.
    name : str
    version : int
    seconds : float
        `TRIAL_SECONDS`.
    wanted : callable
        Asked now and then; the trial ends when the version is no longer wanted.

    Returns
    -------
    Passed

    Raises
    ------
    ArtifactError
        It fails, crashes or takes too long.
    NotWantedError
        Another version is wanted by now.
    """
    from service.api import trial  # late: it imports scikit-learn, and the server is to go first

    ours, theirs = _context.Pipe(duplex=False)
    process = _context.Process(
        target=trial.report, args=(theirs, root, name, version, seconds), daemon=True
    )
    process.start()
    theirs.close()
    deadline = time.monotonic() + seconds
    try:
        while not ours.poll(POLL_SECONDS):
            if not wanted():
                raise NotWantedError
            if time.monotonic() > deadline:
                raise ArtifactError(
                    f"The trial of {name} {version} took longer than {seconds:g} s. "
                    "If the model needs that long, raise TRIAL_SECONDS."
                )
        answer: Passed | str = ours.recv()
    except EOFError:
        process.join(seconds)
        raise ArtifactError(
            f"The trial of {name} {version} crashed (exit code {process.exitcode}). "
            "The model file is damaged, or the container is short of memory."
        ) from None
    finally:
        ours.close()
        process.kill()
        process.join()
    if isinstance(answer, str):
        raise ArtifactError(answer)
    return answer
