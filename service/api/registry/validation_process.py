"""Validation process: a version is validated where a crash hurts nobody.

A fork for each small version costs half as much again as its validation, most of it for pages that
are written to for the first time. So while several versions wait, as at the start, a validator goes
on to the next one. The verdict on a version is the same:

- It is refused only by a validator that has validated nothing before it. One that has is ended as
  soon as it refuses, crashes or is slow, and the version is validated again alone. So no version
  takes another one down with it.
- It passes by its own files. The process runs no code from a file, and keeps nothing of the version
  before. If compiled code had gone astray in its memory all the same, what it hands over would
  still have to predict the golden rows in the worker, where all versions share one memory anyway.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from service.api.processes.fork.fork_server import ForkRequests, ForkServer
from service.api.registry.validation import Job
from service.api.registry.validator import NotWantedError, ServerGoneError, Validator
from service.contract.predictors.loading import Passed

__all__ = ["NotWantedError", "run", "use"]

MOST_VERSIONS = 32  # that one process validates
MOST_BYTES = 20 * 2**20  # of a version that shares its process with others
SHARED_SECONDS = 10  # then it has a process of its own
AT_ONCE = (os.cpu_count() or 1) + 1  # more are not done sooner, and take memory
TURN_SECONDS = 1  # that a version waits for its turn: those before it may hang

_server: ForkRequests | None = None
_starting = threading.Lock()


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


class _Spares:
    """Validators between two versions; they are ended when nothing is being validated any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spares: list[Validator] = []
        self._busy = 0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Keep validators for others meanwhile."""
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            unused: list[Validator] = []
            with self._lock:
                self._busy -= 1
                if not self._busy:
                    unused, self._spares = self._spares, unused
            if unused:
                _end(unused)

    def take(self) -> Validator | None:
        """Return one, if there is one."""
        with self._lock:
            return self._spares.pop() if self._spares else None

    def keep(self, validator: Validator) -> None:
        """Keep one for another version."""
        with self._lock:
            self._spares.append(validator)


_spares = _Spares()
_turns = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def _turn() -> Iterator[None]:
    """Wait for a turn, but not long."""
    has_turn = _turns.acquire(timeout=TURN_SECONDS)
    try:
        yield
    finally:
        if has_turn:
            _turns.release()


def run(root: Path, name: str, version: int, seconds: float, wanted: Callable[[], bool]) -> Passed:
    """Load a version in another process, and try its fast path thoroughly there.

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
    job = Job(root, name, version, seconds)
    with _spares.busy(), _turn():
        spare = _spares.take() if _may_share(job) else None
        if spare is not None:
            try:
                return _validated(spare, job, min(seconds, SHARED_SECONDS), wanted)
            except NotWantedError:
                raise
            except Exception:  # the version is not to blame until it says so alone
                pass
        deadline = time.monotonic() + seconds
        try:
            return _validated(Validator(_requests()), job, seconds, wanted)
        except ServerGoneError:  # once is an accident, and not the version's fault
            left = deadline - time.monotonic()
            return _validated(Validator(_requests()), job, left, wanted)


def _validated(
    validator: Validator, job: Job, seconds: float, wanted: Callable[[], bool]
) -> Passed:
    """Have a validator validate a version; end it, or keep it for another one."""
    try:
        passed = validator.validate(job, seconds, wanted)
    except BaseException:
        validator.end()
        raise
    if validator.validated < MOST_VERSIONS and _may_share(job):
        _spares.keep(validator)
    else:
        _end([validator])
    return passed


def _end(validators: list[Validator]) -> None:
    """End validators in a thread, so that what passed need not wait until they are gone."""

    def end() -> None:
        for each in validators:
            each.end()

    threading.Thread(target=end, name="validators-end", daemon=True).start()


def _may_share(job: Job) -> bool:
    try:
        return job.size <= MOST_BYTES
    except OSError:  # alone it says what is wrong
        return False
