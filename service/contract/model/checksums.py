"""Checksums: the SHA256SUMS of a version, written last; ``sha256sum --check`` can read it, too."""

import hashlib
from pathlib import Path

from service.contract.errors import ArtifactError
from service.contract.files import open_regular, read_regular
from service.contract.libraries.boosters import BOOSTERS
from service.contract.model.manifest import BASELINE, GOLDEN, MANIFEST, MODEL

SUMS = "SHA256SUMS"
FILES = (BASELINE, GOLDEN, MANIFEST, MODEL)
LARGEST = 100_000  # bytes that SHA256SUMS may have at most


def write(folder: Path) -> None:
    """Write the checksums of a version's files."""
    (folder / SUMS).write_bytes(b"".join(_line(folder / name) for name in _names(folder)))


def check(folder: Path, version: str = "") -> None:
    """Compare a version's files with its checksums, byte by byte.

    Parameters
    ----------
    folder : Path
    version : str
        What errors call it; by default the model's name and the number.

    Raises
    ------
    ArtifactError
        A file is missing, or is not what was published.
    """
    version = version or f"{folder.parent.name}/{folder.name}"
    try:
        lines = read_regular(folder / SUMS, LARGEST).splitlines(keepends=True)
    except OSError as error:
        raise ArtifactError(f"{version}/{SUMS} cannot be read ({error}). Publish again.") from error
    names = _names(folder)
    for number, name in enumerate(names):
        try:
            line = _line(folder / name)
        except OSError as error:
            raise ArtifactError(
                f"{version}/{name} is missing or cannot be read ({error}). Publish again."
            ) from error
        if lines[number : number + 1] != [line]:
            raise ArtifactError(
                f"{version}/{name} is not what was published: its sha256 differs from that in "
                f"{SUMS}. Publish again."
            )
    if len(lines) != len(names):
        raise ArtifactError(f"{version}/{SUMS} lists other files than a version has.")


def check_content(content: bytes, file: str, sums: bytes, place: str) -> None:
    """Compare one file's content with the checksums of its version.

    Raises
    ------
    ArtifactError
        It is not what was published; the text names the place.
    """
    line = f"{hashlib.sha256(content).hexdigest()}  {file}\n".encode()
    if line not in sums.splitlines(keepends=True):
        raise ArtifactError(
            f"{place} is not what was published: its sha256 differs from that in {SUMS}. "
            "Publish again."
        )


def _names(folder: Path) -> list[str]:
    """List a version's files; those of boosters are there if the model has any."""
    return [*FILES, *sorted(each.name for each in folder.glob(BOOSTERS))]


def digest(folder: Path) -> str:
    """Return twelve hexadecimal digits for what was published; published again, they differ."""
    return hashlib.sha256(read_regular(folder / SUMS, LARGEST)).hexdigest()[:12]


def _line(file: Path) -> bytes:
    with open_regular(file) as opened:
        return f"{hashlib.file_digest(opened, 'sha256').hexdigest()}  {file.name}\n".encode()
