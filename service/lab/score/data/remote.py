"""Remote: files in an object store, found and opened like those on a disk.

Who asks which store is as for models there (`service.contract.objects`).
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from service.contract.errors import ScoringError
from service.contract.object_url import SCHEME, is_remote

if TYPE_CHECKING:
    from service.contract.objects.objects import Entry

KINDS = (".parquet", ".csv")


def listed(url: str) -> Iterator[tuple[str, "Entry"]]:
    """List the objects that a URL names: one, all below it, or those that fit a pattern.

    Yields
    ------
    path : str
        The object's URL.
    entry : Entry

    Raises
    ------
    ScoringError
        It names no bucket.
    StoreError
        The store cannot be reached, or says no.
    """
    from service.contract.objects.objects import Objects  # most have no object store

    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    if not bucket or has_magic(bucket):
        raise ScoringError(f"{url} names no bucket. Write s3://bucket/folder, or a pattern in it.")
    objects = Objects.at(f"{SCHEME}{bucket}")
    if key.endswith(KINDS) and not has_magic(key):
        entries = iter([objects.head(key)])
    else:
        fixed = takewhile(lambda part: not has_magic(part), key.rstrip("/").split("/"))
        entries = objects.list("".join(f"{part}/" for part in fixed if part))
    for entry in entries:
        if not has_magic(key) or _fits(entry.key, key):
            yield f"{SCHEME}{bucket}/{entry.key}", entry


def _fits(key: str, pattern: str) -> bool:
    """Whether a key fits a pattern, in which * stands for a part of a name.

    Examples
    --------
    >>> _fits("data/a.csv", "data/*.csv"), _fits("data/old/a.csv", "data/*.csv")
    (True, False)
    """
    names, patterns = key.split("/"), pattern.split("/")
    return len(names) == len(patterns) and all(map(fnmatchcase, names, patterns))


def open_file(path: str) -> BinaryIO:
    """Open a file for reading, wherever it is."""
    if is_remote(path):
        from service.contract.objects.file_system import file_system  # most have no object store

        return cast(BinaryIO, file_system().open(path, "rb"))
    return Path(path).open("rb")
