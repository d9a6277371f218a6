"""Validation process: a version is validated where a crash hurts nobody.

A crafted model file can pass every check of types and still crash the process
that predicts with it; here it crashes alone. Importing scikit-learn takes
seconds, so a fork server does it once, and each validation is a fork of it.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from service.contract.errors import ArtifactError

if TYPE_CHECKING:
    from service.api.registry.validation import Passed

POLL_SECONDS = 0.1
END_SECONDS = 2  # for the fork server to say that a validation has ended

_context = multiprocessing.get_context("forkserver")
# By hand, uvicorn is the main module, which each child imports.
_context.set_forkserver_preload(
    ["service.api.processes.lifeline", "service.api.registry.validation", "uvicorn.main"]
)


class NotWantedError(Exception):
    """Another version is wanted by now, so this one's validation was broken off."""


class _ServerGoneError(ArtifactError):
    """The fork server ended during a validation, so that nothing is known of the version."""


def start_server() -> None:
    """Start the fork server; it imports what it needs while this process does the same."""
    forkserver.ensure_running()


def run(
    root: Path, name: str, version: int, seconds: float, wanted: Callable[[], bool]
) -> "Passed":
    """Load a version in a process of its own, and try its fast path thoroughly there.

    The estimator comes back through a pipe, which is many times as quick as to read its file
    again, while requests are pending.

    Parameters
    ----------
    root : Path
        `MODELS_DIR`.
    name : str
    version : int
    seconds : float
        `TRIAL_SECONDS`, for all of it.
    wanted : callable
        Asked now and then; validation ends when the version is no longer wanted.

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
    deadline = time.monotonic() + seconds
    try:
        result = _ask(root, name, version, seconds, deadline, wanted)
    except _ServerGoneError:  # once is an accident, and not the version's fault
        result = _ask(root, name, version, seconds, deadline, wanted)
    if isinstance(result, str):
        raise ArtifactError(result)
    return result


def _ask(
    root: Path,
    name: str,
    version: int,
    seconds: float,
    deadline: float,
    wanted: Callable[[], bool],
) -> "Passed | str":
    """Start one process, and give what it says: what passed, or why it is refused."""
    # It takes seconds, and the server is to go first.
    from service.api.registry import handover, validation

    server = _server_pid()
    ours, theirs = _context.Pipe(duplex=False)
    process = _context.Process(
        target=validation.report, args=(theirs, root, name, version, seconds), daemon=True
    )
    with ours, _Guard(process, deadline, wanted) as guard:
        try:
            with theirs:
                process.start()
            return handover.receive(ours)  # type: ignore[no-any-return]
        except (EOFError, OSError) as error:
            if not guard.wanted:
                raise NotWantedError from None
            what = f"The validation of {name} {version}"
            if guard.is_late and process.pid is None:
                raise ArtifactError(
                    f"{what} could not begin within {seconds:g} s: the fork server did not "
                    "answer, and is replaced. Promote the version again."
                ) from None
            if guard.is_late:
                raise ArtifactError(
                    f"{what} took longer than {seconds:g} s. "
                    "If the model needs that long, raise TRIAL_SECONDS."
                ) from None
            if process.pid is not None:
                process.join(END_SECONDS)
            elif isinstance(error, EOFError | ConnectionError):
                _end_server()  # it is about to end
            if _server_pid() != server:
                raise _ServerGoneError(
                    f"{what} ended with the fork server. The container is short of memory, or "
                    "somebody killed it. Promote the version again."
                ) from None
            if process.pid is None:
                raise ArtifactError(f"{what} could not begin: {error}.") from error
            raise ArtifactError(
                f"{what} crashed (exit code {process.exitcode}). "
                "The model file is damaged, or the container is short of memory."
            ) from None


class _Guard:
    """Ends a validation that is late or not wanted, whatever it or the fork server is doing.

    To start a process, to hear from it and to see it end may each wait for a process that was
    stopped. So they wait, and a thread looks at the time: it kills that process, and where that
    does not help the fork server, which is started anew for the next one.
    """

    def __init__(
        self, process: ForkServerProcess, deadline: float, wanted: Callable[[], bool]
    ) -> None:
        self.is_late = False
        self.wanted = True
        self._process = process
        self._deadline = deadline
        self._wanted = wanted
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="validation-guard", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        if self._process.pid is not None:
            self._process.join(END_SECONDS)
            if self._process.exitcode is None:
                _end_server()
                self._process.join()
        self._is_done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_done.wait(POLL_SECONDS):
            self.is_late = time.monotonic() > self._deadline
            self.wanted = self._wanted()
            if self.is_late or not self.wanted:
                break
        while not self._is_done.is_set():
            self._kill()
            if not self._is_done.wait(END_SECONDS):
                _end_server()

    def _kill(self) -> None:
        if self._process.pid is not None:
            self._process.kill()


def _server_pid() -> int:
    """Return the process of the fork server, which is started if there is none."""
    forkserver.ensure_running()
    return forkserver._forkserver._forkserver_pid or 0  # type: ignore[attr-defined]


def _end_server() -> None:
    """End a fork server that does nothing any more; the next validation starts another."""
    server = forkserver._forkserver
    pid = server._forkserver_pid  # type: ignore[attr-defined]
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        server._stop()  # type: ignore[attr-defined]
