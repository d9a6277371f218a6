"""Model store: versions and aliases on disk, written by the lab, read by both sides."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import SupportsIndex

from service.contract.errors import ArtifactError, NotFoundError
from service.contract.files import lock_file, make_folder, sync_path
from service.contract.model import aliases, checksums, entries, manifest
from service.contract.model.aliases import LAST_NUMBER, Aliases
from service.contract.model.entries import NAME
from service.contract.model.manifest import MANIFEST, Manifest
from service.contract.model.staging import into_place, remove, staged, written


class ModelStore:
    """The folder of all models: ``<root>/<name>/<version>/``.

    Parameters
    ----------
    root : Path
        `MODELS_DIR`.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> store = ModelStore(Path(mkdtemp()))
    >>> store.names()
    []
    >>> store.aliases("iris").live is None
    True
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def place(self) -> str:
        """Where the models are, for people."""
        return str(self.root)

    @property
    def trouble(self) -> str | None:
        """Why an object store could not be looked at lately; a folder has no such trouble."""
        return None

    def names(self) -> list[str]:
        """List the models that have a version or an alias file, or cannot be looked into."""
        return entries.models(self.root)

    def versions(self, name: str) -> list[int]:
        """List a model's versions, oldest first."""
        return entries.versions(self.root / name) if NAME.fullmatch(name) else []

    def has(self, name: str, version: int) -> bool:
        """Whether there is such a version."""
        home = self.root / name
        return (
            NAME.fullmatch(name) is not None
            and isinstance(version, SupportsIndex)
            and 1 <= version <= LAST_NUMBER
            and entries.kind(home) == "a folder"
            and entries.is_version(home / str(version))
        )

    def check(self, name: str, version: int) -> None:
        """Refuse what is not there.

        Raises
        ------
        NotFoundError
            There is no such model or version; the text names what exists, and says when a
            version was deleted.
        ArtifactError
            The model's folder cannot be looked into.
        """
        entries.check_number(version)
        if self.has(name, version):
            return
        names = self.names()
        if name not in names:
            known = ", ".join(names) or "none yet"
            raise NotFoundError(f"There is no model {name!r}; published: {known}.")
        if (unreadable := self._unreadable(name)) is not None:
            raise ArtifactError(unreadable)
        reason = ""
        with suppress(ArtifactError):  # an alias file that is damaged knows nothing of this
            if (when := self.aliases(name).deleted.get(version)) is not None:
                reason = f": it was deleted at {when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        if not reason and (amiss := self._why_no_version(name, version)) is not None:
            reason = f": {amiss}"
        known = ", ".join(map(str, self.versions(name))) or "none"
        raise NotFoundError(f"Model {name!r} has no version {version}{reason}; published: {known}.")

    def folder(self, name: str, version: int) -> Path:
        """Return a version's folder; raise what `check` raises."""
        self.check(name, version)
        return self.root / name / str(version)

    def fetch(self, name: str, version: int) -> None:
        """Make a version's files be here, where they are in another place; see `CachedStore`."""

    def manifest(self, name: str, version: int) -> Manifest:
        """Read a version's manifest."""
        file = self.folder(name, version) / MANIFEST
        return manifest.read(file, f"{name}/{version}/{MANIFEST}")

    def check_files(self, name: str, version: int) -> None:
        """Compare a version's files with its checksums.

        Raises
        ------
        ArtifactError
            A file is missing or not what was published.
        """
        checksums.check(self.folder(name, version))

    def aliases(self, name: str) -> Aliases:
        """Read a model's aliases; a model without a file has none.

        Raises
        ------
        ArtifactError
            The file cannot be read.
        """
        return aliases.read(self.root / name)

    def problem(self, name: str) -> str | None:
        """Say why what is to be live cannot be loaded from here; None if it can, or if none is."""
        try:
            live = self.aliases(name).live
        except ArtifactError as error:
            return str(error)
        if live is None or self.has(name, live):
            return None
        if (unreadable := self._unreadable(name)) is not None:
            return unreadable
        left = self.versions(name)
        remedy = f"run lab.promote({name!r}, {left[-1]})" if left else "publish the model again"
        state = self._why_no_version(name, live) or "its folder is deleted"
        return (
            f"Version {live} of model {name!r} is to be live, but {state}. No API can load it any "
            f"more. In a notebook, {remedy}."
        )

    def _unreadable(self, name: str) -> str | None:
        """Say why a model's folder cannot be looked into; None if it can."""
        reason = entries.unreadable(self.root / name)
        return reason and f"The folder of model {name!r} cannot be read ({reason})."

    def _why_no_version(self, name: str, version: int) -> str | None:
        """Say what is wrong with something that has a version's place; None if nothing has."""
        place = self.root / name / str(version)
        if entries.kind(place) is None:
            return None
        return f"{place.name} does not count, since {entries.why_no_version(place)}"

    def add(self, name: str, write: Callable[[Path], Manifest]) -> int:
        """Add a version: `write` fills a folder and gives its manifest.

        The folder is staged under a hidden name on the same volume, synced, and
        renamed to the next number, one publisher at a time. Nobody sees a
        half-written version.

        Returns
        -------
        version : int
        """
        entries.check_name(name)
        with staged(self.root / name, partial(self._locked, name)) as staging:
            written(staging, write)
            version = self._claim(name, staging)
            sync_path(self.root / name)
        return version

    def _claim(self, name: str, staging: Path) -> int:
        """Rename a finished folder to the number after the last one that was given out.

        A higher number on disk, such as a date, is stepped over when its turn comes.
        """
        home = self.root / name
        with self._locked(name):
            known: Aliases | None = None
            with suppress(ArtifactError):  # `promote` writes it anew
                known = self.aliases(name)
            now = known or Aliases()
            version = next(
                number
                for number in now.unused(self.versions(name))
                if not os.path.lexists(home / str(number))
            )
            into_place(staging, home / str(version))
            if known is not None:
                content = aliases.dumps(known.model_copy(update={"last": version}))
                aliases.replace(home, content)
        return version

    def promote(self, name: str, version: int) -> Aliases:
        """Move `live` to a version; a damaged alias file is written anew."""
        self.check(name, version)

        def to(now: Aliases) -> Aliases:
            # It may have been deleted just now. One that is live already gets a new generation
            # all the same: the API looks again.
            self.check(name, version)
            return now.moved_to(version)

        return self._change(name, to, mend=True)

    def rollback(self, name: str) -> Aliases:
        """Move `live` back to the version that was live before, of those that are there.

        Returns
        -------
        Aliases
            Their `passed_over` names the deleted versions in between.

        Raises
        ------
        NotFoundError
            Nothing was live before, or none of it is there.
        """
        if name not in self.names():
            self.check(name, 1)

        def back(now: Aliases) -> Aliases:
            before = now.moved_back(partial(self.has, name))
            if before.live is None:
                gone = ", ".join(map(str, before.passed_over))
                raise NotFoundError(
                    f"Model {name!r} has nothing to roll back to: live is {now.live}, and no "
                    f"version that was live before it is there{gone and f' (deleted: {gone})'}."
                )
            return before

        return self._change(name, back)

    def withdraw(self, name: str, version: int) -> Aliases:
        """Take `live` off a refused version, if it is still there, back as `rollback` does."""

        def off(now: Aliases) -> Aliases | None:
            if now.live != version:
                return None
            before = now.moved_back(partial(self.has, name))
            # What is live again was served all the time: it did not go live just now.
            return before.model_copy(update={"live_since": None})

        return self._change(name, off)

    def delete(self, name: str, version: int) -> None:
        """Delete a version that is not live; its number is not given out again.

        The alias file remembers when. Then a rename to a hidden name takes the version away at
        once, so that nobody ever sees a part of it; what a crash leaves of it counts for nothing,
        and the next change clears it away.

        Raises
        ------
        NotFoundError
            There is no such model or version.
        InUseError
            It is live.
        """
        self.check(name, version)
        home = self.root / name
        with self._locked(name):
            self.check(name, version)
            after = self.aliases(name).without(name, version)
            entries.clear(home)
            aliases.replace(home, aliases.dumps(after.next_generation()))
            remove(home / str(version))

    def _change(
        self, name: str, change: Callable[[Aliases], Aliases | None], mend: bool = False
    ) -> Aliases:
        """Replace a model's aliases by what `change` makes of them; None leaves them."""
        with self._locked(name):
            try:
                now = self.aliases(name)
            except ArtifactError:
                if not mend:
                    raise
                now = Aliases.anew()
            after = change(now)
            if after is None:
                return now
            after = after.next_generation()
            aliases.replace(self.root / name, aliases.dumps(after))
            return after

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Let one process at a time change a model's aliases, or begin a version."""
        make_folder(self.root)
        with lock_file(self.root / f".{name}.lock"):
            yield
