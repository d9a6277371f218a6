"""The logs of an archive are read as one, and what is not in it is named."""

import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

from service.api.log import feedback
from service.contract.errors import StoreError
from service.contract.log.archive import STATE, WANTED, LogState, read_state, write_state
from service.contract.log.segment import FOLDER, open_segments, stem
from service.lab.log import reader
from service.lab.log.archive import archive as archive_module
from service.lab.log.archive.copy import ArchiveCopy
from tests.support.archive import archived_log, contents, state
from tests.support.log_lines import ids_of, line
from tests.support.s3 import S3, environment


def copy_of(folder: Path, s3: S3) -> ArchiveCopy:
    copy = ArchiveCopy(s3.url, folder / "copy")
    with environment(s3.environment):
        assert copy.archive.objects
    return copy


def read(folder: Path, s3: S3) -> tuple[pd.DataFrame, list[str]]:
    """Read an archive, and list what the reader warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = reader.read(copy_of(folder, s3), "iris")
    return table, [str(each.message) for each in caught]


def ids(table: pd.DataFrame) -> list[str]:
    return [*table["prediction_id"]]


def archived(folder: Path, s3: S3, count: int = 1) -> list[str]:
    """Write and archive a log of so many segments; return the ids in it."""
    sent = [line() for _ in range(count)]
    with archived_log(folder, s3, log_segment_bytes=1) as log:
        for each in sent:
            log.write([each])
    return [i for each in sent for i in ids_of(each)]


def keys(s3: S3) -> list[str]:
    return sorted(contents(s3))


def change_state(s3: S3, **change: Any) -> None:
    """Change what the only replica said."""
    objects = s3.objects()
    (key,) = [entry.key for entry in objects.list("") if entry.key.endswith(STATE)]
    found = read_state(objects.get(key).content)
    assert found is not None
    objects.put(key, write_state(cast(LogState, {**found, **change})))


def test_all_logs_are_read_together(tmp_path: Path, s3: S3) -> None:
    sent = [i for name in "abc" for i in archived(tmp_path / name, s3, 2)]
    for _ in range(2):
        table, warned = read(tmp_path, s3)
        assert ids(table) == sorted(sent)
        assert warned == []
    assert [*tmp_path.glob("copy/**/*.jsonl")] == []
    assert len([*tmp_path.glob("copy/*/*/*.parquet")]) == 6


def test_an_empty_archive(tmp_path: Path, s3: S3) -> None:
    table, warned = read(tmp_path, s3)
    assert len(table) == 0 and warned == []


def test_each_read_sees_what_was_written(tmp_path: Path, s3: S3) -> None:
    sent: list[str] = []
    logs = [tmp_path / name for name in ("a", "b")]
    with archived_log(logs[0], s3) as one, archived_log(logs[1], s3) as two:
        for _ in range(3):
            for log in (one, two):
                log.write([text := line()])
                sent += ids_of(text)
            table, warned = read(tmp_path, s3)
            assert ids(table) == sent
            assert warned == []


def test_readers_wish_at_once(tmp_path: Path, s3: S3) -> None:
    copies = [copy_of(tmp_path, s3) for _ in range(4)]
    with archived_log(tmp_path / "a", s3) as log, ThreadPoolExecutor(4) as pool:
        for number in range(1, 4):
            log.write([line()])
            found = pool.map(lambda copy: reader.read(copy, "iris"), copies)
            assert [len(table) for table in found] == [number] * 4


def test_a_read_copies_new_segments(tmp_path: Path, s3: S3) -> None:
    archived(tmp_path / "a", s3)
    copy = copy_of(tmp_path, s3)
    reader.read(copy, "iris")
    for key in keys(s3):
        s3.objects().put(key, b"not read again")
    assert len(reader.read(copy, "iris")) == 1


def test_feedback_joins_across_replicas(tmp_path: Path, s3: S3) -> None:
    (asked,) = archived(tmp_path / "a", s3)
    with archived_log(tmp_path / "b", s3) as log:
        feedback.keep(log, [{"id": asked, "truth": "large"}], "test")
    table, warned = read(tmp_path, s3)
    assert table["truth"].tolist() == ["large"]
    assert table.attrs["unmatched_feedback"] == 0 and warned == []


# What is missing or wrong.


def test_a_changed_object_is_named(tmp_path: Path, s3: S3) -> None:
    sent = archived(tmp_path / "a", s3, 3)
    objects, key = s3.objects(), keys(s3)[1]
    objects.put(key, objects.get(key).content.replace(b"iris", b"iriS"))
    for _ in range(2):
        table, warned = read(tmp_path, s3)
        assert ids(table) == [sent[0], sent[2]]
        (said,) = warned
        assert said.startswith(f"{s3.url}/{key}, line 2 is damaged and left out")


@pytest.mark.parametrize("is_copied", [False, True])
def test_a_missing_object_is_named(tmp_path: Path, s3: S3, is_copied: bool) -> None:
    sent = archived(tmp_path / "a", s3, 4)
    if is_copied:
        read(tmp_path, s3)
    s3.objects().delete(keys(s3)[1])
    table, warned = read(tmp_path, s3)
    assert ids(table) == [sent[0], *sent[2:]]
    (said,) = warned
    assert re.match(r"Log [0-9a-f]{16} of \S+: Segment 2, between .* is missing", said)


def test_missing_newest_objects_are_named(tmp_path: Path, s3: S3) -> None:
    archived(tmp_path / "a", s3, 4)
    for key in keys(s3)[2:]:
        s3.objects().delete(key)
    (said,) = read(tmp_path, s3)[1]
    assert "Segments 3 to 4, after 000002-" in said
    assert "were archived, and are missing." in said


def test_what_a_bucket_expires_is_silent(tmp_path: Path, s3: S3) -> None:
    sent = archived(tmp_path / "a", s3, 4)
    read(tmp_path, s3)
    for key in keys(s3)[:2]:
        s3.objects().delete(key)
    for _ in range(2):
        table, warned = read(tmp_path, s3)
        assert ids(table) == sent[2:] and warned == []
    for entry in [*s3.objects().list("")]:
        s3.objects().delete(entry.key)
    table, warned = read(tmp_path, s3)
    assert len(table) == 0 and warned == []
    assert [*tmp_path.glob("copy/**/*.parquet")] == []


def test_other_objects_are_named(tmp_path: Path, s3: S3) -> None:
    sent = archived(tmp_path / "a", s3)
    objects, (key,) = s3.objects(), keys(s3)
    log, name = key.split("/")
    content = objects.get(key).content
    for each in ("README", f"{log}/notes.txt", f"not-a-log/{name}", f"{log}/{'*'}.jsonl"):
        objects.put(each, content)
    objects.put(f"{log}/{name.split('.')[0]}.00000000.jsonl", content[:-20])
    objects.put("0123456789abcdef/state.json", b'{"replica": 1}')
    table, warned = read(tmp_path, s3)
    assert ids(table) == sent
    assert len(warned) == 6
    assert all(said.startswith(f"{s3.url}/") for said in warned)
    assert sum("is no part of an archive of logs" in said for said in warned) == 4
    assert any(f"is left out: '{name}' is of the same segment" in said for said in warned)
    assert any("is no replica's report" in said for said in warned)


def test_a_silent_replica_is_named(tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "ANSWER_SECONDS", 0.5)
    sent = archived(tmp_path / "a", s3)
    change_state(s3, ended=False, waiting={"000002-ab-000000002": 7})
    table, warned = read(tmp_path, s3)
    assert ids(table) == sent
    (said,) = warned
    replica = state(s3)["replica"]
    assert said.startswith(f"Replica {replica} has not answered since 20")
    assert "Segment 000002-ab-000000002, with 7 lines by then" in said
    key = re.search(r"delete (\S+), and", said)
    assert key is not None
    s3.objects().delete(key[1].removeprefix(f"{s3.url}/"))
    assert read(tmp_path, s3)[1] == []


def test_nobody_waits_for_the_dead(tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "GONE", timedelta(seconds=-60))
    monkeypatch.setattr(archive_module, "ANSWER_SECONDS", 3600)
    archived(tmp_path / "a", s3)
    change_state(s3, ended=False)
    (said,) = read(tmp_path, s3)[1]
    assert "What it logged later, if anything, is not in the archive" in said


def test_a_wish_that_was_deleted(tmp_path: Path, s3: S3) -> None:
    with archived_log(tmp_path / "a", s3) as log:
        for number in range(1, 4):
            log.write([line()])
            table, warned = read(tmp_path, s3)
            assert len(table) == number and warned == []
            s3.objects().delete(WANTED)


def test_an_unreachable_archive_is_an_error(tmp_path: Path, s3: S3) -> None:
    missing = S3(s3.endpoint, bucket="missing")
    with pytest.raises(StoreError, match="no such bucket"):
        read(tmp_path, missing)


def test_torn_ends_are_counted(tmp_path: Path, s3: S3) -> None:
    archived(tmp_path / "a", s3)
    ((key, _),) = contents(s3).items()
    s3.objects().put(f"{key.split('.')[0]}.torn", b'{"model":"ir')
    table, warned = read(tmp_path, s3)
    assert table.attrs["torn_lines"] == 1 and warned == []


def test_an_open_segment_is_no_gap(tmp_path: Path, s3: S3) -> None:
    """A worker's segment may be open while a later one of another worker is archived."""
    with archived_log(tmp_path / "a", s3) as one:
        one.write([line()])
        with archived_log(tmp_path / "a", s3) as two:
            two.write([line()])
        (left,) = open_segments(tmp_path / "a" / FOLDER)
        copy = copy_of(tmp_path, s3)
        listing = copy.archive.listing()
        with copy._files(listing, set()) as (files, missing):
            assert files.damage == [] and not missing
        (log,) = listing.logs.values()
        assert [*map(str, log.waiting)] == [stem(left)]
