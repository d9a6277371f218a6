"""Remote store: versions and aliases in an object store, as the lab publishes and reads them."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

from service.contract.errors import (
    ArtifactError,
    ObjectChangedError,
    ObjectExistsError,
    ObjectMissingError,
    StoreError,
)
from service.contract.files import LOCK
from service.contract.model import aliases, checksums, entries, manifest
from service.contract.model.aliases import Aliases
from service.contract.model.checksums import SUMS
from service.contract.model.entries import NAME
from service.contract.model.manifest import MANIFEST, Manifest
from service.contract.model.remote import copies, keys
from service.contract.model.remote.keys import Files
from service.contract.model.staging import into_place, remove, staged, written
from service.contract.model.store import ModelStore

if TYPE_CHECKING:
    from service.contract.objects.objects import Objects

TRIES = 50  # to replace aliases that others replace at the same moment
PAUSE = 0.2  # seconds between two of them, at most


class RemoteStore(ModelStore):
    """The models of an object store.

    A version's number is claimed by its manifest, which is written only if it is not there; its
    `SHA256SUMS` comes last, and what has none counts for nothing. Aliases are replaced only if
    they are still those that were read. So any number of labs may publish at once.

    Parameters
    ----------
    root : Path
        `MODELS_DIR`, for copies of versions whose files are needed here.
    objects : Objects
        Those below `STORE_URL`.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from obstore.store import MemoryStore
    >>> from service.contract.objects.objects import Objects
    >>> store = RemoteStore(Path(mkdtemp()), Objects("memory:", MemoryStore()))
    >>> store.names()
    []
    >>> store.aliases("iris").live is None
    True
    """

    def __init__(self, root: Path, objects: "Objects") -> None:
        super().__init__(root)
        self._objects = objects

    @property
    def place(self) -> str:
        """Where the models are, for people."""
        return self._objects.url

    def names(self) -> list[str]:
        """List the models."""
        return sorted(keys.models(self._objects))

    def versions(self, name: str) -> list[int]:
        """List a model's versions, oldest first; nothing of them is fetched."""
        if not NAME.fullmatch(name):
            return []
        deleted: dict[int, object] = {}
        with suppress(ArtifactError):  # aliases that are damaged know nothing of this
            deleted = {**self.aliases(name).deleted}
        whole = keys.whole(keys.files(self._objects, name))
        return [version for version in whole if version not in deleted]

    def has(self, name: str, version: int) -> bool:
        """Whether there is such a version."""
        return isinstance(version, SupportsIndex) and version in self.versions(name)

    def folder(self, name: str, version: int) -> Path:
        """Return the folder of a version's copy, which is fetched if need be."""
        self.check(name, version)
        folder, changing = self.root / name / str(version), partial(self._locked, name)
        if entries.is_version(folder) and not copies.is_current(self._objects, folder):
            with changing():
                remove(folder)
        if not entries.is_version(folder):
            copies.fetch(self._objects, self.root / name, version, changing)
        return folder

    def manifest(self, name: str, version: int) -> Manifest:
        """Read a version's manifest; nothing else of it is fetched."""
        entries.check_number(version)
        prefix = keys.version_of(name, version)
        try:
            content = self._objects.get(prefix + MANIFEST).content
            sums = self._objects.get(prefix + SUMS).content
        except ObjectMissingError as error:
            self.check(name, version)
            raise ArtifactError(f"{error} Publish again.") from error
        place = f"{self.place}/{prefix}{MANIFEST}"
        checksums.check_content(content, MANIFEST, sums, place)
        return manifest.loads(content, place)

    def aliases(self, name: str) -> Aliases:
        """Read a model's aliases; a model without them has none."""
        return self._read(name)[0] if NAME.fullmatch(name) else Aliases()

    def add(self, name: str, write: Callable[[Path], Manifest]) -> int:
        """Add a version: `write` fills a folder and gives its manifest.

        It is written and checked here first, then uploaded; the folder stays as a copy.

        Returns
        -------
        version : int
        """
        entries.check_name(name)
        with staged(self.root / name, partial(self._locked, name)) as staging:
            written(staging, write)
            version = self._upload(name, staging)
            with self._locked(name):
                place = self.root / name / str(version)
                if entries.is_version(place):  # of a bucket that was emptied since
                    remove(place)
                into_place(staging, place)
        return version

    def _upload(self, name: str, staging: Path) -> int:
        now = Aliases()
        with suppress(ArtifactError):  # `promote` writes them anew
            now = self.aliases(name)
        listed = keys.files(self._objects, name)
        self._erase(name, {v: files for v, files in listed.items() if v in now.deleted})
        version = self._number(name, now, listed, (staging / MANIFEST).read_bytes())
        prefix = keys.version_of(name, version)
        files = [file for file in staging.iterdir() if file.name not in (MANIFEST, SUMS, LOCK)]
        try:
            for file in files:
                self._objects.put(prefix + file.name, file)
            self._objects.create(prefix + SUMS, (staging / SUMS).read_bytes())
        except BaseException:
            with suppress(StoreError):  # what stays counts for nothing
                self._erase(name, {version: dict.fromkeys([file.name for file in files], "")})
                self._objects.delete(prefix + MANIFEST)
            raise
        with suppress(ArtifactError):
            self._swap(name, lambda now: now.model_copy(update={"last": max(now.last, version)}))
        return version

    def _number(self, name: str, now: Aliases, listed: dict[int, Files], content: bytes) -> int:
        """Write the manifest to the first number that nobody has; return the number."""
        for version in now.unused([*keys.whole(listed)]):
            if version in listed:
                continue
            with suppress(ObjectExistsError):
                self._objects.create(keys.version_of(name, version) + MANIFEST, content)
                return version
        raise StoreError(f"{self.place} has no number left for a version of {name!r}.")

    def delete(self, name: str, version: int) -> None:
        """Delete a version that is not live; its number is not given out again.

        The aliases remember when; from then on it is gone for everybody. Its `SHA256SUMS` goes
        first, and what a crash leaves of it, the next publication clears away.

        Raises
        ------
        NotFoundError
            There is no such model or version.
        InUseError
            It is live.
        """

        def without(now: Aliases) -> Aliases:
            self.check(name, version)
            return now.without(name, version).next_generation()

        self._swap(name, without)
        self._erase(name, {version: keys.files(self._objects, name).get(version, {})})
        copy = self.root / name / str(version)
        if entries.is_version(copy):
            with self._locked(name):
                remove(copy)

    def _erase(self, name: str, versions: dict[int, Files]) -> None:
        for version, files in versions.items():
            for file in sorted(files, key=lambda file: file != SUMS):
                self._objects.delete(keys.version_of(name, version) + file)

    def _change(
        self, name: str, change: Callable[[Aliases], Aliases | None], mend: bool = False
    ) -> Aliases:
        def changed(now: Aliases) -> Aliases | None:
            after = change(now)
            return after and after.next_generation()

        return self._swap(name, changed, mend)

    def _swap(
        self, name: str, change: Callable[[Aliases], Aliases | None], mend: bool = False
    ) -> Aliases:
        """Replace aliases by what `change` makes of them, again if others were quicker."""
        for _ in range(TRIES):
            now, etag = self._read(name, mend)
            after = change(now)
            if after is None:
                return now
            key, content = keys.aliases_of(name), aliases.dumps(after)
            with suppress(ObjectExistsError, ObjectChangedError):
                if etag is None:
                    self._objects.create(key, content)
                else:
                    self._objects.replace(key, content, etag)
                return after
            time.sleep(random.uniform(0, PAUSE))
        raise StoreError(
            f"{self.place}/{keys.aliases_of(name)} could not be replaced: others changed it "
            f"{TRIES} times meanwhile. Try again."
        )

    def _read(self, name: str, mend: bool = False) -> tuple[Aliases, str | None]:
        """Return aliases and their ETag; None if there are none."""
        try:
            stored = self._objects.get(keys.aliases_of(name))
        except ObjectMissingError:
            return Aliases(), None
        try:
            return aliases.loads(stored.content, name), stored.etag
        except ArtifactError:
            if not mend:
                raise
            return Aliases.anew(), stored.etag

    def _unreadable(self, name: str) -> None:
        return None

    def _why_no_version(self, name: str, version: int) -> str | None:
        if version not in keys.files(self._objects, name):
            return None
        return f"{version} does not count, since {entries.NOT_WHOLE}"
