import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.disks import mounted
from tests.support.stack import copy_checkout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the checkout."""
    return copy_checkout(tmp_path / "labloop")


@pytest.fixture
def started(copy: Path) -> Iterator[Path]:
    """Return a copy that looks started: somebody who lives holds its mark."""
    with (copy / ".labloop.pid").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        print(os.getpid(), file=file, flush=True)
        yield copy


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Mount a disk of a few megabytes."""
    with mounted("20m") as disk:
        yield disk
