"""Segments with right checksums and anything in them."""

import warnings
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pandas as pd

from service.contract.log.line import finish_line
from service.contract.log.segment import FOLDER, OPEN, SegmentName, sealed_name
from tests.support.log_lines import copy_of

NOTE = b'{"note":"opened","time":"2026-05-01T12:00:00+00:00","details":{}}'


def forge(folder: Path, number: int, *lines: bytes, opened: bool = False) -> Path:
    """Write a segment with right checksums."""
    (folder / FOLDER).mkdir(exist_ok=True)
    name = SegmentName(number, "abcd", 100 * number)
    file = folder / FOLDER / f"{name}{OPEN}"
    content = b"".join(finish_line(text, 100 * number + n) for n, text in enumerate(lines, 1))
    if not opened:
        file = sealed_name(file, crc32(content))
    file.write_bytes(content)
    return file


def heard(folder: Path, ask: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, list[str]]:
    """Read, and list what is said of damage, but for lines between these segments."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = ask()
        damage: list[str] = []
        with copy_of(folder).files() as files:
            damage = [each for each in files.damage if "between segments" not in each]
    assert caught or not damage
    return table, damage
