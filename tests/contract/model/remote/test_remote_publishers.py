"""Many labs that publish at once, killed at any request, leave a whole store."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.models import write_files
from tests.support.remote import publish, remote_store, started
from tests.support.s3 import S3
from tests.support.s3_proxy import proxied
from tests.support.soak import times

LABS = 5


def check(s3: S3, copies: Path) -> list[int]:
    """Check that all versions that can be seen are whole; return them."""
    store = remote_store(s3, copies)
    live = store.aliases("m").live
    versions = store.versions("m")
    assert live in (None, *versions)
    for version in versions:
        store.check_files("m", version)
    assert store.problem("m") is None
    return versions


@pytest.mark.parametrize("live", [False, True], ids=["published", "promoted"])
def test_labs_at_once_leave_no_gap(s3: S3, tmp_path: Path, live: bool) -> None:
    count = times(30, 4)
    processes = [started(publish, s3, tmp_path / str(n), count, live) for n in range(LABS)]
    while any(process.is_alive() for process in processes):
        check(s3, tmp_path / "reader")  # while they write
    assert [process.exitcode for process in processes] == [0] * LABS
    assert check(s3, tmp_path / "reader") == [*range(1, LABS * count + 1)]
    aliases = remote_store(s3, tmp_path / "reader").aliases("m")
    assert aliases.last == LABS * count
    if live:  # each was live once, and no change was lost
        assert sorted([*aliases.history, aliases.live or 0]) == [*range(1, LABS * count + 1)]
        assert aliases.generation == LABS * count


def delete_one(s3: S3, copies: Path) -> None:
    remote_store(s3, copies).delete("m", 1)


def roll_back(s3: S3, copies: Path) -> None:
    remote_store(s3, copies).rollback("m")


def publish_one(s3: S3, copies: Path) -> None:
    publish(s3, copies, 1)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("work", [publish_one, delete_one, roll_back])
def test_killed_at_every_request(
    s3: S3, tmp_path: Path, work: Callable[..., None], moment: str
) -> None:
    for at in range(1, 100):
        place, copies = s3.below(f"{s3.prefix}/{at}"), tmp_path / str(at)
        publish(place, copies, 2)
        with proxied(place) as (through, traffic):
            process: list[Any] = []

            def kill(number: int, at: int = at, process: list[Any] = process) -> None:
                if number == at:
                    os.kill(process[0].pid, signal.SIGKILL)

            setattr(traffic, moment, kill)
            process.append(started(work, through, copies))
            process[0].join()
        if process[0].exitcode == 0:
            break  # there is no such request any more: all were tried
        assert process[0].exitcode == -signal.SIGKILL
        seen = check(place, tmp_path / "reader" / str(at))
        assert seen in ([1, 2], [1, 2, 3], [2])
        store = remote_store(place, copies)
        # The same process may have left copies, too: none of them is half.
        for entry in (copies / "m").iterdir():
            assert not entry.name.isdigit() or int(entry.name) in (1, 2, 3)
        version = store.add("m", write_files)
        assert version in (3, 4)
        assert store.promote("m", version).live == version
        assert check(place, copies)[-1] == version
    assert at > 5
