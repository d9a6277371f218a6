"""A version is deleted whole or not at all, and its number is not used again."""

import errno
import multiprocessing
import os
import shutil
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from service.contract.errors import ArtifactError, InUseError, NotFoundError
from service.contract.model.store import ModelStore
from tests.support.faults import Fault, outcome
from tests.support.models import write_files

_context = multiprocessing.get_context("fork")


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    store = ModelStore(tmp_path)
    for _ in range(3):
        store.promote("m", store.add("m", write_files))
    return store


def entries(store: ModelStore) -> set[str]:
    return {entry.name for entry in (store.root / "m").iterdir()}


def test_errors_say_when_it_was_deleted(store: ModelStore) -> None:
    store.delete("m", 2)
    assert store.versions("m") == [1, 3]
    assert entries(store) == {"1", "3", "aliases.json"}
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    with pytest.raises(NotFoundError, match=rf"no version 2: it was deleted at {today} .* 1, 3\."):
        store.promote("m", 2)
    with pytest.raises(NotFoundError, match="it was deleted at"):
        store.delete("m", 2)
    with pytest.raises(NotFoundError, match=r"no version 9; published: 1, 3"):
        store.delete("m", 9)
    with pytest.raises(NotFoundError, match="There is no model 'n'"):
        store.delete("n", 1)
    assert not (store.root / ".n.lock").exists()


def test_the_live_version_is_refused(store: ModelStore) -> None:
    with pytest.raises(InUseError, match=r"Version 3 .* is live.*lab\.promote\('m', version\)"):
        store.delete("m", 3)
    assert store.versions("m") == [1, 2, 3]
    assert store.aliases("m").deleted == {}
    (store.root / "m" / "aliases.json").write_text("{")  # which one is live cannot be told
    with pytest.raises(ArtifactError, match=r"aliases\.json cannot be read"):
        store.delete("m", 1)


def test_numbers_are_never_used_again(store: ModelStore) -> None:
    store.rollback("m")
    store.delete("m", 3)  # the last number, which the history does not hold any more
    assert store.add("m", write_files) == 4
    shutil.rmtree(store.folder("m", 4))  # by hand, and never live
    assert store.promote("m", store.add("m", write_files)).live == 5
    store.rollback("m")
    for version in (1, 5):
        store.delete("m", version)
    assert store.add("m", write_files) == 6


def test_a_rollback_passes_over_deleted_ones(store: ModelStore) -> None:
    store.delete("m", 2)
    back = store.rollback("m")
    assert (back.live, back.passed_over, back.history) == (1, [2], [])
    with pytest.raises(NotFoundError, match="nothing to roll back to: live is 1"):
        store.rollback("m")
    store.promote("m", 3)
    store.delete("m", 1)
    with pytest.raises(
        NotFoundError, match=r"no version that was live before it is there \(deleted: 1\)"
    ):
        store.rollback("m")
    assert store.aliases("m").live == 3
    off = store.withdraw("m", 3)
    assert (off.live, off.passed_over) == (None, [1])


OPERATIONS = [
    (os, "open"), (os, "fsync"), (os, "rename"), (os, "replace"), (os, "fchmod"),
    (os, "write"), (os, "fdopen"), (os, "unlink"), (os, "rmdir"), (os, "scandir"),
]  # fmt: skip


@pytest.mark.parametrize("crash", [False, True], ids=["error", "crash"])
def test_whatever_fails_leaves_no_part(tmp_path: Path, crash: bool) -> None:
    for at in range(1, 200):
        root = tmp_path / str(at)
        store = ModelStore(root)
        for _ in range(3):
            store.promote("m", store.add("m", write_files))
        delete, fault = partial(store.delete, "m", 2), Fault(at, crash, errno.EIO)
        if outcome(delete, OPERATIONS, fault, (OSError, ArtifactError)) == "not reached":
            break  # there is no such operation any more: all were tried
        for version in store.versions("m"):
            store.check_files("m", version)
        assert store.versions("m") in ([1, 3], [1, 2, 3])
        assert store.aliases("m").live == 3
        assert store.add("m", write_files) == 4
        if store.has("m", 2):
            store.delete("m", 2)
        assert entries(store) == {"1", "3", "4", "aliases.json"}
        shutil.rmtree(root)
    assert at > 15


def test_many_delete_and_publish(tmp_path: Path) -> None:
    def work(own: int) -> None:
        mine = ModelStore(tmp_path)
        for number in range(8):
            version = mine.add("m", write_files)
            if number % 2 == own % 2:
                mine.delete("m", version)

    processes = [_context.Process(target=work, args=(own,)) for own in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    store = ModelStore(tmp_path)
    kept, deleted = store.versions("m"), [*store.aliases("m").deleted]
    assert sorted(kept + deleted) == [*range(1, 33)]
    assert len(kept) == 16
