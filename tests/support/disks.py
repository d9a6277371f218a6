"""A disk that can really be full."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.need import need


@contextmanager
def mounted(size: str) -> Iterator[Path]:
    """Mount a disk of so many bytes, e.g. "1m"."""
    need(os.geteuid() == 0, "only root can mount a small disk")
    # Sockets are made in it, whose paths have at most 107 bytes; pytest's own folders are long.
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "labloop-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    need(done.returncode == 0, f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def make_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Fill a disk to its last byte; return the file that does, if there was room for one."""
    ballast = disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            while file.write(bytes(1024)):
                pass
    except OSError:
        return ballast
    raise AssertionError("the disk took everything")
