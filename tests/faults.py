"""One operation on files, the Nth, goes wrong."""

import os
from collections.abc import Callable
from typing import Any


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
                    os._exit(99)
                raise OSError(self.error, os.strerror(self.error))
            return operation(*arguments, **options)

        setattr(owner, name, run)
