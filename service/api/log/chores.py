"""Chores: what is due again and again; what fails is said once, until it goes right again."""

import logging
from collections.abc import Callable

from service.contract.errors import LogWriteError, StoreError

EXPECTED = OSError | LogWriteError | StoreError  # of disks and networks; else there is a traceback

logger = logging.getLogger("uvicorn.error")


class Chores:
    """Does what is due in a thread that must live on, whatever goes wrong.

    Parameters
    ----------
    subject : str
        What each message begins with.

    Examples
    --------
    >>> Chores("Prediction log").do(lambda: None)
    True
    """

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._said: dict[str, str] = {}

    def do(self, due: Callable[[], None]) -> bool:
        """Do what is due, and tell whether it went right."""
        try:
            due()
        except Exception as error:
            errors = error.exceptions if isinstance(error, ExceptionGroup) else [error]
            said = " ".join(map(str, errors))
            if self._said.get(due.__name__) != said:
                self._said[due.__name__] = said
                expected = all(isinstance(each, EXPECTED) for each in errors)
                logger.error("%s: %s", self._subject, said, exc_info=not expected)
            return False
        self._said.pop(due.__name__, None)
        return True

    @property
    def problem(self) -> str | None:
        """What goes wrong now; None if all goes right."""
        return " ".join(self._said.values()) or None
