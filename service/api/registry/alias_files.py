"""Alias files: which of a store's changed since the last look, at little cost.

File events do not cross every bind mount, so the files are looked at again and again. Aliases are
replaced by a rename, which shows in what the system knows of a file. That is not enough where times
are coarse or a network keeps old ones, so a part of the files is read each time, too.
"""

from collections.abc import Set
from pathlib import Path

from service.contract.files import read_regular
from service.contract.model import entries
from service.contract.model.aliases import ALIASES, LARGEST

ROUND = 10  # looks, in which each file is read once
READ_AT_LEAST = 5  # files a look: a small store is read as a whole each time


class AliasFiles:
    """The alias files of a store.

    Parameters
    ----------
    root : Path
        `MODELS_DIR`.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> root = Path(mkdtemp())
    >>> (root / "iris").mkdir()
    >>> file = root / "iris" / ALIASES
    >>> _ = file.write_text("{}")
    >>> files = AliasFiles(root)
    >>> files.look() == ({"iris"}, {"iris"}), files.look() == ({"iris"}, set())
    (True, True)
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stamps: dict[str, entries.Stamp | None] = {}
        self._contents: dict[str, bytes | str] = {}
        self._turn: list[str] = []

    def look(self) -> tuple[Set[str], set[str]]:
        """Return the names of all models, and of those whose alias file changed."""
        before, self._stamps = self._stamps, entries.stamps(self._root)
        changed = {n for n, stamp in self._stamps.items() if before.get(n, ...) != stamp}
        for name in self._next():
            content = self._read(name)
            if self._contents.get(name) != content:
                self._contents[name] = content
                changed.add(name)
        return self._stamps.keys(), changed

    def _next(self) -> list[str]:
        """Return whose turn it is to be read."""
        count = max(READ_AT_LEAST, -(-len(self._stamps) // ROUND))
        if not self._turn:
            self._turn = [*self._stamps]
            self._contents = {n: c for n, c in self._contents.items() if n in self._stamps}
        due, self._turn = self._turn[:count], self._turn[count:]
        return due

    def _read(self, name: str) -> bytes | str:
        try:
            return read_regular(f"{self._root}/{name}/{ALIASES}", LARGEST)
        except OSError as error:  # who reads it to use it is told
            return str(error)
