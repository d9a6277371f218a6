"""Place: where the files of a result are, by their names."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from service.contract.errors import ScoringError

LOCK = ".lock"  # who writes there
PART = "part-"  # what names of parts begin with


class Place(Protocol):
    """Where the files of a result are.

    A file appears under its name when it is whole, also if the power fails meanwhile. A process
    that writes to the place of another process's result must hold it (`held`).
    """

    @property
    def name(self) -> Path | str:
        """The path of a folder, or a URL."""

    def check(self) -> None:
        """Refuse what can be no place; raise `ScoringError`."""

    def contains(self, path: str) -> bool:
        """Whether a path is below the place."""

    def names(self) -> Iterator[str]:
        """List the files and folders in it."""

    def paths(self, folder: str = "") -> list[str]:
        """List the paths of its parts, or of those in a folder of it, by name."""

    def read(self, name: str) -> bytes | None:
        """Return what is in a file; None if there is none."""

    def replace(self, name: str, content: bytes) -> None:
        """Write a small file."""

    def held(self) -> AbstractContextManager[str]:
        """Keep other processes from writing there meanwhile.

        Yields
        ------
        staging : str
            What `put` needs. It is not the same twice.

        Raises
        ------
        ScoringError
            Another process holds it, or nothing can be written there.
        """

    def put(self, staging: str, name: str, write: Callable[[Path], None]) -> None:
        """Write a file by a function that writes a local one."""

    def needed_by_workers(self, staging: str) -> list[str]:
        """List the paths that all processes must see to write there."""


def refused(place: Place, holder: str) -> ScoringError:
    """Say that another process writes to a place."""
    who = holder.partition("\n")[0] or "another process"
    return ScoringError(
        f"Another run writes to {place}: {who}. Wait for its end, or give another place."
    )


def this_process() -> str:
    """Say who holds a place."""
    return f"process {os.getpid()} on {socket.gethostname()}\n"
