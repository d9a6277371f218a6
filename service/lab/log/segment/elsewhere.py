"""Elsewhere: sealed segments, each copied by a worker of the cluster that a notebook uses."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from distributed import as_completed

from service.lab.cluster.cluster import current
from service.lab.log.columns import connect
from service.lab.log.segment.copy import SegmentCopy
from service.lab.log.segment.file import content_of

MANY = 8  # segments from which on it is worth asking others


def copied_elsewhere(
    files: list[Path], staging: Path, home: Path, unread: dict[Path, str]
) -> Iterator[None] | None:
    """Have the workers of the current cluster copy segments, if they see the same folders.

    Parameters
    ----------
    files : list of Path
        Sealed segments.
    staging, home : Path
        Where a copy is written, and where it goes when it is complete.
    unread : dict of Path to str
        Gets a sentence for each file that is no segment.

    Returns
    -------
    done : iterator or None
        Yields once for each segment. None if there is nobody to ask.
    """
    if len(files) < MANY or (cluster := current()) is None:
        return None
    if not all(cluster.run(_all_there, [files[0], staging]).values()):
        return None
    futures = cluster.map(_copy, files, staging=staging, home=home, pure=False)

    def done() -> Iterator[None]:
        for _, said in as_completed(futures, with_results=True):
            unread.update(said)
            yield

    return done()


def _all_there(paths: list[Path]) -> bool:
    return all(path.exists() for path in paths)


def _copy(file: Path, staging: Path, home: Path) -> dict[Path, str]:
    """Copy a segment; return the reason if it is none."""
    unread: dict[Path, str] = {}
    if (content := content_of(file, unread)) is not None:
        # DuckDB takes some names for patterns, so it sees the folders under plain names.
        with TemporaryDirectory(prefix="labloop-") as made:
            root = Path(made).resolve()
            plain, log = root / "copy", root / "log"
            plain.symlink_to(home)
            log.symlink_to(file.parent)
            with connect(root, home, file.parent) as database:
                where = plain / staging.name
                SegmentCopy(database, file, log / file.name, content, where, plain).write()
    return unread
