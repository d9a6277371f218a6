"""File: the files of the log that have a name like a segment, whatever they are."""

import errno
import os
from collections import defaultdict
from pathlib import Path

from service.contract.errors import LabloopError
from service.contract.files import open_regular
from service.contract.log.segment import MOST_BYTES, is_as_sealed, stem
from service.lab.log.copy_files import key
from service.lab.log.segment.lines import printed


def content_of(file: Path, unread: dict[Path, str], start: int = 0) -> bytes | None:
    """Read a segment from a place on.

    Parameters
    ----------
    file : Path
    unread : dict of Path to str
        Gets a sentence if the file is no segment.
    start : int
        How many bytes are passed over.

    Returns
    -------
    content : bytes or None
        None if it is no segment, or was sealed or deleted just now.

    Raises
    ------
    LabloopError
        It cannot be read.
    """
    try:
        with open_regular(file) as opened:
            size = os.fstat(opened.fileno()).st_size
            if size <= MOST_BYTES:
                opened.seek(start)
                return opened.read(max(0, size - start))
        reason = f"it has more than {MOST_BYTES:,} bytes"
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EACCES):
            raise LabloopError(f"{file} cannot be read ({error.strerror}).") from error
        reason = f"{error.strerror}"
    unread[file] = f"{printed(file)} is no segment ({reason}) and is left out."
    return None


def superfluous(opened: dict[Path, int], sealed: list[Path], unread: dict[Path, str]) -> set[Path]:
    """Find the files to leave out, so that there is one of each segment: the longest whole one.

    Parameters
    ----------
    opened : dict of Path to int
        Open segments, with how many bytes they hold.
    sealed : list of Path
    unread : dict of Path to str
        Gets a sentence for each file that somebody else put there.
    """
    files: dict[str, list[Path]] = defaultdict(list)
    for file in [*opened, *sealed]:
        files[key(stem(file))].append(file)
    dropped: set[Path] = set()
    for several in files.values():
        if len(several) == 1:
            continue
        sizes: dict[Path, tuple[bool, int]] = {}
        for file in several:
            if file in opened and not os.path.lexists(file):
                dropped.add(file)  # it was sealed just now
            elif file in opened:
                sizes[file] = (True, opened[file])
            elif (content := content_of(file, unread)) is None:
                dropped.add(file)
            else:
                sizes[file] = (is_as_sealed(file, content), len(content))
        if not sizes:
            continue
        best = max(sizes, key=lambda file: (sizes[file], file.name))
        for file in sizes.keys() - {best}:
            dropped.add(file)
            unread[file] = f"{printed(file)} is left out: {best.name!r} is of the same segment."
    return dropped
