"""The log loses nothing that was answered, and reads like a table."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pandas as pd
import pytest

from service.api.prediction_log import PredictionLog
from service.contract.errors import NotFoundError
from service.contract.log_line import FOLDER, LogLine, prediction_ids
from service.lab import Lab, log_reader
from tests.live import running_api
from tests.models import FLOWER, iris, publish_iris
from tests.need import need


def line(model: str = "iris", **more: Any) -> bytes:
    """Give what one request of one row writes."""
    fields: dict[str, Any] = {
        "time": "2026-05-01T12:00:00.000001+00:00",
        "model": model,
        "version": 1,
        "image": "labloop-api:0.1.0",
        "client": "test",
        "latency_ms": 1.25,
        "inputs": {"size": [1.5]},
        "ids": prediction_ids(1),
        "predictions": ["small"],
        "classes": ["small", "large"],
        "probabilities": [[0.75, 0.25]],
        "targets": None,
        "marks": {},
    }
    return orjson.dumps(fields | more)


def segments(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).glob("*.jsonl"))


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for s in segments(folder) for text in s.read_text().splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLog]:
    log = PredictionLog(tmp_path, "interval")
    log.start()
    yield log
    log.stop()


# Written.


def test_a_line_is_in_the_file_when_write_returns(log: PredictionLog, tmp_path: Path) -> None:
    log.write([line(), line()])
    log.write([line()])
    assert [record["sequence"] for record in records(tmp_path)] == [1, 2, 3]
    assert [*records(tmp_path)[0]] == [*LogLine.__annotations__]


def test_each_start_writes_a_segment_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        log = PredictionLog(tmp_path, "off")
        log.start()
        log.write([line()])
        log.stop()
    assert len(segments(tmp_path)) == 2


def test_ids_rise_even_when_the_clock_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = prediction_ids(2)
    monkeypatch.setattr("time.time_ns", lambda: 0)
    after = prediction_ids(2)
    assert before[0] < before[1] < after[0] < after[1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 64 KiB."""
    need(os.geteuid() == 0, "only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "labloop-test", str(disk)]
    done = subprocess.run(mount, capture_output=True, text=True)
    need(done.returncode == 0, f"a small disk cannot be mounted: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_stops_the_answers_until_there_is_room_and_nothing_is_lost(
    tmp_path: Path, small_disk: Path
) -> None:
    answered: list[str] = []
    body = {"rows": [FLOWER] * 7}

    def ask(http: httpx.Client) -> httpx.Response:
        response = http.post("/models/iris/predict", json=body)
        if response.is_success:
            answered.extend(response.json()["ids"])
        return response

    publish_iris(tmp_path / "models")
    with running_api(tmp_path, LOGS_DIR=str(small_disk)) as api, api.http() as http:
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * 16_384)
        for _ in range(100):
            response = ask(http)
            if not response.is_success:
                break
        assert response.status_code == 503
        assert str(small_disk) in response.json()["error"]
        assert "No space left on device" in response.json()["error"]
        ballast.unlink()
        assert ask(http).status_code == 200

    assert [each for record in records(small_disk) for each in record["ids"]] == answered
    assert log_reader.read(small_disk, "iris").attrs["torn_lines"] == 0


@pytest.mark.parametrize("sync", ["interval", "always", "off"])
def test_what_was_answered_before_a_kill_is_in_the_log(tmp_path: Path, sync: str) -> None:
    publish_iris(tmp_path / "models")
    with running_api(tmp_path, LOG_SYNC=sync) as api, api.http() as http:
        lab = api.lab()
        ids = [http.get("/predict", params=FLOWER).headers["X-Prediction-Id"] for _ in range(20)]
        os.kill(api.process.pid, signal.SIGKILL)
        api.process.wait()
    assert lab.predictions("iris")["prediction_id"].tolist() == ids


def test_a_log_that_cannot_be_written_gives_503_and_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    publish_iris(tmp_path / "models")
    with running_api(tmp_path) as api, api.http() as http:
        response = http.get("/predict", params=FLOWER)
    assert response.status_code == 503
    assert f"log at {api.logs}/predictions cannot be written" in response.json()["error"]


def test_a_segment_that_was_deleted_is_followed_by_another(
    log: PredictionLog, tmp_path: Path
) -> None:
    log.write([line()])
    segments(tmp_path)[0].unlink()
    log.write([line()])
    assert [record["sequence"] for record in records(tmp_path)] == [2]


# Read.


def test_the_log_reads_as_a_table_with_proper_types(log: PredictionLog, tmp_path: Path) -> None:
    log.write([line(), line("other"), line(predictions=["large"], marks={"unseen:colour": [0]})])
    table = log_reader.read(tmp_path, "iris")
    assert len(table) == 2
    assert [*table.columns] == [
        "prediction_id",
        "time",
        "version",
        "prediction",
        "proba_small",
        "proba_large",
        "latency",
        "batch",
        "client",
        "marks",
        "image",
        "size",
    ]
    assert table["time"][0] == pd.Timestamp("2026-05-01 12:00:00.000001", tz="UTC")
    assert table["proba_small"].tolist() == [0.75, 0.75]
    assert table["prediction"].tolist() == ["small", "large"]
    assert table["marks"].tolist() == [[], ["unseen:colour"]]


def test_an_empty_log_has_the_same_columns(tmp_path: Path) -> None:
    table = log_reader.read(tmp_path, "iris")
    assert len(table) == 0
    assert [*table.columns[:4]] == ["prediction_id", "time", "version", "prediction"]
    assert isinstance(table["time"].dtype, pd.DatetimeTZDtype)


def test_a_feature_whose_name_is_taken_is_called_input(log: PredictionLog, tmp_path: Path) -> None:
    log.write([line(inputs={"time": [3.5], "size": [1.0]})])
    table = log_reader.read(tmp_path, "iris")
    assert table["input.time"].tolist() == [3.5]
    assert table["size"].tolist() == [1.0]


def test_since_until_and_version_choose_rows(log: PredictionLog, tmp_path: Path) -> None:
    now = pd.Timestamp.now("UTC")
    for hours, version in ((48, 1), (2, 2), (0, 3)):
        log.write([line(time=(now - pd.Timedelta(hours=hours)).isoformat(), version=version)])

    def versions(**choice: Any) -> list[int]:
        return list(log_reader.read(tmp_path, "iris", **choice)["version"])

    assert versions(since="1d") == [2, 3]
    assert versions(since="90min") == [3]
    assert versions(since=now - pd.Timedelta(hours=3), until="1h") == [2]
    assert versions(until=str((now - pd.Timedelta(days=1)).tz_localize(None))) == [1]
    assert versions(version=2) == [2]
    with pytest.raises(ValueError, match="'yesterday week' is no time: give '2026-05-01 12:00'"):
        versions(since="yesterday week")


def test_a_torn_last_line_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, "off")
    log.write([line(), line()])
    log.stop()
    with segments(tmp_path)[0].open("ab") as file:
        file.write(b'{"id": "torn')
    table = log_reader.read(tmp_path, "iris")
    assert len(table) == 2
    assert table.attrs["torn_lines"] == 1


@pytest.mark.parametrize("damage", [b"\x00\x00\x00", b'{"model": "iris"}', b"7", b'{"id": "t{"id"'])
def test_a_damaged_line_is_named_and_the_rest_is_read(tmp_path: Path, damage: bytes) -> None:
    log = PredictionLog(tmp_path, "off")
    log.write([line(), line(), line()])
    log.stop()
    segment = segments(tmp_path)[0]
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(lines[0] + damage + b"\n" + lines[2])
    with pytest.warns(UserWarning, match=rf"{segment}, line 2 is damaged"):
        table = log_reader.read(tmp_path, "iris")
    assert len(table) == 2


OLD = {
    "sequence": 1, "time": "2026-05-01T12:00:00.000001+00:00", "model": "iris", "version": 1,
    "image": "labloop-api:0.1.0", "client": "test", "batch": 1, "latency_ms": 1.25,
    "id": "01a20e5a-934a-73e4-9255-27f433f03bc9", "inputs": {"size": 1.5},
    "prediction": "small", "probabilities": {"small": 0.75, "large": 0.25},
    "marks": ["out_of_range:size"],
}  # fmt: skip


@pytest.mark.parametrize(
    "change, column, value",
    [
        ({}, "prediction", "small"),
        ({}, "proba_large", 0.25),
        ({}, "size", 1.5),
        ({}, "marks", ["out_of_range:size"]),
        ({"prediction": 1.5, "probabilities": None}, "prediction", 1.5),
        ({"prediction": {"a": 1, "b": 2}, "probabilities": None}, "prediction_b", 2),
        ({"prediction": {"a": 1}, "probabilities": {"a": 0.5}}, "proba_a", 0.5),
        ({"prediction": {"a": 1}, "probabilities": {"a": {"0": 0.4}}}, "proba_a_0", 0.4),
    ],
)
def test_a_line_of_version_0_1_0_is_read(
    tmp_path: Path, change: dict[str, Any], column: str, value: Any
) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "old.jsonl").write_bytes(orjson.dumps(OLD | change) + b"\n")
    table = log_reader.read(tmp_path, "iris")
    assert table["prediction_id"].tolist() == [OLD["id"]]
    assert table[column][0] == value


def test_a_model_without_versions_is_named(tmp_path: Path) -> None:
    lab = Lab(models_dir=tmp_path, logs_dir=tmp_path)
    with pytest.raises(NotFoundError, match="no model 'daisies'; published: none yet"):
        lab.predictions("daisies")


def test_the_whole_way_from_a_question_to_a_row(tmp_path: Path) -> None:
    publish_iris(tmp_path / "models")
    with running_api(tmp_path, LABLOOP_IMAGE="labloop-api:9.9") as api:
        lab = api.lab()
        lab.predict("iris", FLOWER)
        row = lab.predictions("iris").iloc[0]
    assert row["sepal_length"] == 5.1
    assert row["prediction"] == 0
    assert row["version"] == 1
    assert row["image"] == "labloop-api:9.9"
    assert row["proba_0"] == iris().estimator.predict_proba(pd.DataFrame([FLOWER]))[0, 0]
    assert row["latency"] > 0
