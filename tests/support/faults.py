"""One operation on files, the Nth, goes wrong."""

import multiprocessing
import os
from collections.abc import Callable, Iterable
from typing import Any, Literal

Outcome = Literal["crashed", "failed", "passed over", "not reached"]
CRASHED = 99  # exit code

_context = multiprocessing.get_context("fork")


class Fault:
    """Counts the operations; at the Nth it raises an OSError, or ends the process."""

    def __init__(self, at: int, crash: bool, error: int) -> None:
        self.at, self.crash, self.error, self.count = at, crash, error, 0

    def wrap(self, owner: Any, name: str) -> None:
        """Put itself in front of an operation."""
        operation: Callable[..., Any] = getattr(owner, name)

        def run(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                if self.crash:
                    os._exit(CRASHED)
                raise OSError(self.error, os.strerror(self.error))
            return operation(*arguments, **options)

        setattr(owner, name, run)


def outcome(
    work: Callable[[], object],
    operations: Iterable[tuple[Any, str]],
    fault: Fault,
    expected: type[Exception] | tuple[type[Exception], ...],
) -> Outcome:
    """Work in a process of its own, where one of the operations goes wrong; say what came of it.

    `expected` is what the work may raise then. "not reached": there is no such operation.
    """

    def run(told: Any) -> None:
        for owner, name in operations:
            fault.wrap(owner, name)
        try:
            work()
        except expected:
            told.value = b"failed"
        else:
            told.value = b"not reached" if fault.count < fault.at else b"passed over"

    told: Any = _context.Array("c", b"crashed".ljust(16))
    process = _context.Process(target=run, args=(told,))
    process.start()
    process.join(60)
    came: Outcome = told.value.decode().strip()
    assert process.exitcode == (CRASHED if fault.crash and came == "crashed" else 0)
    return came
