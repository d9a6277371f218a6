"""Changes to the log's folder while it is written are noticed and reported."""

import json
import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from service.contract.log.segment import (
    FOLDER,
    OPEN,
    SegmentName,
    is_as_sealed,
    open_segments,
    sealed_name,
    sealed_segments,
)
from tests.api.log.clients import Clients, check_whole
from tests.support.live import running_api, wait_until
from tests.support.log_lines import (
    crashed,
    ids_of,
    line,
    logged_ids,
    open_log,
    read,
    segments,
)
from tests.support.models import publish_iris

SOON = 30  # seconds for what takes one on a machine that has nothing else to do


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the log looked after twenty times a second; under load it is each second, as always."""
    monkeypatch.setattr("service.api.log.prediction_log.TICK_SECONDS", 0.05)


def aside(logs: Path) -> Path:
    """Return where a test puts what it takes away, with room for a folder of segments."""
    folder = logs.parent / "aside"
    folder.mkdir(exist_ok=True)
    return folder


def move_folder(logs: Path) -> None:
    (logs / FOLDER).rename(aside(logs) / FOLDER)


def move_logs(logs: Path) -> None:
    logs.rename(aside(logs) / "logs")


def replace_folder(logs: Path) -> None:
    move_folder(logs)
    (logs / FOLDER).mkdir()


def link_elsewhere(logs: Path) -> None:
    move_folder(logs)
    (aside(logs) / "other").mkdir()
    (logs / FOLDER).symlink_to(aside(logs) / "other")


def delete_folder(logs: Path) -> None:
    shutil.rmtree(logs / FOLDER)


def rename_file(logs: Path) -> None:
    (segment,) = segments(logs)
    segment.rename(aside(logs) / "renamed")


def replace_file(logs: Path) -> None:
    (segment,) = segments(logs)
    (aside(logs) / "copy").write_bytes(segment.read_bytes())
    (aside(logs) / "copy").replace(segment)


def truncate_file(logs: Path) -> None:
    segments(logs)[0].write_bytes(b"")


def add_to_file(logs: Path) -> None:
    with segments(logs)[0].open("ab") as file:
        file.write(b"a line of somebody else\n")


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("sync", ["always", "interval", "off"])
@pytest.mark.parametrize(
    "disturb, harm",
    [
        (move_folder, "moved"),
        (move_logs, "moved"),
        (replace_folder, "moved"),
        (link_elsewhere, "moved"),
        (rename_file, "moved"),
        (delete_folder, "deleted"),
        (replace_file, "deleted"),
        (truncate_file, "changed"),
        (add_to_file, "changed"),
    ],
)
def test_a_disturbed_segment_is_followed(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    disturb: Callable[[Path], None],
    harm: str,
    sync: str,
) -> None:
    log = open_log(logs := tmp_path / "logs", log_sync=sync)
    log.write([line()])
    (left,) = segments(logs)
    with caplog.at_level(logging.WARNING):
        disturb(logs)
        note = wait_until(lambda: disturbed(logs), "the note", SOON)
        log.write([last := line()])
        follower = segments(logs)[-1]
        assert ids_of(last)[0].encode() in follower.read_bytes()
        log.stop()
    name = SegmentName.of(left)
    assert note["details"]["segment"] == str(name)
    assert note["details"]["harm"] == harm
    (said,) = (record.getMessage() for record in caplog.records)
    assert str(name) in said and harm in said and str(logs / FOLDER) in said
    assert SegmentName.of(follower).number == name.number + 1
    sealed = segments(logs)[-1]
    assert is_as_sealed(sealed, sealed.read_bytes())


def disturbed(logs: Path) -> Any:
    """Return the note, as soon as it is there."""
    for segment in segments(logs):
        with suppress(FileNotFoundError):  # sealed just now: under another name the next time
            for text in segment.read_bytes().splitlines():
                if text.startswith(b'{"note":"disturbed"'):
                    return json.loads(text)
    return None


def test_a_moved_segment_is_sealed_there(tmp_path: Path) -> None:
    log = open_log(logs := tmp_path / "logs")
    log.write([first := line()])
    move_folder(logs)
    log.write([second := line()])  # nobody has looked yet: it goes with the first
    wait_until(lambda: disturbed(logs), "the note", SOON)
    moved = aside(logs)
    (sealed,) = wait_until(lambda: sealed_segments(moved / FOLDER), "the moved one sealed", SOON)
    assert is_as_sealed(sealed, sealed.read_bytes())
    assert logged_ids(moved) == ids_of(first) + ids_of(second)
    log.write([third := line()])
    log.stop()
    assert logged_ids(logs) == ids_of(third)
    for file in (moved / FOLDER).iterdir():
        file.rename(logs / FOLDER / file.name)
    assert read(tmp_path, logs=logs)["prediction_id"].tolist() == [
        each for sent in (first, second, third) for each in ids_of(sent)
    ]


def test_a_brief_move_changes_nothing(tmp_path: Path) -> None:
    log = open_log(logs := tmp_path / "logs")
    log.write([first := line()])
    move_folder(logs)
    (aside(logs) / FOLDER).rename(logs / FOLDER)
    log.write([second := line()])
    log.stop()
    assert logged_ids(logs) == ids_of(first) + ids_of(second)
    assert len(segments(logs)) == 1


@pytest.mark.parametrize("sync", ["interval", "always"])
def test_moves_under_load_lose_no_prediction(tmp_path: Path, sync: str) -> None:
    publish_iris(tmp_path / "models")
    logs = tmp_path / "logs"
    more = {"LOG_SYNC": sync, "API_WORKERS": "2", "LOG_SEGMENT_BYTES": "20000"}
    with running_api(tmp_path, **more) as api, Clients(api.url) as clients:
        for number in range(2):
            clients.wait_for_more()
            (logs / FOLDER).rename(logs / f"old-{number}")
            # No note is owed if all segments were sealed just then: those stay whole.
            wait_until((logs / FOLDER).is_dir, "another folder", SOON)
            clients.wait_for_more()
    assert clients.refused == []
    kept = {*check_whole(logs)}
    for number in range(2):
        (logs / FOLDER).rename(logs / "last")
        (logs / f"old-{number}").rename(logs / FOLDER)
        kept |= {*check_whole(logs)}
        assert open_segments(logs / FOLDER) == []
        (logs / FOLDER).rename(logs / f"old-{number}")
        (logs / "last").rename(logs / FOLDER)
    assert kept >= {*clients.ids}


def test_a_failed_seal_holds_up_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.log.prediction_log.SEGMENT_SECONDS", 0.1)
    log = open_log(tmp_path)
    log.write([first := line()])
    (segment,) = segments(tmp_path)
    in_the_way = sealed_name(segment, crc32(segment.read_bytes()))
    in_the_way.mkdir()
    wait_until(lambda: in_the_way.name in caplog.text, "the seal to fail", SOON)
    log.write([second := line()])
    wait_until(lambda: not segments(tmp_path)[-1].name.endswith(OPEN), "the other", SOON)
    in_the_way.rmdir()
    wait_until(in_the_way.exists, "the first one sealed", SOON)
    log.stop()
    assert logged_ids(tmp_path) == ids_of(first) + ids_of(second)


def test_other_files_hold_up_no_seal(tmp_path: Path) -> None:
    (tmp_path / FOLDER / f"000001-0a0a0a0a-000000000{OPEN}").mkdir(parents=True)
    (tmp_path / FOLDER / "old").mkdir()
    left = crashed(tmp_path, line())
    log = open_log(tmp_path, log_max_bytes=1)
    wait_until(lambda: not left.exists(), "it sealed", SOON)
    log.stop()
    assert {file.name for file in (tmp_path / FOLDER).iterdir() if file.is_dir()} == {
        "old",
        f"000001-0a0a0a0a-000000000{OPEN}",
    }
