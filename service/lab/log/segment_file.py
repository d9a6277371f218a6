"""Segment file: the files of the log that have a name like a segment, whatever they are."""

import errno
import os
from collections import defaultdict
from pathlib import Path

from service.contract.errors import LabloopError
from service.contract.files import open_regular
from service.contract.log.segment import MOST_BYTES, is_as_sealed, stem
from service.lab.log.copy_files import key
from service.lab.log.segment_lines import printed


def content_of(file: Path, unread: dict[Path, str]) -> bytes | None:
    """Read a segment.

    Parameters
    ----------
    file : Path
    unread : dict of Path to str
        Gets a sentence if the file is no segment.

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
                return opened.read(size)
        reason = f"it has more than {MOST_BYTES:,} bytes"
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EACCES):
            raise LabloopError(f"{file} cannot be read ({error.strerror}).") from error
        reason = f"{error.strerror}"
    unread[file] = f"{printed(file)} is no segment ({reason}) and is left out."
    return None


def one_each(
    opened: list[tuple[Path, bytes]], sealed: list[Path], unread: dict[Path, str]
) -> tuple[list[tuple[Path, bytes]], list[Path]]:
    """Choose one file of each segment: the longest of those that are whole.

    Parameters
    ----------
    opened : list of (Path, bytes)
        Open segments, with what they hold.
    sealed : list of Path
    unread : dict of Path to str
        Gets a sentence for each file that is left out.

    Returns
    -------
    opened, sealed : list
        Without the files that are left out.
    """
    files: dict[str, list[Path]] = defaultdict(list)
    for file in [*(file for file, _ in opened), *sealed]:
        files[key(stem(file))].append(file)
    contents = dict(opened)
    dropped: set[Path] = set()
    for several in files.values():
        if len(several) == 1:
            continue
        sizes: dict[Path, tuple[bool, int]] = {}
        for file in several:
            if file in contents and not os.path.lexists(file):
                dropped.add(file)  # it was sealed just now
            elif (content := contents.get(file) or content_of(file, unread)) is None:
                dropped.add(file)
            else:
                sizes[file] = (file in contents or is_as_sealed(file, content), len(content))
        if not sizes:
            continue
        best = max(sizes, key=lambda file: (sizes[file], file.name))
        for file in sizes.keys() - {best}:
            dropped.add(file)
            unread[file] = f"{printed(file)} is left out: {best.name!r} is of the same segment."
    return (
        [(file, content) for file, content in opened if file not in dropped],
        [file for file in sealed if file not in dropped],
    )
