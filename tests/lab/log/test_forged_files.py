"""Only segments are read, whatever else stands in the log's folder."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import duckdb
import pytest

from service.api.log.retention import delete_oldest
from service.api.log.segment import seal_dead
from service.contract.errors import LabloopError
from service.contract.log.line import finish_line
from service.contract.log.segment import FOLDER, OPEN, sealed_name, stem
from tests.lab.log.forged import NOTE, forge, heard
from tests.support.log_lines import copy_of, crashed, ids_of, line, open_log, read, sql

# Names of files and folders.

ODD_NAMES = ["a*b", "a[b]", "it's", 'say "x"', "a\nb", "q?", "ü ", "a;b", "*", "-"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD_NAMES)
def test_folders_may_have_odd_names(tmp_path: Path, name: str) -> None:
    decoys = [tmp_path / decoy for decoy in ("axb", "ab", "qq")]
    for each in (*decoys, tmp_path / name):
        each.mkdir(exist_ok=True)
        first, second = line(), line()
        forge(each, 1, NOTE, first)
        (each / FOLDER / f"{name}.jsonl").write_bytes(b'{"sequence":1,' + second[1:] + b"\n")
        for _ in range(2):
            assert {*read(each)["prediction_id"]} == {*ids_of(first), *ids_of(second)}
        writers = sql(each, "SELECT writer FROM predictions ORDER BY sequence, writer")["writer"]
        assert sorted(writers) == sorted(["abcd", name])


SECOND = "000002-abcd-000000200"


def _sparse(file: Path) -> None:
    file.touch()
    os.truncate(file, 1 << 40)


# What may stand in the folder under a segment's name, and is none.
NO_SEGMENT: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "loop": lambda file: file.symlink_to(file.name),
    "device": lambda file: file.symlink_to("/dev/zero"),
    "sparse": _sparse,
}


@pytest.mark.parametrize("suffix", [".00000000.jsonl", OPEN])
@pytest.mark.parametrize("kind", NO_SEGMENT)
def test_other_files_are_left_out(tmp_path: Path, kind: str, suffix: str) -> None:
    good = line()
    forge(tmp_path, 1, NOTE, good)
    odd = tmp_path / FOLDER / f"{SECOND}{suffix}"
    NO_SEGMENT[kind](odd)
    table, damage = heard(tmp_path, lambda: read(tmp_path))
    assert table["prediction_id"].tolist() == ids_of(good)
    assert [text.startswith(f"{odd} is no segment (") for text in damage] == [True]


@pytest.mark.parametrize("kind", NO_SEGMENT)
def test_the_api_works_beside_other_files(tmp_path: Path, kind: str) -> None:
    dead = crashed(tmp_path, line(), torn=b'{"model":"ir')
    NO_SEGMENT[kind](tmp_path / FOLDER / f"000000-abcd-000000200{OPEN}")
    NO_SEGMENT[kind](tmp_path / FOLDER / "000000-abcd-000000200.00000000.jsonl")
    failed = seal_dead(dead.parent, True)
    assert len(failed) == 1
    assert not dead.exists()
    due: list[Any] = []
    (dead.parent / f"{SECOND}{OPEN}").touch()
    delete_oldest(dead.parent, 1 << 50, timedelta(0), 0.0, due.extend)
    assert stem(dead) in {each["segment"] for each in due}


def test_segment_numbers_have_any_length(tmp_path: Path) -> None:
    good, more = line(), line()
    forge(tmp_path, 1, NOTE, good)
    long = b'{"note":"deleted","details":{"segment":"%b-ab-0"}}' % (b"9" * 5000)
    forge(tmp_path, 2, NOTE, long, more)
    for digits in (18, 30, 200):
        far = finish_line(NOTE, 1)
        file = tmp_path / FOLDER / f"{'9' * digits}-abcd-000000500{OPEN}"
        sealed_name(file, crc32(far)).write_bytes(far)
    table, _ = heard(tmp_path, lambda: read(tmp_path))
    assert {*table["prediction_id"]} == {*ids_of(good), *ids_of(more)}
    log = open_log(tmp_path)
    for _ in range(2):
        log.write([line()])
    log.stop()
    table, damage = heard(tmp_path, lambda: read(tmp_path))
    assert len(table) == 4
    assert len(damage) < 10


def test_one_file_a_segment_is_read(tmp_path: Path) -> None:
    good = [line() for _ in range(5)]
    whole = forge(tmp_path, 1, NOTE, *good)
    other = forge(tmp_path, 1, NOTE)
    wrong = whole.with_name(f"{stem(whole)}.00000000.jsonl")
    wrong.write_bytes(whole.read_bytes() * 2)
    for name in (".jsonl", ".open.jsonl", "...jsonl", "a..jsonl"):
        (tmp_path / FOLDER / name).write_bytes(b"")
    for _ in range(2):
        table, damage = heard(tmp_path, lambda: read(tmp_path))
        assert table["prediction_id"].tolist() == [i for text in good for i in ids_of(text)]
        for file in (other, wrong):
            assert f"{file} is left out: {whole.name!r} is of the same segment." in damage


def test_sealed_files_hide_no_open_segment(tmp_path: Path) -> None:
    good = [line() for _ in range(5)]
    opened = forge(tmp_path, 1, NOTE, *good, opened=True)
    sealed = forge(tmp_path, 1, NOTE)
    for _ in range(2):
        table, damage = heard(tmp_path, lambda: read(tmp_path))
        assert table["prediction_id"].tolist() == [i for text in good for i in ids_of(text)]
        assert damage == [f"{sealed} is left out: {opened.name!r} is of the same segment."]


def test_a_link_loop_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FOLDER).symlink_to(FOLDER)
    with pytest.raises(LabloopError, match="cannot be read"):
        read(tmp_path)


def test_reading_lines_reaches_no_other_file(tmp_path: Path) -> None:
    forge(tmp_path, 1, NOTE, line())
    outside = tmp_path.parent / "outside.csv"
    outside.write_text("a\n1\n")
    with copy_of(tmp_path).files() as files:
        for query in (
            f"SELECT * FROM read_csv('{outside}')",
            f"COPY (SELECT 1) TO '{outside}'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
        ):
            with pytest.raises(duckdb.Error):
                files.database.execute(query)
    assert sql(tmp_path, f"SELECT a FROM read_csv('{outside}')")["a"].tolist() == [1]  # own SQL
    assert outside.read_text() == "a\n1\n"
