"""Strikes: how often a version's prediction never ended, or ended its worker.

The supervisor counts them, the workers read them, and neither may wait for the other, which may
hang. So a strike is a file, in the folder that they share; it goes when the API is started anew.
"""

import shutil
from pathlib import Path

LIMIT = 3


def label(name: str, version: int, digest: str) -> str:
    """Name what was published; published anew under its number, it has no strikes.

    Examples
    --------
    >>> label("iris", 3, "0123456789ab")
    'iris/3/0123456789ab'
    """
    return f"{name}/{version}/{digest}"


def reason(name: str, version: int) -> str:
    """Say why a version is no longer served, and what to do."""
    return (
        f"{LIMIT} times a prediction by version {version} did not end within ANSWER_SECONDS, or "
        "ended its worker. Look for a regular expression or a loop that some input keeps busy, and "
        f"publish a mended version; lab.promote({name!r}, {version}) tries this one again."
    )


class Strikes:
    """What the supervisor has counted for each label.

    Parameters
    ----------
    folder : Path
        The family's; see `service.api.processes.family.family_folder`.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> strikes = Strikes(Path(mkdtemp()))
    >>> [strikes.add("iris/3/0123456789ab") for _ in range(3)]
    [1, 2, 3]
    >>> sorted(strikes.out())
    ['iris/3/0123456789ab']
    >>> strikes.forgive("iris/3/0123456789ab")
    >>> sorted(strikes.out())
    []
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder / "strikes"

    def add(self, label: str) -> int:
        """Count one more; return how many there are by now."""
        folder = self._root / label
        folder.mkdir(parents=True, exist_ok=True)
        strikes = len([*folder.iterdir()]) + 1
        (folder / str(strikes)).touch()
        return strikes

    def out(self) -> frozenset[str]:
        """List the labels that have too many."""
        if not self._root.exists():  # it is asked ten times a second, and there are seldom any
            return frozenset()
        last = self._root.glob(f"*/*/*/{LIMIT}")
        return frozenset(str(file.parent.relative_to(self._root)) for file in last)

    def forgive(self, label: str) -> None:
        """Begin again at nought."""
        shutil.rmtree(self._root / label, ignore_errors=True)
