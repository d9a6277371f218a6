"""The log is copied and read while it is written."""

from pathlib import Path
from shutil import rmtree

import pytest

from service.contract.log.segment import (
    FOLDER,
    sealed_segments,
    stem,
)
from tests.support.live import wait_until
from tests.support.log_lines import (
    copy_of,
    ids_of,
    line,
    open_log,
    quietly,
    read,
    segments,
    written,
)

# While it is written.


def test_it_reads_during_writes(tmp_path: Path) -> None:
    log = open_log(tmp_path, log_segment_bytes=5000)
    ids: list[str] = []
    for _ in range(30):
        log.write([one := line()])
        ids += ids_of(one)
        assert read(tmp_path)["prediction_id"].tolist() == ids
    log.stop()
    assert read(tmp_path)["prediction_id"].tolist() == ids


def test_reading_changes_nothing_in_the_log(tmp_path: Path) -> None:
    log = open_log(tmp_path, log_segment_bytes=500)
    for _ in range(5):
        log.write([line()])

    def state() -> dict[str, tuple[bytes, int]]:
        files = (tmp_path / FOLDER).iterdir()
        return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}

    wait_until(lambda: len([*sealed_segments(tmp_path / FOLDER)]) == 5, "segments to be sealed")
    before = state()
    read(tmp_path)
    assert state() == before
    log.stop()


def test_the_copy_can_be_deleted(tmp_path: Path) -> None:
    for _ in range(3):
        written(tmp_path, line(), line(model="other"))
    ids = read(tmp_path)["prediction_id"].tolist()
    for _ in range(6):
        file = next(copy_of(tmp_path).home.glob("*.iris.*.parquet"))
        file.unlink()
        assert read(tmp_path)["prediction_id"].tolist() == ids
    rmtree(copy_of(tmp_path).home)
    assert read(tmp_path)["prediction_id"].tolist() == ids


def test_deleted_segments_leave_the_table(tmp_path: Path) -> None:
    segment = written(tmp_path, line())
    written(tmp_path, last := line())
    assert len(read(tmp_path)) == 2
    segment.unlink()
    assert quietly(tmp_path)["prediction_id"].tolist() == ids_of(last)
    assert {stem(file) for file in copy_of(tmp_path).home.glob("*.parquet")} == {
        stem(file) for file in segments(tmp_path)
    }


def test_a_segment_sealed_meanwhile_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, line(rows=2))
    log = open_log(tmp_path)
    log.write([line(rows=3)])
    listing = "service.lab.log.copy.sealed_segments"

    def listed_late(folder: Path) -> list[Path]:
        found = sealed_segments(folder)
        monkeypatch.setattr(listing, sealed_segments)
        log.stop()
        assert len(read(tmp_path)) == 5
        return found

    monkeypatch.setattr(listing, listed_late)
    assert read(tmp_path)["prediction_id"].is_unique
    assert len(read(tmp_path)) == 5
