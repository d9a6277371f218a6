"""Folder: a place on a disk, which all workers see under the same path."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from service.contract.errors import ScoringError
from service.contract.files import lock_now, make_folder, replace_file, sync_path
from service.lab.score.places.place import LOCK, PART, refused, this_process

STAGING = ".staging-"
REPLACING = ".replacing-"


@dataclass(frozen=True)
class Folder:
    """A folder, whose files are renamed into it; see `Place`.

    Parameters
    ----------
    path : Path
        An absolute one.
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> Path:
        """The path."""
        return self.path

    def check(self) -> None:
        """Refuse a path that is a file."""
        if self.path.exists() and not self.path.is_dir():
            raise ScoringError(f"{self.path} is a file. Give a folder for the result.")

    def contains(self, path: str) -> bool:
        """Whether a path is below the folder."""
        return self.path in Path(path).parents

    def names(self) -> Iterator[str]:
        """List what is in it, without what is not finished."""
        if self.path.exists():
            for path in self.path.iterdir():
                if not path.name.startswith((STAGING, REPLACING)):
                    yield path.name

    def paths(self, folder: str = "") -> list[str]:
        """List the paths of its parts, or of those in a folder of it, by name."""
        return sorted(map(str, (self.path / folder).glob(f"{PART}*")))

    def read(self, name: str) -> bytes | None:
        """Return what is in a file; None if there is none."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def replace(self, name: str, content: bytes) -> None:
        """Write a small file."""
        replace_file(self.path / name, content, prefix=REPLACING)

    @contextmanager
    def held(self) -> Iterator[str]:
        """Keep others from writing there meanwhile; see `Place.held`."""
        try:
            make_folder(self.path)
            handle = lock_now(self.path / LOCK)
        except OSError as error:
            raise ScoringError(f"{self.path} cannot be written: {error.strerror}.") from error
        if handle is None:
            raise refused(self, (self.path / LOCK).read_text(errors="replace"))
        try:
            os.truncate(handle, 0)
            os.pwrite(handle, this_process().encode(), 0)
            for left in self.path.glob(f"{STAGING}*"):
                _remove(left)
            staging = self.path / f"{STAGING}{uuid4().hex[:12]}"
            staging.mkdir()
            yield staging.name
            _remove(staging)
        finally:
            os.close(handle)

    def put(self, staging: str, name: str, write: Callable[[Path], None]) -> None:
        """Write a file by a function, and rename it.

        The next holder removes the folder `staging`, and nothing here makes it anew, so that
        nothing of this one can come later.
        """
        staged, file = self.path / staging / name, self.path / name
        for each in (staged.parent, file.parent):
            if each not in (self.path / staging, self.path):
                each.mkdir(exist_ok=True)
        write(staged)
        sync_path(staged)
        staged.replace(file)
        sync_path(file.parent)

    def needed_by_workers(self, staging: str) -> list[str]:
        """Name the folder that is written to."""
        return [str(self.path / staging)]


def _remove(staging: Path) -> None:
    """Remove a staging folder; first its name, by which a lost worker may still write there."""
    shutil.rmtree(staging.rename(f"{staging}-left"))
