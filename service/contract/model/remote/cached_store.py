"""Cached store: the copies that an API has of the versions and aliases of an object store."""

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

from service.contract.errors import ArtifactError, ObjectMissingError
from service.contract.files import make_folder, replace_file
from service.contract.model import aliases, entries
from service.contract.model.aliases import Aliases
from service.contract.model.entries import NAME
from service.contract.model.manifest import Manifest
from service.contract.model.remote import copies, keys
from service.contract.model.staging import remove
from service.contract.model.store import ModelStore

if TYPE_CHECKING:
    from service.contract.objects.objects import Objects

LISTED = ".versions.json"  # in a model's folder: the versions of the object store, with ETags
TROUBLE = ".trouble"  # in the root: why the object store could not be looked at


class CachedStore(ModelStore):
    """Copies of an object store's models, in the layout of a folder of models.

    What only reads asks nothing of the object store. `bring` and `forget` keep the copies in step
    with it, and `fetch` adds a version that is asked for.

    Parameters
    ----------
    root : Path
        `MODELS_DIR`.
    objects : Objects
        Those below `STORE_URL`.
    """

    def __init__(self, root: Path, objects: "Objects") -> None:
        super().__init__(root)
        self._objects = objects

    @property
    def place(self) -> str:
        """Where the models are, for people."""
        return self._objects.url

    @property
    def trouble(self) -> str | None:
        """Why the object store could not be looked at lately; None if it could."""
        try:
            return (self.root / TROUBLE).read_text() or None
        except FileNotFoundError:
            return None

    def tell(self, trouble: str | None) -> None:
        """Keep why the object store could not be looked at, for all who share the copies."""
        if trouble is None:
            (self.root / TROUBLE).unlink(missing_ok=True)
        else:
            replace_file(self.root / TROUBLE, trouble.encode(), prefix=".trouble-")

    def versions(self, name: str) -> list[int]:
        """List a model's versions, oldest first, with a copy or without."""
        return sorted(self._listed(name)) if NAME.fullmatch(name) else []

    def has(self, name: str, version: int) -> bool:
        """Whether there is such a version, with a copy or without."""
        return isinstance(version, SupportsIndex) and version in self.versions(name)

    def manifest(self, name: str, version: int) -> Manifest:
        """Read a version's manifest; the version is fetched if need be."""
        self.check(name, version)
        self.fetch(name, version)
        return super().manifest(name, version)

    def fetch(self, name: str, version: int) -> None:
        """Copy a version that has no copy here.

        Raises
        ------
        ArtifactError
            A file is missing in the object store, or is not what was published.
        StoreError
            The object store cannot be reached, or says no.
        """
        if not entries.is_version(self.root / name / str(version)):
            changing = partial(self._locked, name)
            copies.fetch(self._objects, self.root / name, version, changing)

    def models(self) -> dict[str, str]:
        """List the object store's models by name, each with the ETag of its aliases."""
        return keys.models(self._objects)

    def bring(self, name: str) -> None:
        """Bring a model's copies in step: what is live, then its aliases, then what is to go.

        Whoever reads the aliases so finds what they call live. A version that is damaged in the
        object store gets no copy: to fetch it again says what is wrong with it.

        Raises
        ------
        StoreError
            The object store cannot be reached, or says no.
        """
        try:
            content = self._objects.get(keys.aliases_of(name)).content
        except ObjectMissingError:
            return  # deleted just now: the next list of models lacks it
        now = Aliases()
        with suppress(ArtifactError):  # who reads the copy is told
            now = aliases.loads(content, name)
        whole = keys.whole(keys.files(self._objects, name))
        there = {version: etag for version, etag in whole.items() if version not in now.deleted}
        home, before = self.root / name, self._listed(name)
        make_folder(home)
        self._remove(name, [*self._renumbered(name, there)])
        self._list(name, before | there)
        if now.live in there:
            with suppress(ArtifactError):
                self.fetch(name, now.live)
        with self._locked(name):
            aliases.replace(home, content)
        self._list(name, there)
        self._remove(name, [each for each in entries.versions(home) if each not in there])

    def forget(self, name: str) -> None:
        """Remove a model that the object store has no more."""
        home = self.root / name
        with self._locked(name):
            (home / aliases.ALIASES).unlink(missing_ok=True)
            (home / LISTED).unlink(missing_ok=True)
            entries.clear(home)
        self._remove(name, entries.versions(home))
        with suppress(OSError):  # not empty: something else lies there
            home.rmdir()

    def _renumbered(self, name: str, there: dict[int, str]) -> Iterator[int]:
        """List the copies whose number has another version by now."""
        listed = self._listed(name)
        for version in entries.versions(self.root / name):
            if version in there and there[version] != listed.get(version):
                folder = self.root / name / str(version)
                if not copies.is_current(self._objects, folder):
                    yield version

    def _remove(self, name: str, versions: list[int]) -> None:
        with self._locked(name):
            for version in versions:
                remove(self.root / name / str(version))

    def _list(self, name: str, versions: dict[int, str]) -> None:
        """Keep which versions the object store has, each with the ETag of its `SHA256SUMS`."""
        with self._locked(name):
            content = json.dumps(versions).encode()
            replace_file(self.root / name / LISTED, content, prefix=".aliases-")

    def _listed(self, name: str) -> dict[int, str]:
        """Return the versions of the object store, each with the ETag of its `SHA256SUMS`."""
        try:
            listed = json.loads((self.root / name / LISTED).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {int(version): etag for version, etag in listed.items()}
