"""Staging: a hidden folder on the store's volume, in which a version is written."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from service.contract.errors import EstimatorError
from service.contract.files import LOCK, lock_file, make_folder, sync_path
from service.contract.model import checksums, entries
from service.contract.model.manifest import MANIFEST, Manifest


@contextmanager
def staged(home: Path, changing: Callable[[], AbstractContextManager[None]]) -> Iterator[Path]:
    """Make a hidden folder to fill, which is locked for as long as its publisher lives.

    What dead publishers left behind is cleared away first. If it cannot be filled, it is removed.

    Parameters
    ----------
    home : Path
        The model's folder.
    changing : callable
        Lets one process at a time change what is in that folder.

    Raises
    ------
    EstimatorError
        Something else is where the model's folder belongs.
    """
    with changing():
        if entries.kind(home) not in (None, "a folder"):
            raise EstimatorError(
                f"Model {home.name!r} cannot be published: {home} is {entries.kind(home)}, and its "
                "folder belongs there. Move it away, or choose another name."
            )
        make_folder(home)
        entries.clear(home)
        staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=home))
        held = ExitStack()
        held.enter_context(lock_file(staging / LOCK))
    with held:
        try:
            staging.chmod(0o755)
            yield staging
        except BaseException:
            with changing():
                shutil.rmtree(staging, ignore_errors=True)
                with suppress(OSError):  # not empty: it has versions
                    home.rmdir()
            raise


def written(staging: Path, write: Callable[[Path], Manifest]) -> None:
    """Fill a staging folder with a version: `write` gives its files and manifest."""
    manifest = write(staging)
    (staging / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
    checksums.write(staging)
    synced(staging)


def synced(staging: Path) -> None:
    """Write what is in a staging folder to the disk."""
    for file in [*staging.iterdir(), staging]:
        sync_path(file)


def into_place(staging: Path, place: Path) -> None:
    """Rename a staging folder; the caller sees to it that nobody clears it away just then."""
    (staging / LOCK).unlink()
    staging.rename(place)


def remove(version: Path) -> None:
    """Take a version away at once, by a rename, so that nobody ever sees a part of it."""
    home = version.parent
    hidden = version.rename(home / f".deleted-{version.name}-{os.urandom(4).hex()}")
    sync_path(home)
    shutil.rmtree(hidden)
