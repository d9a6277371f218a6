"""Each prediction is in the log when its response is sent."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import RFC_4122, UUID

import pytest

from service.api.log.ids import prediction_ids
from service.api.log.prediction_log import PredictionLog
from service.contract.log.line import RequestLine, is_whole
from service.contract.log.segment import FOLDER, OPEN, TORN, SegmentName, is_as_sealed
from tests.support.live import running_api, wait_until
from tests.support.log_lines import (
    crashed,
    ids_of,
    line,
    logged_ids,
    open_log,
    records,
    requests,
    segments,
    written,
)
from tests.support.models import FLOWER, publish_iris


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLog]:
    log = open_log(tmp_path)
    yield log
    log.stop()


# A line.


def test_written_lines_are_in_the_file(log: PredictionLog, tmp_path: Path) -> None:
    log.write([line(), line()])
    log.write([line()])
    assert [record["sequence"] for record in records(tmp_path)] == [1, 2, 3, 4]
    opened, first, *_ = records(tmp_path)
    assert opened["note"] == "opened"
    optional = ("kinds", "scores")  # which this model has not
    assert [*first] == [name for name in RequestLine.__annotations__ if name not in optional]


def test_each_line_has_a_checksum(log: PredictionLog, tmp_path: Path) -> None:
    log.write([line(), line(rows=3)])
    *lines, end = segments(tmp_path)[0].read_bytes().split(b"\n")
    assert end == b"" and len(lines) == 3
    for text in lines:
        assert is_whole(text)
        assert not is_whole(text.replace(b"0", b"1", 1))


def test_ids_rise_when_the_clock_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    before = prediction_ids(2)
    monkeypatch.setattr("time.time_ns", lambda: 0)
    after = prediction_ids(2)
    assert before[0] < before[1] < after[0] < after[1]


def test_ids_are_new_and_rise() -> None:
    ids = [each for count in range(1, 40) for each in prediction_ids(count)]
    assert ids == sorted({*ids})
    assert {UUID(each).version for each in ids} == {7}
    assert {UUID(each).variant for each in ids} == {RFC_4122}
    assert all(str(UUID(each)) == each for each in ids)


# Segments.


def test_a_stop_seals_with_a_checksum(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.write([line()])
    (opened,) = segments(tmp_path)
    assert opened.name.endswith(OPEN)
    log.stop()
    (sealed,) = segments(tmp_path)
    assert is_as_sealed(sealed, sealed.read_bytes())


def test_a_full_segment_is_sealed(tmp_path: Path) -> None:
    log = open_log(tmp_path, log_segment_bytes=2000)
    for _ in range(20):
        log.write([line()])
    log.stop()
    names = [SegmentName.of(segment) for segment in segments(tmp_path)]
    assert [name.number for name in names] == [*range(1, len(names) + 1)]
    assert len(names) > 2
    assert [record["sequence"] for record in records(tmp_path)] == [*range(1, 21 + len(names))]
    for segment, name in zip(segments(tmp_path), names, strict=True):
        assert is_as_sealed(segment, segment.read_bytes())
        assert json.loads(segment.read_text().splitlines()[0])["sequence"] == name.before + 1


def test_an_idle_old_segment_is_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.api.log.prediction_log.SEGMENT_SECONDS", 0.1)
    log = open_log(tmp_path)
    log.write([line()])
    wait_until(lambda: not segments(tmp_path)[0].name.endswith(OPEN), "the segment to be sealed")
    log.stop()


def test_no_prediction_leaves_no_segment(tmp_path: Path) -> None:
    open_log(tmp_path).stop()
    assert segments(tmp_path) == []


def test_the_next_start_seals_dead_segments(tmp_path: Path) -> None:
    left = crashed(tmp_path, line(), torn=b'{"model":"ir')
    open_log(tmp_path).stop()
    (sealed,) = segments(tmp_path)
    assert SegmentName.of(sealed) == SegmentName.of(left)
    assert is_as_sealed(sealed, sealed.read_bytes())
    (torn,) = (tmp_path / FOLDER).glob(f"*{TORN}")
    assert torn.read_bytes() == b'{"model":"ir'
    assert len(requests(tmp_path)) == 1


def test_a_living_writer_keeps_its_segment(log: PredictionLog, tmp_path: Path) -> None:
    log.write([line()])
    other = open_log(tmp_path)
    other.write([line()])
    assert [segment.name.endswith(OPEN) for segment in segments(tmp_path)] == [True, True]
    other.stop()
    log.write([line()])
    assert len(requests(tmp_path)) == 3


def test_a_deleted_segment_is_followed(log: PredictionLog, tmp_path: Path) -> None:
    log.write([line()])
    segments(tmp_path)[0].unlink()
    log.write([last := line()])
    assert logged_ids(tmp_path) == ids_of(last)


def test_threads_write_whole_lines_in_order(log: PredictionLog, tmp_path: Path) -> None:
    def write() -> None:
        for _ in range(50):
            log.write([line(), line()])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record["sequence"] for record in records(tmp_path)] == [*range(1, 402)]


# Bounds.


def sizes(folder: Path) -> int:
    with suppress(FileNotFoundError):  # sealed just now
        return sum(file.stat().st_size for file in (folder / FOLDER).iterdir())
    return sizes(folder)


def test_the_log_keeps_within_its_bytes(tmp_path: Path) -> None:
    log = open_log(tmp_path, log_max_bytes=20_000)
    sent = [line() for _ in range(200)]
    for each in sent:
        log.write([each])
    wait_until(lambda: sizes(tmp_path) <= 20_000, "the log to shrink")
    log.stop()
    kept = logged_ids(tmp_path)
    assert 10 < len(kept) < 200
    assert kept == [i for each in sent for i in ids_of(each)][-len(kept) :]  # the oldest went
    deleted = [record["details"] for record in records(tmp_path) if record.get("note") == "deleted"]
    assert deleted
    assert {each["because"] for each in deleted} == {"LOG_MAX_BYTES=20000"}
    assert not {each["segment"] for each in deleted} & {
        str(SegmentName.of(s)) for s in segments(tmp_path)
    }


def aged(folder: Path, seconds: float) -> None:
    """Make the log's files look older by the clock."""
    for file in (folder / FOLDER).iterdir():
        then = file.stat().st_mtime - seconds
        os.utime(file, (then, then))


def test_what_is_too_old_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, line())
    aged(tmp_path, 3 * 86_400)
    monkeypatch.setattr("service.api.log.retention.uptime", lambda: ("another boot", 0.0))
    log = open_log(tmp_path, log_max_age="2d")
    wait_until(lambda: records(tmp_path), "a note")
    log.stop()
    notes = [
        record["details"]["because"] for record in records(tmp_path) if record["note"] == "deleted"
    ]
    assert notes == ["LOG_MAX_AGE=2 days, 0:00:00"]


def test_a_clock_jump_makes_nothing_old(tmp_path: Path) -> None:
    written(tmp_path, first := line())
    aged(tmp_path, 3 * 86_400)  # as files look after the clock has jumped three days ahead
    log = open_log(tmp_path, log_max_age="2d")
    log.write([second := line()])
    log.stop()
    assert logged_ids(tmp_path) == ids_of(first) + ids_of(second)


def test_the_oldest_was_opened_first(
    tmp_path: Path,
) -> None:
    written(tmp_path, *(line() for _ in range(20)))
    written(tmp_path, *(last := [line() for _ in range(20)]))
    newest = segments(tmp_path)[-1]
    then = newest.stat().st_mtime - 86_400
    os.utime(newest, (then, then))
    log = open_log(tmp_path, log_max_bytes=sizes(tmp_path) - 1)
    wait_until(lambda: len(requests(tmp_path)) == 20, "the older segment to be deleted")
    log.stop()
    assert logged_ids(tmp_path) == [i for each in last for i in ids_of(each)]


def test_a_damaged_segment_stops_no_retention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = written(tmp_path, line())
    segment.write_bytes(segment.read_bytes().replace(b'"boot"', b'"bopt"'))
    aged(tmp_path, 3 * 86_400)
    log = open_log(tmp_path, log_max_age="2d")
    wait_until(lambda: not segment.exists(), "what is old to be deleted")
    log.stop()


def test_numbers_go_on_beyond_six_digits(tmp_path: Path) -> None:
    first = written(tmp_path, line())
    first.rename(first.with_name(first.name.replace("000001", "999999")))
    written(tmp_path, last := line())
    log = open_log(tmp_path, log_max_bytes=sizes(tmp_path) - 1)
    wait_until(lambda: len(requests(tmp_path)) == 1, "the older segment to be deleted")
    log.stop()
    assert logged_ids(tmp_path) == ids_of(last)


def test_torn_lines_without_segments_are_deleted(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    torn = tmp_path / FOLDER / f"000001-0a0a0a0a-000000000{TORN}"
    torn.write_bytes(b"x" * 30_000)
    log = open_log(tmp_path, log_max_bytes=20_000)
    wait_until(lambda: not torn.exists(), "the torn line to be deleted")
    log.stop()


# Crashes and failing disks; tests/api/log/test_log_faults.py has the rest.


def test_unsynced_predictions_survive_a_kill(
    tmp_path: Path,
) -> None:
    publish_iris(tmp_path / "models")
    with running_api(tmp_path, LOG_SYNC="off") as api, api.http() as http:
        lab = api.lab()
        assert http.get("/health/ready").json()["log_sync"] == "off"
        ids = [http.get("/predict", params=FLOWER).headers["X-Prediction-Id"] for _ in range(20)]
        os.kill(api.worker, signal.SIGKILL)
    assert lab.predictions("iris")["prediction_id"].tolist() == ids


def test_an_unwritable_log_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    publish_iris(tmp_path / "models")
    with running_api(tmp_path) as api, api.http() as http:
        responses: list[Any] = [http.get("/health/ready"), http.get("/predict", params=FLOWER)]
        for response in responses:
            assert response.status_code == 503
            assert f"log at {api.logs}/predictions cannot be written" in response.json()["error"]
        (tmp_path / "logs").unlink()
        wait_until(lambda: http.get("/health/ready").is_success, "the log to recover", 5)
