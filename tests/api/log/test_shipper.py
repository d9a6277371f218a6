"""Sealed segments go to an object store, each once, and none is deleted here before it is there."""

import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from service.api.log import shipper as shipper_module
from service.contract.errors import LogWriteError, SettingError
from service.contract.log.archive import ID_FILE, WANTED
from service.contract.log.segment import FOLDER, SHIPPED, SegmentName
from service.contract.objects.objects import PART_BYTES
from tests.support.archive import (
    archived_ids,
    archived_log,
    contents,
    is_shipped,
    numbers,
    state,
    wait_until_shipped,
    writer,
)
from tests.support.disks import fill, mounted
from tests.support.live import free_ports, wait_until
from tests.support.log_lines import crashed, ids_of, line, open_log, segments, written
from tests.support.s3 import READER, S3
from tests.support.s3_proxy import Traffic, proxied
from tests.support.soak import times


def test_sealed_segments_are_shipped(tmp_path: Path, s3: S3) -> None:
    with archived_log(tmp_path, s3, log_segment_bytes=1) as log:
        sent = [line(rows=2) for _ in range(3)]
        for each in sent:
            log.write([each])
        wait_until_shipped(tmp_path)
        assert archived_ids(s3) == [i for each in sent for i in ids_of(each)]
        wait_until(lambda: state(s3)["shipped"] == 3, "the report")
        assert state(s3)["waiting"] == {} and not state(s3)["ended"]
    assert state(s3)["ended"]
    (last,) = (tmp_path / FOLDER).glob(f"*{SHIPPED}")
    assert last.stat().st_size == 0


def test_a_stop_seals_and_ships(tmp_path: Path, s3: S3) -> None:
    with archived_log(tmp_path, s3) as log:
        log.write([text := line()])
        wait_until(lambda: [*state(s3)["waiting"].values()] == [2], "the report of two lines")
        assert contents(s3) == {}
    assert archived_ids(s3) == ids_of(text)
    assert state(s3) | {"waiting": {}, "ended": True} == state(s3)


def test_numbers_rise_after_a_restart(tmp_path: Path, s3: S3) -> None:
    for _ in range(3):
        with archived_log(tmp_path, s3) as log:
            log.write([line()])
        assert is_shipped(tmp_path)
    assert numbers(s3) == [1, 2, 3]
    assert len({key.split("/")[0] for key in contents(s3)}) == 1
    log = open_log(tmp_path, log_max_age="1s")  # without an archive
    log.write([line()])
    log.stop()
    assert SegmentName.of(segments(tmp_path)[0]).number == 4


def test_a_wish_has_all_shipped(tmp_path: Path, s3: S3) -> None:
    with archived_log(tmp_path, s3) as one, archived_log(tmp_path, s3) as two:
        sent = [line(), line()]
        one.write(sent[:1])
        two.write(sent[1:])
        s3.objects().put(WANTED, b"7")
        wait_until(lambda: state(s3)["wish"] == 7, "the wish to be fulfilled", 10)
        assert sorted(archived_ids(s3)) == sorted(i for each in sent for i in ids_of(each))
        assert state(s3)["waiting"] == {}
        one.write([line()])
        wait_until(lambda: len(state(s3)["waiting"]) == 1, "the next segment to be told")


def test_the_shipping_worker_is_followed(tmp_path: Path, s3: S3) -> None:
    with writer(tmp_path, s3, 1) as first, writer(tmp_path, s3, 1) as second:
        assert first.stdout and second.stdout
        ids = [first.stdout.readline().strip(), second.stdout.readline().strip()]
        wait_until(lambda: sorted(archived_ids(s3)) == sorted(ids), "both segments")
        first.kill()
        s3.objects().put(WANTED, b"1")
        wait_until(lambda: state(s3)["wish"] == 1, "the other worker to answer")
        second.communicate("")
    assert state(s3)["ended"]


# What goes wrong.


def killed_at(
    folder: Path, s3: S3, number: int, when: str
) -> tuple[list[str], bool]:  # ids, whether it was killed
    """Let a process write and end, and kill it at a request; the next one ships the rest."""
    with proxied(s3) as (through, traffic):
        process: list[subprocess.Popen[str]] = []

        def kill(now: int) -> None:
            if now == number:
                process[0].kill()

        setattr(traffic, when, kill)
        with writer(folder, through, 3) as started:
            process.append(started)
            said, _ = started.communicate("", timeout=60)
    ids = said.split()
    with archived_log(folder, s3) as log:
        log.write([text := line()])
    return ids + ids_of(text), process[0].returncode == -signal.SIGKILL


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_each_request(tmp_path: Path, s3: S3, when: str) -> None:
    number, was_killed = times(1, 1 if when == "before" else 3), True
    while was_killed:
        folder, place = tmp_path / f"{number}", s3.below(f"{s3.prefix}/{number}")
        ids, was_killed = killed_at(folder, place, number, when)
        found = archived_ids(place)
        assert len(found) == len({*found}) and {*ids} <= {*found}, number
        assert numbers(place) == [*range(1, len(found) + 1)]
        assert is_shipped(folder)
        assert state(place)["ended"] and state(place)["waiting"] == {}
        number += times(1, 4)
    assert number > 9


def test_twice_is_once(tmp_path: Path, s3: S3) -> None:
    with archived_log(tmp_path, s3, log_segment_bytes=1) as log:
        log.write([line()])
        wait_until_shipped(tmp_path)
    ((key, content),) = contents(s3).items()
    # As after a power cut that brought the file back.
    back = tmp_path / FOLDER / key.split("/")[1]
    back.write_bytes(content)
    with archived_log(tmp_path, s3):
        wait_until_shipped(tmp_path)
    assert contents(s3) == {key: content}


def test_other_content_is_kept(tmp_path: Path, s3: S3, caplog: pytest.LogCaptureFixture) -> None:
    with archived_log(tmp_path, s3):
        pass
    log = (tmp_path / FOLDER / "archive.id").read_text()
    kept, sent = written(tmp_path, line()), line()
    key = f"{log}/{kept.name}"
    s3.objects().put(key, b"something else")
    with archived_log(tmp_path, s3) as opened:
        opened.write([sent])
    assert kept.exists()
    assert contents(s3)[key] == b"something else"
    (said,) = [each for each in caplog.messages if "is not what" in each]
    assert f"{s3.url}/{key} is there already, and is not what {kept} holds" in said
    assert not state(s3)["ended"]
    assert state(s3)["waiting"] == {kept.name.split(".")[0]: 2}
    s3.objects().delete(key)
    with archived_log(tmp_path, s3):
        wait_until_shipped(tmp_path)
    assert ids_of(sent)[0] in archived_ids(s3)


def test_damage_is_shipped_as_it_is(
    tmp_path: Path, s3: S3, caplog: pytest.LogCaptureFixture
) -> None:
    file = written(tmp_path, line())
    damaged = file.read_bytes().replace(b"iris", b"iriS")
    file.write_bytes(damaged)
    with archived_log(tmp_path, s3):
        wait_until_shipped(tmp_path)
    assert [*contents(s3).values()] == [damaged]
    assert f"Segment {file} is not what was sealed. It is archived as it is." in caplog.messages


def test_another_api_ships_the_rest(tmp_path: Path, s3: S3) -> None:
    texts = [line() for _ in range(3)]
    written(tmp_path, texts[0])  # sealed, by one that had no archive
    crashed(tmp_path, texts[1], torn=b'{"model":"ir')
    with archived_log(tmp_path, s3) as log:
        log.write([texts[2]])
    torn = {key: each for key, each in contents(s3).items() if key.endswith(".torn")}
    assert [*torn.values()] == [b'{"model":"ir']
    for key in torn:
        s3.objects().delete(key)
    assert archived_ids(s3) == [i for each in texts for i in ids_of(each)]
    assert is_shipped(tmp_path)


def test_large_segments_travel_in_parts(tmp_path: Path, s3: S3) -> None:
    large = line(client="x" * (2 * PART_BYTES))
    with proxied(s3) as (through, traffic), archived_log(tmp_path, through) as log:
        log.write([large])
        log.stop()
        assert sum("partNumber" in asked for asked in traffic.asked) >= 2
    assert archived_ids(s3) == ids_of(large)


def test_an_unreachable_store_delays(
    tmp_path: Path, s3: S3, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper_module, "PAUSES", (0.05,))
    with proxied(s3) as (through, traffic):
        traffic.breaks = lambda number: True
        with archived_log(tmp_path, through, log_segment_bytes=1) as log:
            sent = [line() for _ in range(3)]
            for each in sent:
                log.write([each])
            shipper = log.shipper
            assert shipper is not None
            wait_until(lambda: shipper.report()["problem"], "the problem to be found")
            assert len(segments(tmp_path)) == 3
            assert log.problem is None
            traffic.breaks = lambda number: False
            wait_until_shipped(tmp_path)
            wait_until(lambda: shipper.report()["problem"] is None, "it to go right")
    assert archived_ids(s3) == [i for each in sent for i in ids_of(each)]
    begin = f"Archive of the prediction log in {tmp_path}/"
    assert len([each for each in caplog.messages if each.startswith(begin)]) == 1


def test_a_stop_ends_in_time(tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipper_module, "SHIP_SECONDS", 0.3)
    nobody = replace(s3, endpoint=f"http://127.0.0.1:{free_ports(1)[0]}")
    with archived_log(tmp_path, nobody) as log:
        log.write([text := line()])
    (kept,) = segments(tmp_path)
    with archived_log(tmp_path, s3):
        wait_until_shipped(tmp_path)
    assert archived_ids(s3) == ids_of(text)
    assert not kept.exists()


WRONG: dict[str, Callable[[S3], S3]] = {
    "does not accept the credentials": lambda s3: replace(s3, secret="wrong"),
    "may not write": lambda s3: replace(s3, key=READER, secret=f"secret-of-{READER}"),
    "no such bucket": lambda s3: replace(s3, bucket="missing"),
}


@pytest.mark.parametrize("said", WRONG)
def test_what_is_wrong_is_said_once(
    tmp_path: Path,
    s3: S3,
    said: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shipper_module, "PAUSES", (0.01,))
    monkeypatch.setattr(shipper_module, "SHIP_SECONDS", 0.3)
    with proxied(WRONG[said](s3)) as (through, traffic), archived_log(tmp_path, through) as log:
        log.write([line()])
        wait_until(lambda: len(traffic.asked) > 4, "some tries")
        begin = f"Archive of the prediction log in {tmp_path}/"
        (message,) = [each for each in caplog.messages if each.startswith(begin)]
        assert said in message


def test_retention_deletes_nothing_unshipped(
    tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = replace(s3, endpoint=f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.setattr(shipper_module, "SHIP_SECONDS", 0.3)
    with archived_log(tmp_path, nobody, log_max_bytes=1, log_max_age="1s") as log:
        sent = [line() for _ in range(5)]
        for each in sent:
            log.write([each])
        log._delete()
        assert len(segments(tmp_path)) == 5
    with archived_log(tmp_path, s3):
        wait_until_shipped(tmp_path)
    assert archived_ids(s3) == [i for each in sent for i in ids_of(each)]


def test_a_full_disk_is_emptied(tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipper_module, "PAUSES", (0.05,))
    text = line(client="x" * 50_000)
    with mounted("1m") as disk, proxied(s3) as (through, traffic):
        traffic.breaks = lambda number: True
        with archived_log(disk, through, log_segment_bytes=100_000) as log:
            written_lines = 0
            with pytest.raises(LogWriteError, match="No space left on device"):
                while True:
                    log.write([text])
                    written_lines += 1
            fill(disk)
            traffic.breaks = lambda number: False
            wait_until(lambda: log.problem is None, "lines to be accepted", 20)
        assert is_shipped(disk)
    assert archived_ids(s3) == ids_of(text) * written_lines


def test_an_id_that_is_none(
    tmp_path: Path, s3: S3, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper_module, "SHIP_SECONDS", 0.3)
    written(tmp_path, line())
    (tmp_path / FOLDER / ID_FILE).write_text("mine")
    with archived_log(tmp_path, s3):
        wait_until(lambda: "This is no log's id" in caplog.text, "a message")
    assert contents(s3) == {} and len(segments(tmp_path)) == 1


def test_a_url_that_is_none(tmp_path: Path) -> None:
    with pytest.raises((SettingError, ValueError), match="s3://bucket"):
        open_log(tmp_path, archive_url="bucket/logs")


def polls(traffic: Traffic) -> int:
    return sum(asked.endswith(WANTED) for asked in traffic.asked)


def test_polls_carry_nothing(tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipper_module, "POLL_SECONDS", 0.05)
    s3.objects().put(WANTED, b"1")
    with proxied(s3) as (through, traffic), archived_log(tmp_path, through):
        wait_until(lambda: polls(traffic) > 5, "some polls")
        others = len(traffic.asked) - polls(traffic)
    assert others <= 4  # it said that it is there, and that it fulfilled the wish
