"""Files: the CSV or Parquet files that a data set is in, and what their folders say of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import unquote

from service.contract.errors import ScoringError
from service.contract.object_url import is_remote
from service.lab.score.data.remote import KINDS, listed


@dataclass(frozen=True)
class DataFile:
    """A file of a data set.

    Parameters
    ----------
    path : str
    size : int
        In bytes.
    changed : str
        What differs after it was written again: a time, or an object's ETag.
    keys : tuple of tuple of str
        The columns that its folders stand for, as in ``year=2026/``, each with its value.
    """

    path: str
    size: int
    changed: str
    keys: tuple[tuple[str, str], ...] = ()


def find_files(data: str | Path | Sequence[str | Path]) -> list[DataFile]:
    """Find the files of a data set, in the order of their names.

    Parameters
    ----------
    data : str, Path or sequence of these
        A file, a folder with files at any depth, or a pattern such as ``data/*.csv``, on a disk
        that all workers see, or in an object store (``s3://bucket/data``). Names that begin with a
        dot or an underscore are passed over, as other programs do.

    Raises
    ------
    ScoringError
        There is no file, or they are of several kinds.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> (folder / "year=2026").mkdir()
    >>> (folder / "year=2026" / "a.csv").touch()
    >>> find_files(folder)[0].keys
    (('year', '2026'),)
    """
    given = [data] if isinstance(data, str | Path) else [*data]
    found = [file for each in given for file in _found(str(each))]
    if not found:
        raise ScoringError("The list of files is empty. Name at least one.")
    kinds = {Path(file.path).suffix for file in found}
    if len(kinds) > 1:
        one_of_each = [next(f.path for f in found if f.path.endswith(kind)) for kind in KINDS]
        raise ScoringError(
            f"There are CSV and Parquet files: {', '.join(one_of_each)}. Score one kind at a time, "
            "e.g. by the pattern '*.parquet'."
        )
    columns = [[name for name, _ in file.keys] for file in found]
    for file, names in zip(found, columns, strict=True):
        if names != columns[0]:
            raise ScoringError(
                f"{file.path} is in folders for {names or 'no column'}, and {found[0].path} for "
                f"{columns[0] or 'no column'}. Files of one data set lie in folders of one kind."
            )
    return found


def _found(path: str) -> list[DataFile]:
    if not path:
        raise ScoringError("The path is empty. Name a file, a folder or a pattern.")
    return _found_remote(path) if is_remote(path) else _found_here(Path(path))


def _found_remote(url: str) -> list[DataFile]:
    found = []
    for path, entry in listed(url):
        below = PurePosixPath(entry.key)
        if below.suffix in KINDS and not _is_hidden(below):
            found.append(DataFile(path, entry.size, entry.etag, _keys(below)))
    if not found:
        raise ScoringError(f"There is no file *.parquet or *.csv at {url}. Name some that are.")
    return sorted(found, key=lambda file: file.path)


def _found_here(place: Path) -> list[DataFile]:
    if has_magic(str(place)):
        base = Path(place.anchor)
        fitting = base.glob(str(place.relative_to(base)))
        paths = [path for path in fitting if path.is_file()]
        what = f"No file fits the pattern {str(place)!r}"
    elif place.is_dir():
        paths, base = [path for path in place.rglob("*") if path.is_file()], place
        paths = [path for path in paths if path.suffix in KINDS]
        what = f"There is no file *.parquet or *.csv in the folder {str(place)!r}"
    elif place.exists():
        paths, base, what = [place], place.parent, ""
    else:
        raise ScoringError(f"There is no file or folder {str(place)!r} here.")
    shown = [path for path in sorted(paths) if not _is_hidden(path.relative_to(base))]
    if not shown:
        raise ScoringError(f"{what}. Name a file, a folder or a pattern with some.")
    for path in shown:
        if path.suffix not in KINDS:
            raise ScoringError(
                f"{path} is neither .csv nor .parquet. Unpack it, or write it as one of these."
            )
    return [_of(path, path.relative_to(base)) for path in shown]


def _is_hidden(path: PurePath) -> bool:
    return any(part.startswith((".", "_")) and part != ".." for part in path.parts)


def _of(path: Path, below: Path) -> DataFile:
    status = path.stat()
    changed = str(status.st_mtime_ns)
    return DataFile(str(path.absolute()), status.st_size, changed, _keys(below))


def _keys(path: PurePath) -> tuple[tuple[str, str], ...]:
    """Return the columns that folders stand for."""
    pairs = [part.partition("=") for part in path.parts[:-1] if "=" in part]
    return tuple((name, unquote(value)) for name, _, value in pairs)
