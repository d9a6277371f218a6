"""Kills, full disks and failing operations lose no acknowledged line."""

import errno
import fcntl
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.contract.errors import LogWriteError
from service.contract.log.segment import FOLDER, TORN
from tests.api.log.clients import Clients, check_whole
from tests.support.disks import mounted
from tests.support.faults import Fault
from tests.support.live import LiveApi, running_api, served_by, wait_until
from tests.support.log_lines import ids_of, line, open_log, read, records, segments
from tests.support.models import publish_iris
from tests.support.soak import times

_context = multiprocessing.get_context("fork")


# Kills.


def test_killed_workers_lose_no_acknowledged_prediction(tmp_path: Path) -> None:
    publish_iris(tmp_path / "models")
    kills, dice = times(200, 1), random.Random(0)
    with running_api(tmp_path, API_WORKERS="2", DEFAULT_MODEL="iris") as api:

        def workers(api: LiveApi = api) -> list[int]:
            return served_by(api, "iris")

        wait_until(lambda: len(workers()) == 2, "both workers")
        with Clients(api.url) as clients:
            for _ in range(kills):
                clients.wait_for_more(dice.randint(1, times(900, 100)))
                killed = dice.choice(workers())
                os.kill(killed, signal.SIGKILL)
                wait_until(
                    lambda: len(now := workers()) == 2 and killed not in now,  # noqa: B023
                    "another worker",
                )
            while len(clients.ids) < times(100_000, 500):
                clients.wait_for_more()
        lab = api.lab()
    logged = check_whole(tmp_path / "logs")
    assert set(clients.ids) <= set(logged)
    assert clients.refused == []
    torn = len([*(tmp_path / "logs" / FOLDER).glob(f"*{TORN}")])
    table = lab.predictions("iris")
    assert sorted(table["prediction_id"]) == sorted(logged)
    assert table.attrs["torn_lines"] == torn <= kills


def test_a_stop_fails_no_accepted_request(tmp_path: Path) -> None:
    publish_iris(tmp_path / "models")
    dice = random.Random(0)
    with Clients() as clients:
        for _ in range(times(100, 2)):
            with running_api(tmp_path) as api:
                clients.url = api.url
                clients.wait_for_more(dice.randint(1, 300))
                api.process.send_signal(signal.SIGTERM)
                api.process.wait(30)
    assert sorted(check_whole(tmp_path / "logs")) == sorted(clients.ids)
    assert clients.refused == []
    assert read(tmp_path / "logs").attrs["torn_lines"] == 0


# Disks.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 1 MB."""
    with mounted("1m") as disk:
        yield disk


def test_a_full_disk_acknowledges_only_written(tmp_path: Path, small_disk: Path) -> None:
    publish_iris(tmp_path / "models")
    for number in range(3):
        (small_disk / f"ballast-{number}").write_bytes(b"x" * 200_000)
    running = running_api(tmp_path, LOGS_DIR=str(small_disk))
    with running as api, api.http() as http, Clients(api.url) as clients:
        for number in range(3):
            wait_until(lambda: clients.refused, "a full disk")
            assert set(clients.refused) == {503}
            ready = wait_until(lambda: not_ready(http), "the API to say that it is not ready")
            assert str(small_disk) in ready.json()["error"]
            assert "No space left on device" in ready.json()["error"]
            assert int(ready.headers["Retry-After"]) > 0
            assert http.get("/health/live").is_success
            (small_disk / f"ballast-{number}").unlink()
            began = time.monotonic()
            clients.wait_for_more(1)
            assert http.get("/health/ready").is_success
            assert time.monotonic() - began < 5
            clients.refused.clear()
        wait_until(lambda: clients.refused, "a full disk")
    assert set(check_whole(small_disk)) == set(clients.ids)
    assert "recovered" in {record.get("note") for record in records(small_disk)}
    assert read(tmp_path, logs=small_disk).attrs["torn_lines"] == 0


def not_ready(http: httpx.Client) -> httpx.Response | None:
    """Return the answer if it is a refusal; a nearly full disk still takes a short line."""
    response = http.get("/health/ready")
    return None if response.is_success else response


def test_a_bounded_log_spares_its_disk(tmp_path: Path, small_disk: Path) -> None:
    publish_iris(tmp_path / "models")
    bounds = {"LOGS_DIR": str(small_disk), "LOG_MAX_BYTES": "400000"}
    with running_api(tmp_path, **bounds) as api, Clients(api.url) as clients:
        wait_until(lambda: len(clients.ids) > 6000, "more than the disk could hold")
    assert clients.refused == []
    kept = check_whole(small_disk)
    assert set(kept) <= set(clients.ids)
    assert 100 < len(kept) < len(clients.ids)


# Every operation on files that the log makes, each in its turn, goes wrong.

OPERATIONS = [
    (os, "open"), (os, "write"), (os, "fdatasync"), (os, "fsync"), (os, "ftruncate"),
    (os, "fstat"), (os, "stat"), (fcntl, "flock"), (os, "rename"), (os, "unlink"),
    (os, "mkdir"), (Path, "iterdir"), (Path, "write_bytes"), (Path, "read_bytes"),
]  # fmt: skip


def write_with_a_fault(folder: Path, sync: str, fault: Fault, told: Any) -> None:
    """Write ten lines in several segments; tell which were acknowledged."""
    for owner, name in OPERATIONS:
        fault.wrap(owner, name)
    log = open_log(folder, log_sync=sync, log_segment_bytes=1500)
    for _ in range(10):
        sent = line()
        try:
            log.write([sent])
        except LogWriteError:
            continue
        told.send(ids_of(sent)[0])
    log.stop()
    told.send("the end" if fault.count < fault.at else "done")


def all_of(heard: Any) -> Iterator[Any]:
    """Return what a process tells, until it ends."""
    with suppress(EOFError):
        while heard.poll(60):
            yield heard.recv()


@pytest.mark.parametrize("sync", ["always", "interval"])
@pytest.mark.parametrize("crash", [False, True], ids=["error", "crash"])
def test_failing_operations_lose_no_acknowledged_line(
    tmp_path: Path, sync: str, crash: bool
) -> None:
    for at in range(1, 500, times(1, 3)):
        folder = tmp_path / str(at)
        open_log(folder).stop()
        heard, told = _context.Pipe(duplex=False)
        process = _context.Process(
            target=write_with_a_fault, args=(folder, sync, Fault(at, crash, errno.EIO), told)
        )
        process.start()
        told.close()
        acknowledged = [*all_of(heard)]
        process.join(10)
        assert process.exitcode in ((0, 99) if crash else (0,))
        end = acknowledged.pop() if process.exitcode == 0 else ""
        open_log(folder).stop()  # the next start
        logged = check_whole(folder)
        assert set(acknowledged) <= set(logged)
        if not crash:
            assert len(acknowledged) >= 9
        if end == "the end":
            break  # there is no such operation any more: all were tried
        shutil.rmtree(folder)
    assert at > 40


# The copy.


def count_rows(folder: Path, fault: Fault, told: Any) -> None:
    for owner, name in [*OPERATIONS[:1], (os, "fsync"), (os, "rename"), (Path, "write_text")]:
        fault.wrap(owner, name)
    told.send(read(folder)["prediction_id"].tolist())


def test_a_killed_copy_is_made_again(tmp_path: Path) -> None:
    log = open_log(tmp_path, log_segment_bytes=1)
    sent: list[str] = []
    steps = 0
    for at in range(1, times(1001, 41)):
        for _ in range(times(1, 3)):
            log.write([one := line()])
            sent += ids_of(one)
        heard, told = _context.Pipe(duplex=False)
        process = _context.Process(
            target=count_rows, args=(tmp_path, Fault(1 + at % 40, True, errno.EIO), told)
        )
        process.start()
        told.close()
        answers = [*all_of(heard)]
        assert answers in ([], [sent])
        steps += not answers
        process.join()
    log.stop()
    assert steps > 5
    assert read(tmp_path)["prediction_id"].tolist() == sent
    assert len(segments(tmp_path)) == len(sent)
    assert len({record["sequence"] for record in records(tmp_path)}) == 2 * len(sent)
