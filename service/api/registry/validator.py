"""Validator: a process that validates versions, seen by the worker that asks for them.

A crafted model file can pass every check of types and still crash the process
that predicts with it; here it crashes alone. Importing scikit-learn takes
seconds, so a fork server does it once, and each validator is a fork of it.
"""

import threading
import time
from collections.abc import Callable
from multiprocessing import Pipe
from typing import Self

from service.api.processes.fork.child import LOST, Child
from service.api.processes.fork.fork_server import ForkRequests
from service.api.registry import handover, validation
from service.api.registry.validation import Job
from service.contract.errors import ArtifactError
from service.contract.predictors.loading import Passed

POLL_SECONDS = 0.1
END_SECONDS = 2  # for the fork server to say that a validator has ended


class NotWantedError(Exception):
    """Another version is wanted by now, so this one's validation was broken off."""


class ServerGoneError(ArtifactError):
    """The fork server ended during a validation, so that nothing is known of the version."""


class Validator:
    """A process that validates one version after the other.

    Parameters
    ----------
    server : ForkRequests

    Attributes
    ----------
    validated : int
        The versions that passed.
    """

    def __init__(self, server: ForkRequests) -> None:
        self.validated = 0
        self._server = server
        self._connection, theirs = Pipe()
        try:
            with theirs:
                self._process = server.fork(validation.serve, theirs)
        except BaseException:
            self._connection.close()
            raise

    def validate(self, job: Job, seconds: float, wanted: Callable[[], bool]) -> Passed:
        """Load a version there, and try its fast path thoroughly.

        The estimator comes back through a pipe, which is many times as quick as to read its file
        again, while requests are pending. Where this raises, the process is to be ended.

        Parameters
        ----------
        job : Job
        seconds : float
            How long it may take from now on.
        wanted : callable
            Asked now and then; validation ends when the version is no longer wanted.

        Raises
        ------
        ArtifactError
            It fails, crashes or takes too long.
        NotWantedError
            Another version is wanted by now.
        """
        with _Guard(self._server, self._process, time.monotonic() + seconds, wanted) as guard:
            try:
                self._connection.send(job)
                while not guard.has_given_up and not self._connection.poll(POLL_SECONDS):
                    pass
                if not guard.has_given_up:
                    result = handover.receive(self._connection)
                    if isinstance(result, str):
                        raise ArtifactError(result)
                    self.validated += 1
                    return result  # type: ignore[no-any-return]
            except (EOFError, OSError):
                self._process.join(END_SECONDS)
        raise self._what_happened(job, guard)

    def _what_happened(self, job: Job, guard: "_Guard") -> Exception:
        """Return the error that says why there is no result."""
        what = f"The validation of {job.name} {job.version}"
        if not guard.wanted:
            return NotWantedError()
        if guard.is_late and self._process.pid is None:
            return ArtifactError(
                f"{what} could not begin within {job.seconds:g} s: the fork server did not answer, "
                "and is replaced. Promote the version again."
            )
        if guard.is_late:
            return ArtifactError(
                f"{what} took longer than {job.seconds:g} s. "
                "If the model needs that long, raise TRIAL_SECONDS."
            )
        if self._process.exitcode in (None, LOST):
            return ServerGoneError(
                f"{what} ended with the fork server. The container is short of memory, or somebody "
                "killed it. Promote the version again."
            )
        return ArtifactError(
            f"{what} crashed (exit code {self._process.exitcode}). "
            "The model file is damaged, or the container is short of memory."
        )

    def end(self) -> None:
        """End the process, and the fork server, if that does not tell its end."""
        self._connection.close()
        self._process.kill()
        if self._process.pid is not None:
            self._process.join(END_SECONDS)
            if self._process.exitcode is None:
                self._server.kill()


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
