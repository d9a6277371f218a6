"""Staging: a hidden folder on the store's volume, in which a version is written."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from service.contract.errors import EstimatorError
from service.contract.files import LOCK, lock_file, make_folder
from service.contract.model import entries


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
