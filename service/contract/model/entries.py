"""Entries: what in a store's folder is a model or a version, and what only lies there.

A version is a real folder with a number for a name that holds `SHA256SUMS`, which publishing
writes last. A model is a real folder with a model's name that has a version or an alias file.
Everything else counts for nothing: people and their systems leave files, links, pipes, folders
with a date for a name.
"""

import errno
import os
import re
import shutil
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from service.contract.errors import EstimatorError, NotFoundError
from service.contract.files import LOCK, is_locked
from service.contract.model.aliases import ALIASES
from service.contract.model.checksums import SUMS
from service.contract.text import show

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NUMBER = re.compile(r"[1-9][0-9]{0,8}")
NOT_WHOLE = f"it has no {SUMS}, so it was never published, or is not whole"
KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
}


Stamp = tuple[int, int, int, int, int]
"""What the system knows of a file, and what changes when it is replaced or written."""


def models(root: Path) -> list[str]:
    """List the names of the models in a store."""
    return sorted(stamps(root))


def stamps(root: Path) -> dict[str, Stamp | None]:
    """List the models in a store, each with the stamp of its alias file; None if it has none.

    It is asked for all the time, so a model costs one call of the system.
    """
    found: dict[str, Stamp | None] = {}
    try:
        opened = os.scandir(root)
    except (FileNotFoundError, NotADirectoryError):
        return found
    with opened:
        for entry in opened:
            name: str | None = entry.name
            if NAME.fullmatch(entry.name) is None:
                name = _model_name(root / entry.name)
            if name is None:
                continue
            stamp = _stamp(entry)
            if stamp is not None or _is_model(root / name):
                found[name] = stamp
    return found


def _stamp(home: os.DirEntry[str]) -> Stamp | None:
    try:
        if not home.is_dir(follow_symlinks=False):
            return None
        seen = os.stat(f"{home.path}/{ALIASES}")  # noqa: PTH116  # a Path costs more
    except OSError:
        return None
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def versions(home: Path) -> list[int]:
    """List the numbers of the versions in a model's folder, in order; none if it is unreadable."""
    if kind(home) != "a folder":
        return []
    try:
        with os.scandir(home) as opened:
            numbered = [each for each in opened if NUMBER.fullmatch(each.name)]
        return sorted(int(each.name) for each in numbered if is_version(each))
    except OSError:
        return []


def is_version(folder: Path | os.DirEntry[str]) -> bool:
    """Whether this is a version."""
    return (
        NUMBER.fullmatch(folder.name) is not None
        and kind(folder) == "a folder"
        and kind(f"{os.fspath(folder)}/{SUMS}") == "a file"
    )


def kind(path: Path | os.DirEntry[str] | str) -> str | None:
    """Say what is there, in words; None if nothing is, or if that cannot be seen.

    Examples
    --------
    >>> kind(Path("/")), kind(Path("/dev/null")), kind(Path("/no/such/path"))
    ('a folder', 'no file', None)
    """
    try:
        return KINDS.get(stat.S_IFMT(os.lstat(path).st_mode), "no file")
    except OSError:
        return None


def odd(root: Path) -> Iterator[tuple[Path, str]]:
    """List what counts for nothing, with what is wrong with it; hidden entries are left out."""
    for entry in _seen(root):
        if _model_name(entry) is None:
            yield entry, "its name is no model's"
        elif kind(entry) != "a folder":
            yield entry, f"it is {kind(entry)}, not a folder"
        elif (problem := unreadable(entry)) is not None:
            yield entry, f"it cannot be read ({problem})"
        elif _is_model(entry):
            yield from _odd_versions(entry)
        else:
            yield entry, "it has no version"
            yield from (each for each in _odd_versions(entry) if NUMBER.fullmatch(each[0].name))


def unreadable(folder: Path) -> str | None:
    """Say why a folder cannot be looked into; None if it can."""
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        return error.strerror or str(error)
    searched = os.access(folder, os.X_OK, effective_ids=True)
    return None if searched else os.strerror(errno.EACCES)


def why_no_version(folder: Path) -> str:
    """Say what is wrong with something that has a version's place."""
    if NUMBER.fullmatch(folder.name) is None:
        return "its name is no version's"
    if kind(folder) != "a folder":
        return f"it is {kind(folder)}, not a folder"
    if (problem := unreadable(folder)) is not None:
        return f"it cannot be read ({problem})"
    return NOT_WHOLE


def check_number(version: Any) -> None:
    """Refuse what is no version's number, such as the text '1'.

    Raises
    ------
    NotFoundError
        The text says what a version is.
    """
    if type(version) is not int:
        raise NotFoundError(f"version={show(version)} is no whole number, as 3 is.")


def check_name(name: str) -> None:
    """Refuse a name that cannot be a folder and a part of a URL.

    Raises
    ------
    EstimatorError
        The text says which names can be used.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        use = _usable(name) if isinstance(name, str) else ""
        raise EstimatorError(
            f"Model name {show(name)} cannot be used: take small letters, digits, - and _, "
            f"at most 64, beginning with a letter or digit{use and f'; for one, use {use!r}'}."
        )


def _usable(name: str) -> str:
    """Return a name like this one that can be used; empty if none of its letters can.

    Examples
    --------
    >>> _usable("Mi Próximo Modelo!"), _usable("価格")
    ('mi-proximo-modelo', '')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:64].rstrip("-_")


def clear(home: Path) -> None:
    """Remove what dead publishers left; what cannot be removed counts for nothing anyway."""
    for leftover in home.iterdir():
        what = kind(leftover)
        with suppress(OSError):
            if leftover.name.startswith((".staging-", ".deleted-")) and what == "a folder":
                if not _is_filled(leftover):
                    shutil.rmtree(leftover)
            elif leftover.name.startswith(".aliases-") and what == "a file":
                leftover.unlink()  # it is written under the lock that is held here


def _is_filled(staging: Path) -> bool:
    """Whether a living publisher fills this folder."""
    lock = staging / LOCK
    return kind(lock) == "a file" and is_locked(lock)


def _odd_versions(home: Path) -> Iterator[tuple[Path, str]]:
    for entry in _seen(home):
        if entry.name != ALIASES and not is_version(entry):
            yield entry, why_no_version(entry)


def _seen(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _model_name(entry: Path) -> str | None:
    """Return the model's name that an entry has.

    Where a disk does not tell capitals from small letters, the folder `Iris` is `iris`.
    """
    name = entry.name.lower()
    if NAME.fullmatch(name) is None:
        return None
    if name != entry.name:
        try:
            same = os.path.samestat(entry.lstat(), entry.with_name(name).lstat())
        except OSError:
            return None
        return name if same else None
    return name


def _is_model(home: Path) -> bool:
    if kind(home) != "a folder":
        return False
    if kind(home / ALIASES) is not None or versions(home):
        return True
    return unreadable(home) is not None  # which is to be seen, and not taken for a deleted model
