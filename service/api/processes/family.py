"""Family: a supervisor and its workers, or the children of one uvicorn, and the folder they share.

What is in it (metrics, strikes) is of use for as long as they run.
"""

import multiprocessing
import os
import shutil
from contextlib import suppress
from pathlib import Path

from service.contract.files import is_locked

_supervisor: int | None = None


def join(supervisor: int, key: bytes) -> None:
    """Have this process be one of a supervisor's; all of them have its key."""
    global _supervisor
    _supervisor = supervisor
    multiprocessing.current_process().authkey = key


def parent() -> int:
    """Return the number of the process that all in the family come from."""
    if _supervisor is not None:
        return _supervisor
    process = multiprocessing.parent_process()
    return os.getpid() if process is None or process.pid is None else process.pid


def family_folder() -> Path:
    """Return the folder of this worker and its siblings: it has their parent's number."""
    return _folder_of(parent())


def leave() -> None:
    """Remove the folder, unless another may take this process's place."""
    if parent() == os.getpid():
        shutil.rmtree(family_folder(), ignore_errors=True)


def clear_dead() -> None:
    """Remove the folders of those that cannot come back."""
    for folder in _folder_of("0").parent.glob(_folder_of("[0-9]*").name):
        if not runs(int(folder.name.rpartition("-")[2])):
            with suppress(FileNotFoundError):  # another start is about it, too
                if not any(map(is_locked, folder.glob("metrics-*/counter_*.db"))):
                    shutil.rmtree(folder, ignore_errors=True)


def _folder_of(parent: int | str) -> Path:
    # Not tempfile's choice, which is another folder while this one is full: siblings would lose
    # sight of each other.
    return Path(os.environ.get("TMPDIR") or "/tmp") / f"labloop-{os.getuid()}-{parent}"


def runs(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # as somebody else
        pass
    return True
