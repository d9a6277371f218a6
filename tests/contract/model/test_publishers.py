"""Many publishers, killed at any moment, leave a whole store."""

import errno
import multiprocessing
import os
import random
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.contract.model.store import ModelStore
from tests.support.faults import Fault, outcome
from tests.support.models import write_files
from tests.support.soak import times

_context = multiprocessing.get_context("fork")


def publish(root: Path, count: int, live: bool = True) -> None:
    store = ModelStore(root)
    for _ in range(count):
        version = store.add("m", write_files)
        if live:
            store.promote("m", version)


def start(*arguments: Any) -> Any:
    process = _context.Process(target=publish, args=arguments)
    process.start()
    return process


def check(root: Path, seen: int = 0) -> int:
    """Check that all versions that can be seen are whole and without a gap; return how many."""
    store = ModelStore(root)
    versions = store.versions("m")
    assert versions == [*range(1, len(versions) + 1)]
    for version in versions[seen:]:
        store.check_files("m", version)
    assert store.aliases("m").live in (None, *versions)
    return len(versions)


def leftovers(root: Path) -> list[str]:
    return [entry.name for entry in (root / "m").iterdir() if entry.name.startswith(".")]


def test_eight_publishers_leave_no_gap(tmp_path: Path) -> None:
    count = times(100, 12)
    processes = [start(tmp_path, count, False) for _ in range(8)]
    seen = 0
    while any(process.is_alive() for process in processes):
        seen = check(tmp_path, seen)  # while they write
    assert [process.exitcode for process in processes] == [0] * 8
    assert check(tmp_path) == 8 * count
    assert leftovers(tmp_path) == []


def test_killed_publishers_leave_whole_stores(tmp_path: Path) -> None:
    dice = random.Random(0)
    seen = 0
    for _ in range(times(200, 20)):
        killed, other = start(tmp_path, 1000), start(tmp_path, 3)
        enough = seen + dice.randint(1, 4)
        store = ModelStore(tmp_path)
        while len(store.versions("m")) < enough:
            assert killed.is_alive()
        for _ in range(dice.randint(0, 20_000)):
            pass  # at no particular moment
        os.kill(killed.pid, signal.SIGKILL)
        killed.join()
        other.join(30)
        assert other.exitcode == 0
        seen = check(tmp_path, seen)
    publish(tmp_path, 1)
    assert check(tmp_path) == seen + 1
    assert ModelStore(tmp_path).aliases("m").live == seen + 1
    assert leftovers(tmp_path) == []


# Every operation on files that the store makes, each in its turn, goes wrong.

OPERATIONS = [
    (os, "open"), (os, "fsync"), (os, "mkdir"), (os, "rename"), (os, "replace"), (os, "chmod"),
    (os, "fchmod"), (os, "write"), (os, "fdopen"), (Path, "open"),
]  # fmt: skip


def publish_one(root: Path) -> None:
    try:
        publish(root, 1)
    except OSError as error:
        assert error.errno == errno.ENOSPC
        raise


@pytest.mark.parametrize("crash", [False, True], ids=["error", "crash"])
def test_failing_operations_leave_whole_stores(tmp_path: Path, crash: bool) -> None:
    for at in range(1, 200):
        root = tmp_path / str(at)
        publish(root, 2)
        came = outcome(
            partial(publish_one, root), OPERATIONS, Fault(at, crash, errno.ENOSPC), OSError
        )
        if came == "not reached":
            break  # there is no such operation any more: all were tried
        before = check(root)
        assert came != "passed over" or before == 3, "an error was swallowed"
        live = ModelStore(root).aliases("m").live
        assert live in (2, before)
        publish(root, 1)
        assert check(root) == ModelStore(root).aliases("m").live == before + 1
        assert leftovers(root) == []
        shutil.rmtree(root)
    assert at > 20
