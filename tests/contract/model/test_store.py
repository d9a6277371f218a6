"""Versions and aliases on disk. Many publishers at once: `test_publishers.py`."""

import subprocess
from pathlib import Path

import pytest

from service.contract.errors import ArtifactError, EstimatorError, NotFoundError
from service.contract.model.manifest import MODEL, Manifest
from service.contract.model.store import ModelStore
from tests.support.models import write_files


def publish_many(root: Path, count: int) -> None:
    store = ModelStore(root)
    for _ in range(count):
        store.promote("m", store.add("m", write_files))


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path)


def test_versions_are_numbered_from_one(store: ModelStore) -> None:
    assert [store.add("m", write_files) for _ in range(3)] == [1, 2, 3]
    assert store.versions("m") == [1, 2, 3]
    store.check_files("m", 3)
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    subprocess.run(command, cwd=store.folder("m", 3), check=True)


def test_a_write_that_fails_leaves_nothing(store: ModelStore) -> None:
    def fail(folder: Path) -> Manifest:
        write_files(folder)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        store.add("m", fail)
    assert store.names() == [] and not (store.root / "m").exists()
    store.add("m", write_files)
    with pytest.raises(OSError, match="the disk is full"):
        store.add("m", fail)
    assert sorted(entry.name for entry in (store.root / "m").iterdir()) == ["1", "aliases.json"]


def test_aliases_move_and_remember(store: ModelStore) -> None:
    publish_many(store.root, 3)
    assert store.aliases("m").history == [1, 2]
    assert store.rollback("m").live == 2
    assert store.rollback("m").live == 1
    with pytest.raises(NotFoundError, match="nothing to roll back to"):
        store.rollback("m")
    assert store.promote("m", 3).history == [1]
    assert store.aliases("m").generation == 6


def test_the_live_time_is_known(store: ModelStore) -> None:
    assert store.aliases("m").live_since is None
    publish_many(store.root, 3)
    since = store.aliases("m").live_since
    assert since is not None
    store.promote("m", 3)
    store.delete("m", 2)
    store.add("m", write_files)
    assert store.aliases("m").live_since == since
    assert (store.promote("m", 4).live_since or since) > since
    # It was served all the time, while the other was refused.
    assert store.withdraw("m", 4).live_since is None
    assert (store.rollback("m").live_since or since) > since


def test_the_live_time_stays(store: ModelStore) -> None:
    publish_many(store.root, 2)
    since = store.promote("m", 1).live_since
    store.delete("m", 2)
    after = store.rollback("m")
    assert (after.live, after.passed_over, after.live_since) == (1, [2], since)


def test_only_live_versions_are_withdrawn(store: ModelStore) -> None:
    publish_many(store.root, 3)
    assert store.withdraw("m", 2).live == 3
    assert store.withdraw("m", 3).live == 2


def test_what_is_not_there_is_named(store: ModelStore) -> None:
    with pytest.raises(NotFoundError, match="no model 'm'; published: none yet"):
        store.promote("m", 1)
    publish_many(store.root, 2)
    with pytest.raises(NotFoundError, match="no version 3; published: 1, 2"):
        store.promote("m", 3)
    assert store.names() == ["m"]


@pytest.mark.parametrize("name", ["", "Iris", "a b", "../iris", ".hidden", "x" * 65, "é", 7])
def test_unsafe_names_are_refused(store: ModelStore, name: str) -> None:
    with pytest.raises(EstimatorError, match="cannot be used"):
        store.add(name, write_files)
    assert store.names() == [] and not (store.root / "m").exists()


def test_other_folders_are_left_alone(store: ModelStore) -> None:
    publish_many(store.root, 1)
    for name in ("007", "0", "\N{FULLWIDTH DIGIT TWO}", "copy of 1", ".hidden"):
        (store.root / "m" / name).mkdir()
        (store.root / name).mkdir(exist_ok=True)
    assert store.versions("m") == [1]
    assert store.names() == ["m"]
    assert store.add("m", write_files) == 2


def test_changed_and_missing_files_are_noticed(store: ModelStore) -> None:
    publish_many(store.root, 1)
    file = store.folder("m", 1) / MODEL
    file.write_text("another model")
    with pytest.raises(ArtifactError, match=r"m/1/model\.skops is not what was published"):
        store.check_files("m", 1)
    file.unlink()
    with pytest.raises(ArtifactError, match=r"m/1/model\.skops is missing"):
        store.check_files("m", 1)


def test_others_can_read_version_files(store: ModelStore) -> None:
    publish_many(store.root, 1)
    folder = store.folder("m", 1)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert (store.root / "m" / "aliases.json").stat().st_mode & 0o777 == 0o644
