"""Damaged lines are named and left out; the rest is read."""

from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from service.contract.errors import LabloopError
from service.contract.log.segment import (
    FOLDER,
    stem,
)
from tests.support.log_lines import (
    copy_of,
    crashed,
    line,
    open_log,
    quietly,
    read,
    segments,
    warned,
    written,
)


def test_an_unreadable_log_is_named(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file where a folder should be")
    with pytest.raises(LabloopError, match=f"log at {tmp_path}/predictions cannot be read"):
        read(tmp_path)


# Damage.


def test_a_torn_end_is_counted(
    tmp_path: Path,
) -> None:
    crashed(tmp_path, line(), line(), torn=b'{"model":"ir')
    for _ in range(2):
        table = read(tmp_path)
        assert len(table) == 2
        assert table.attrs["torn_lines"] == 1
        open_log(tmp_path).stop()


def test_an_unfinished_line_is_not_torn(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.write([line()])
    with segments(tmp_path)[0].open("ab") as file:
        file.write(b'{"model":"ir')
    assert read(tmp_path).attrs["torn_lines"] == 0
    assert len(read(tmp_path)) == 1
    log.stop()


def altered(segment: Path, change: Any) -> Path:
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(change(lines)))
    return segment


DAMAGES = {
    "zeroes": lambda lines: [*lines[:2], b"\x00\x00\x00\n", *lines[3:]],
    "not JSON": lambda lines: [*lines[:2], b'{"id": "t{"id"\n', *lines[3:]],
    "another JSON": lambda lines: [*lines[:2], b'{"model": "iris"}\n', *lines[3:]],
    "a number": lambda lines: [*lines[:2], b"7\n", *lines[3:]],
    "one digit": lambda lines: [*lines[:2], lines[2].replace(b"1.5", b"1.6"), *lines[3:]],
    "one letter": lambda lines: [*lines[:2], lines[2].replace(b"size", b"sizf"), *lines[3:]],
    "a checksum": lambda lines: [*lines[:2], lines[2][:-5] + b'xx"}\n', *lines[3:]],
    "the checksum's name": lambda lines: [
        *lines[:2],
        lines[2][:-17] + b"d" + lines[2][-16:],
        *lines[3:],
    ],
    "the brace": lambda lines: [*lines[:2], lines[2][:-2] + b"]\n", *lines[3:]],
    "empty": lambda lines: [*lines[:2], b"\n", *lines[3:]],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_line_is_left_out(tmp_path: Path, damage: str) -> None:
    segment = written(tmp_path, line(), line(), line())
    altered(segment, DAMAGES[damage])
    for _ in range(2):  # each time, not only when the copy is made
        assert warned(tmp_path) == [f"{segment}, line 3 is damaged and left out."]
        assert len(quietly(tmp_path)) == 2


def test_missing_lines_are_named(tmp_path: Path) -> None:
    segment = written(tmp_path, *(line() for _ in range(5)))
    altered(segment, lambda lines: [*lines[:2], *lines[4:]])
    assert warned(tmp_path) == [f"{segment}, line 3: 2 before it are missing."]
    assert len(quietly(tmp_path)) == 3


def test_a_cut_off_end_is_named(tmp_path: Path) -> None:
    log = open_log(tmp_path, log_segment_bytes=2500)
    for _ in range(10):
        log.write([line()])
    log.stop()
    first, second, *_ = segments(tmp_path)
    altered(first, lambda lines: lines[:-2])
    between = f"2 lines between segments {stem(first)} and {stem(second)} are missing."
    assert warned(tmp_path) == [f"{first} is not what was sealed: its end is missing.", between]
    altered(second, lambda lines: [*lines[:-1], lines[-1][:50]])
    rmtree(copy_of(tmp_path).home)
    assert any(text.startswith(f"{second}, line ") for text in warned(tmp_path))


def test_repeated_lines_are_read_once(tmp_path: Path) -> None:
    segment = written(tmp_path, line(), line())
    altered(segment, lambda lines: [*lines, lines[-1]])
    assert warned(tmp_path) == [f"{segment}, line 4 is there twice; one is left out."]
    assert len(quietly(tmp_path)) == 2


def test_much_damage_is_summed_up(tmp_path: Path) -> None:
    segment = written(tmp_path, *(line() for _ in range(50)))
    altered(segment, lambda lines: [text.replace(b"[1.5]", b"[1.6]") for text in lines])
    said = warned(tmp_path)
    assert len(said) == 21
    assert said[-1] == "And 30 more."
