"""Validation process: a version is validated where a crash hurts nobody.

A crafted model file can pass every check of types and still crash the process
that predicts with it; here it crashes alone. Importing scikit-learn takes
seconds, so a fork server does it once, and each validation is a fork of it.
"""

import threading
import time
from collections.abc import Callable
from multiprocessing import Pipe
from pathlib import Path
from typing import Self

from service.api.processes.fork.child import LOST, Child
from service.api.processes.fork.fork_server import ForkRequests, ForkServer
from service.api.registry import handover, validation
from service.api.registry.validation import Passed
from service.contract.errors import ArtifactError

POLL_SECONDS = 0.1
END_SECONDS = 2  # for the fork server to say that a validation has ended

_server: ForkRequests | None = None
_starting = threading.Lock()


class NotWantedError(Exception):
    """Another version is wanted by now, so this one's validation was broken off."""


class _ServerGoneError(ArtifactError):
    """The fork server ended during a validation, so that nothing is known of the version."""


def use(server: ForkRequests) -> None:
    """Have the forks made by the supervisor's fork server."""
    global _server
    _server = server


def _requests() -> ForkRequests:
    """Return who makes the forks: where there is no supervisor, a fork server of this process."""
    global _server
    with _starting:
        if _server is None:
            _server = ForkServer()
        _server.look()
    return _server


def run(root: Path, name: str, version: int, seconds: float, wanted: Callable[[], bool]) -> Passed:
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
) -> Passed | str:
    """Start one process, and give what it says: what passed, or why it is refused."""
    server = _requests()
    what = f"The validation of {name} {version}"
    ours, theirs = Pipe(duplex=False)
    with ours, theirs:
        process = server.fork(validation.report, theirs, root, name, version, seconds)
        theirs.close()
        with _Guard(server, process, deadline, wanted) as guard:
            try:
                while not guard.has_given_up and not ours.poll(POLL_SECONDS):
                    pass
                if not guard.has_given_up:
                    return handover.receive(ours)  # type: ignore[no-any-return]
            except (EOFError, OSError):
                process.join(END_SECONDS)
    if not guard.wanted:
        raise NotWantedError
    if guard.is_late and process.pid is None:
        raise ArtifactError(
            f"{what} could not begin within {seconds:g} s: the fork server did not answer, and is "
            "replaced. Promote the version again."
        )
    if guard.is_late:
        raise ArtifactError(
            f"{what} took longer than {seconds:g} s. "
            "If the model needs that long, raise TRIAL_SECONDS."
        )
    if process.exitcode in (None, LOST):
        raise _ServerGoneError(
            f"{what} ended with the fork server. The container is short of memory, or somebody "
            "killed it. Promote the version again."
        )
    raise ArtifactError(
        f"{what} crashed (exit code {process.exitcode}). "
        "The model file is damaged, or the container is short of memory."
    )


class _Guard:
    """Ends a validation that is late or not wanted, whatever it or the fork server is doing.

    To hear from a process and to see it end may each wait for a process that was stopped. So they
    wait, and a thread looks at the time: it kills that process; and the fork server, where that has
    not begun it yet or does not tell its end.
    """

    def __init__(
        self,
        server: ForkRequests,
        process: Child,
        deadline: float,
        wanted: Callable[[], bool],
    ) -> None:
        self.is_late = False
        self.wanted = True
        self.has_given_up = False
        self._server = server
        self._process = process
        self._deadline = deadline
        self._wanted = wanted
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="validation-guard", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        self._thread.join()
        self._process.kill()
        if self._process.pid is not None:
            self._process.join(END_SECONDS)
            if self._process.exitcode is None:
                self._server.kill()

    def _watch(self) -> None:
        while not self._is_done.wait(POLL_SECONDS):
            self.is_late = time.monotonic() > self._deadline
            self.wanted = self._wanted()
            if self.is_late or not self.wanted:
                break
        else:
            return
        self._process.kill()
        if self._process.pid is None:  # whoever comes to make it finds that nobody waits for it
            if self.is_late:
                self._server.kill()
            self.has_given_up = True
