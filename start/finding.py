"""Finding: what one check of the doctor says."""

from typing import NamedTuple


class Finding(NamedTuple):
    """How grave it is (`ok`, `note`, `fix`), what was looked at, and a sentence or two.

    Examples
    --------
    >>> print(Finding("note", "started", "Nothing is."))
    note  started       Nothing is.
    """

    level: str
    check: str
    text: str

    def __str__(self) -> str:
        return f"{self.level:<5} {self.check:<13} {self.text}"
