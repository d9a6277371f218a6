"""Open segments are copied as they grow."""

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree
from weakref import finalize

import pytest

from service.contract.log.line import finish_line
from service.lab.log import reader
from tests.lab.log.forged import NOTE, forge
from tests.support.log_lines import copy_of, ids_of, line, open_log


def test_each_read_copies_new_lines(tmp_path: Path) -> None:
    log, copy = open_log(tmp_path), copy_of(tmp_path)
    sent: list[str] = []
    for number in range(40):
        text = line() if number % 2 else line(model="other")
        log.write([text])
        sent += ids_of(text) if number % 2 else []
        assert reader.read(copy, "iris")["prediction_id"].tolist() == sent
        with copy.files() as files:
            assert len(files.predictions) <= 2 * 7  # for 40 reads, and two models
    log.stop()
    assert reader.read(copy, "iris")["prediction_id"].tolist() == sent
    with copy.files() as files:
        assert len(files.predictions) == 2


def test_lines_that_were_cut_off_vanish(tmp_path: Path) -> None:
    """The API cuts off lines that it could not write completely, and goes on behind them."""
    one, two, other = line(), line(), line()
    file = forge(tmp_path, 1, NOTE, one, opened=True)
    copy = copy_of(tmp_path)
    assert reader.read(copy, "iris")["prediction_id"].tolist() == ids_of(one)
    kept = file.read_bytes()
    file.write_bytes(kept + finish_line(two, 103))
    assert reader.read(copy, "iris")["prediction_id"].tolist() == ids_of(one) + ids_of(two)
    file.write_bytes(kept)
    assert reader.read(copy, "iris")["prediction_id"].tolist() == ids_of(one)
    file.write_bytes(kept + finish_line(other, 103))
    assert reader.read(copy, "iris")["prediction_id"].tolist() == ids_of(one) + ids_of(other)


def test_each_read_names_all_damage(tmp_path: Path) -> None:
    file = forge(tmp_path, 1, NOTE, line(), opened=True)
    copy = copy_of(tmp_path)
    for last in (3, 4):
        with file.open("ab") as opened:
            opened.write(b'{"no":"line"}\n')
        for _ in range(2):
            with copy.files() as files:
                named = [f"{file}, line {n} is damaged and left out." for n in range(3, last + 1)]
                assert files.damage == named
    with file.open("ab") as opened:
        opened.write(finish_line(line(), 105))
    with pytest.warns(UserWarning, match="is damaged and left out") as caught:
        assert len(reader.read(copy, "iris")) == 2
    assert len(caught) == 2


def test_two_reads_at_once_agree(tmp_path: Path) -> None:
    log, copy = open_log(tmp_path), copy_of(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        for number in range(1, 9):
            log.write([line()])
            reads = [pool.submit(reader.read, copy, "iris") for _ in range(4)]
            assert {len(each.result()) for each in reads} == {number}
    log.stop()


def test_deleted_temporary_files_are_made_again(tmp_path: Path) -> None:
    log, copy = open_log(tmp_path), copy_of(tmp_path)
    sent: list[str] = []
    for _ in range(3):
        text = line()
        sent += ids_of(text)
        log.write([text])
        assert reader.read(copy, "iris")["prediction_id"].tolist() == sent
        with copy.files() as files:
            rmtree(files.predictions[0].file.parents[1])
    log.stop()


def test_an_ending_child_deletes_nothing(tmp_path: Path) -> None:
    log, copy = open_log(tmp_path), copy_of(tmp_path)
    log.write([line()])
    reader.read(copy, "iris")
    with copy.files() as files:
        if not (child := os.fork()):
            finalize._exitfunc()  # type: ignore[attr-defined]  # as at the end of a process
            os._exit(0)
        os.waitpid(child, 0)
        assert files.predictions[0].file.exists()
    log.stop()


def test_temporary_files_end_with_the_lab(tmp_path: Path) -> None:
    log, copy = open_log(tmp_path), copy_of(tmp_path)
    log.write([line()])
    with copy.files() as files:
        place = files.predictions[0].file.parents[1]
    assert place.exists()
    del copy, files
    gc.collect()
    assert not place.exists()
    log.stop()
