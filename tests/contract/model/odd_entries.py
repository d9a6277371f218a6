"""What people and their systems leave in a model store, and what a damaged disk does."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

Make = Callable[[Path], object]


def _socket(path: Path) -> None:
    with TemporaryDirectory(dir="/tmp") as short, socket.socket(socket.AF_UNIX) as opened:
        opened.bind(f"{short}/s")  # a socket's own name has to be short
        Path(short, "s").rename(path)


def _unreadable(path: Path) -> None:
    path.mkdir()
    path.chmod(0)


def _folder_of_pipes(path: Path) -> None:
    path.mkdir()
    os.mkfifo(path / "SHA256SUMS")


KINDS: dict[str, Make] = {
    "file": lambda path: path.write_text("no folder"),
    "empty folder": lambda path: path.mkdir(),
    "link to itself": lambda path: path.symlink_to(path.name),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to a folder": lambda path: path.symlink_to(path.parent),
    "pipe": lambda path: os.mkfifo(path),
    "socket": _socket,
    "unreadable folder": _unreadable,
    "folder of pipes": _folder_of_pipes,
}

# Numbers that are none: beyond 64 bits, of 250 digits, a date, of another script, …
NAMES = [
    "7", "20261125", "2026-11-25", "99999999999999999999", "9" * 250, "0", "007", "-1", "1e3",
    "٣", "१२", "²", "copy of 1", "версия", ".DS_Store", "Icon\r", os.fsdecode(b"\xff\xfe"),
]  # fmt: skip

ALIASES: dict[str, str | bytes] = {
    "empty": "",
    "torn": '{"generation": 3, "li',
    "null": "null",
    "list": "[1, 2]",
    "no text": b"\xff\xfe\x00",
    "huge": '{"generation": 1, "live": 1, "history": [' + "1, " * 700_000 + "1]}",
    "long number": '{"live": 1' + "0" * 5000 + "}",
    "beyond 64 bits": '{"live": 18446744073709551616}',
    "date": '{"live": 2026112500}',
    "negative": '{"live": -1}',
    "zero": '{"live": 0}',
    "fraction": '{"live": 1.5}',
    "infinite": '{"live": 1e999}',
    "NaN": '{"live": NaN}',
    "text": '{"live": "latest"}',
    "path": '{"live": "../iris/1"}',
    "nested": '{"live": ' + "[" * 5000 + "]" * 5000 + "}",
    "strange generation": '{"generation": 99999999999999999999, "live": 1}',
    "strange history": '{"live": 1, "history": [1, "two", 99999999999999999999]}',
    "strange deletions": '{"live": 1, "deleted": {"9999999999999": "yesterday"}}',
}


@contextmanager
def as_nobody() -> Iterator[None]:
    """Have no right but everybody's: root may look into every folder."""
    if os.geteuid():
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.chmod(0o700)
        shutil.rmtree(path)
    else:
        path.unlink()


def writes(content: str | bytes) -> Make:
    return lambda file: file.write_bytes(content.encode() if isinstance(content, str) else content)
