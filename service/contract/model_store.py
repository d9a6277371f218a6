"""Model store: versions and aliases on disk, written by the lab, read by both sides."""

import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from service.contract import checksums
from service.contract.errors import ArtifactError, EstimatorError, NotFoundError
from service.contract.files import is_locked, locked, sync_path
from service.contract.manifest import MANIFEST, Manifest

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NUMBER = re.compile(r"[1-9][0-9]*")
ALIASES = "aliases.json"


class Aliases(BaseModel):
    """Which version is live, and what was live before.

    `generation` rises with every change, so that a reader can tell whether it
    has seen one. `history` holds earlier live versions, the last one last.
    """

    model_config = ConfigDict(frozen=True)

    generation: int = 0
    live: int | None = None
    shadow: int | None = None
    history: list[int] = []


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
    >>> store.aliases("iris")
    Aliases(generation=0, live=None, shadow=None, history=[])
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """List the models that have a version or an alias file."""
        if not self.root.is_dir():
            return []
        folders = sorted(folder for folder in self.root.iterdir() if NAME.fullmatch(folder.name))
        return [f.name for f in folders if (f / ALIASES).exists() or self.versions(f.name)]

    def versions(self, name: str) -> list[int]:
        """List a model's versions, oldest first."""
        folder = self.root / name
        if not NAME.fullmatch(name) or not folder.is_dir():
            return []
        return sorted(int(e.name) for e in folder.iterdir() if NUMBER.fullmatch(e.name))

    def folder(self, name: str, version: int) -> Path:
        """Give a version's folder.

        Raises
        ------
        NotFoundError
            There is no such model or version; the text names what exists.
        """
        versions = self.versions(name)
        if not versions:
            known = ", ".join(self.names()) or "none yet"
            raise NotFoundError(f"There is no model {name!r}; published: {known}.")
        if version not in versions:
            known = ", ".join(map(str, versions))
            raise NotFoundError(f"Model {name!r} has no version {version}; published: {known}.")
        return self.root / name / str(version)

    def manifest(self, name: str, version: int) -> Manifest:
        """Read a version's manifest."""
        file = self.folder(name, version) / MANIFEST
        try:
            return Manifest.model_validate_json(file.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc'])) or 'its content'}: {first['msg']}"
        except OSError as error:
            reason = str(error)
        raise ArtifactError(f"{name}/{version}/{MANIFEST} cannot be read: {reason}.")

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
        file = self.root / name / ALIASES
        try:
            return Aliases.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return Aliases()
        except (OSError, ValidationError) as error:
            raise ArtifactError(
                f"{name}/{ALIASES} cannot be read. In a notebook, lab.promote({name!r}, version) "
                "writes it anew."
            ) from error

    def add(self, name: str, write: Callable[[Path], Manifest]) -> int:
        """Add a version: `write` fills a folder and gives its manifest.

        The folder is staged under a hidden name on the same volume, synced, and
        renamed to the next number, one publisher at a time. Nobody sees a
        half-written version.

        Returns
        -------
        version : int
        """
        check_name(name)
        with self._staging(name) as staging:
            manifest = write(staging)
            (staging / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
            checksums.write(staging)
            for file in [*staging.iterdir(), staging]:
                sync_path(file)
            version = self._claim(name, staging)
            sync_path(self.root / name)
        return version

    @contextmanager
    def _staging(self, name: str) -> Iterator[Path]:
        """Give a hidden folder to fill, which is locked for as long as its publisher lives.

        What dead publishers left behind is cleared away first.
        """
        home = self.root / name
        with self._locked(name):
            home.mkdir(exist_ok=True)
            for leftover in home.glob(".staging-*"):
                if not is_locked(leftover):
                    shutil.rmtree(leftover)
            for leftover in home.glob(".aliases-*"):  # written under this lock alone
                leftover.unlink()
            staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=home))
            held = ExitStack()
            held.enter_context(locked(staging))
        with held:
            try:
                staging.chmod(0o755)
                yield staging
            except BaseException:
                with self._locked(name):
                    shutil.rmtree(staging, ignore_errors=True)
                    with suppress(OSError):  # not empty: it has versions
                        home.rmdir()
                raise

    def _claim(self, name: str, staging: Path) -> int:
        with self._locked(name):
            used = self.versions(name)
            with suppress(ArtifactError):  # a number whose folder was deleted is not used again
                now = self.aliases(name)
                used += [now.live or 0, *now.history]
            version = max(used, default=0) + 1
            staging.rename(self.root / name / str(version))
        return version

    def promote(self, name: str, version: int) -> Aliases:
        """Move `live` to a version; a damaged alias file is written anew."""
        self.folder(name, version)
        return self._change(name, lambda now: _moved(now, version), mend=True)

    def rollback(self, name: str) -> Aliases:
        """Move `live` back to the version that was live before.

        Raises
        ------
        NotFoundError
            Nothing was live before.
        """

        def back(now: Aliases) -> dict[str, Any]:
            if not now.history:
                raise NotFoundError(
                    f"Model {name!r} has nothing to roll back to: live is {now.live}, "
                    "and no version was live before it."
                )
            return {"live": now.history[-1], "history": now.history[:-1]}

        if not self.versions(name):
            self.folder(name, 1)
        return self._change(name, back)

    def withdraw(self, name: str, version: int) -> Aliases:
        """Take `live` off a refused version, if it is still there, back to the one before."""

        def off(now: Aliases) -> dict[str, Any]:
            if now.live != version:
                return {}
            earlier = [*now.history]
            return {"live": earlier.pop() if earlier else None, "history": earlier}

        return self._change(name, off)

    def _change(
        self, name: str, change: Callable[[Aliases], dict[str, Any]], mend: bool = False
    ) -> Aliases:
        home = self.root / name
        with self._locked(name):
            try:
                now = self.aliases(name)
            except ArtifactError:
                if not mend:
                    raise
                # The seconds since 1970 are more than the changes that any reader has seen.
                now = Aliases(generation=int(time.time()))
            update = change(now)
            if not update:
                return now
            after = now.model_copy(update={**update, "generation": now.generation + 1})
            _replace(home / ALIASES, json.dumps(after.model_dump()) + "\n")
        return after

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Let one process at a time change a model's aliases, or begin a version."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f".{name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def check_name(name: str) -> None:
    """Refuse a name that cannot be a folder and a part of a URL."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise EstimatorError(
            f"Model name {name!r} cannot be used: take small letters, digits, - and _, "
            "at most 64, beginning with a letter or digit."
        )


def _moved(now: Aliases, version: int) -> dict[str, Any]:
    if now.live == version:
        return {"live": version}  # a new generation all the same: the API looks again
    before = [] if now.live is None else [now.live]
    return {"live": version, "history": [*now.history, *before]}


def _replace(file: Path, text: str) -> None:
    """Replace a file's content at once: readers see the old one or the new one."""
    handle, temporary = tempfile.mkstemp(prefix=".aliases-", dir=file.parent)
    try:
        with os.fdopen(handle, "w") as opened:
            opened.write(text)
            opened.flush()
            os.fchmod(handle, 0o644)
            os.fsync(handle)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_path(file.parent)
