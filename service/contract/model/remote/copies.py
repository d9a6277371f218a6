"""Copies: versions of an object store on this disk, in the layout of a folder of models."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from service.contract.libraries import boosters
from service.contract.model import checksums, entries
from service.contract.model.checksums import FILES, SUMS
from service.contract.model.remote import keys
from service.contract.model.staging import into_place, staged, synced

if TYPE_CHECKING:
    from service.contract.objects.objects import Objects

Changing = Callable[[], AbstractContextManager[None]]
"""Lets one process at a time change what is in a model's folder."""


def fetch(objects: "Objects", home: Path, version: int, changing: Changing) -> None:
    """Copy a version into a model's folder; it is seen there when all of it is there and checked.

    Raises
    ------
    ArtifactError
        A file is missing in the object store, or is not what was published.
    StoreError
        The object store cannot be reached, or says no.
    """
    prefix = keys.version_of(home.name, version)
    with staged(home, changing) as staging:
        for entry in objects.list(prefix):
            file = entry.key.removeprefix(prefix)
            if file in (*FILES, SUMS) or boosters.NAME.fullmatch(file):
                objects.download(entry.key, staging / file)
        checksums.check(staging, f"{objects.url}/{prefix}".rstrip("/"))
        synced(staging)
        with changing():
            keep(staging, home / str(version))


def keep(staging: Path, place: Path) -> None:
    """Put a version that is whole into its place; another process may have done so just now."""
    if entries.is_version(place):
        shutil.rmtree(staging)
    else:
        into_place(staging, place)


def is_current(objects: "Objects", folder: Path) -> bool:
    """Whether a copy is of the version that has its number now.

    A bucket may have been emptied, and its numbers given out anew.

    Raises
    ------
    StoreError
        That cannot be found out.
    """
    key = keys.version_of(folder.parent.name, int(folder.name)) + SUMS
    return objects.get(key).content == (folder / SUMS).read_bytes()
