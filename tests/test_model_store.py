"""Versions and aliases on disk survive many publishers and a kill."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from service.contract.errors import ArtifactError, EstimatorError, NotFoundError
from service.contract.feature import Feature
from service.contract.manifest import MODEL, Manifest
from service.contract.model_store import ModelStore
from service.contract.signature import Output, Signature

FEATURE = Feature(name="x", kind="number", dtype="float64", nullable=False)
MANIFEST = Manifest(
    model="m",
    estimator="none",
    rows=1,
    image="local",
    signature=Signature(features=[FEATURE], output=Output(task="regression")),
)
processes = multiprocessing.get_context("forkserver")


def write(folder: Path) -> Manifest:
    (folder / MODEL).write_text("a model")
    return MANIFEST


def publish_many(root: Path, count: int) -> None:
    store = ModelStore(root)
    for _ in range(count):
        store.promote("m", store.add("m", write))


def publish_for_ever(root: Path) -> None:
    publish_many(root, 1_000_000)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path)


def test_versions_are_numbered_from_one_and_are_whole(store: ModelStore) -> None:
    assert [store.add("m", write) for _ in range(3)] == [1, 2, 3]
    assert store.versions("m") == [1, 2, 3]
    store.check_files("m", 3)
    assert store.manifest("m", 3).files.keys() == {MODEL}


def test_publishers_at_the_same_time_get_each_a_number_of_its_own(store: ModelStore) -> None:
    workers = [processes.Process(target=publish_many, args=(store.root, 20)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert store.versions("m") == list(range(1, 81))
    for version in store.versions("m"):
        store.check_files("m", version)
    aliases = store.aliases("m")
    assert aliases.generation == 80
    assert sorted([*aliases.history, aliases.live or 0]) == list(range(1, 81))


def test_a_publisher_that_is_killed_leaves_only_whole_versions(store: ModelStore) -> None:
    for _ in range(5):
        worker = processes.Process(target=publish_for_ever, args=(store.root,))
        before = len(store.versions("m"))
        worker.start()
        deadline = time.monotonic() + 60
        while len(store.versions("m")) < before + 3 and time.monotonic() < deadline:
            pass
        os.kill(worker.pid or 0, signal.SIGKILL)
        worker.join()
        versions = store.versions("m")
        assert versions == list(range(1, len(versions) + 1))
        assert len(versions) >= before + 3
        for version in versions:
            store.check_files("m", version)
        assert (store.aliases("m").live or 0) in (versions[-1], versions[-1] - 1)
    publish_many(store.root, 1)
    assert store.aliases("m").live == store.versions("m")[-1]


def test_a_write_that_fails_leaves_nothing(store: ModelStore) -> None:
    def fail(folder: Path) -> Manifest:
        write(folder)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        store.add("m", fail)
    assert store.names() == [] and not (store.root / "m").exists()
    store.add("m", write)
    with pytest.raises(OSError, match="the disk is full"):
        store.add("m", fail)
    assert [entry.name for entry in (store.root / "m").iterdir()] == ["1"]


def test_aliases_move_and_remember(store: ModelStore) -> None:
    publish_many(store.root, 3)
    assert store.aliases("m").history == [1, 2]
    assert store.rollback("m").live == 2
    assert store.rollback("m").live == 1
    with pytest.raises(NotFoundError, match="nothing to roll back to"):
        store.rollback("m")
    assert store.promote("m", 3).history == [1]
    assert store.aliases("m").generation == 6


def test_a_refused_version_is_withdrawn_only_while_it_is_live(store: ModelStore) -> None:
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
def test_a_name_that_is_no_folder_is_refused(store: ModelStore, name: str) -> None:
    with pytest.raises(EstimatorError, match="cannot be used"):
        store.add(name, write)
    assert store.names() == [] and not (store.root / "m").exists()


def test_folders_that_are_no_version_are_left_alone(store: ModelStore) -> None:
    publish_many(store.root, 1)
    for name in ("007", "0", "\N{FULLWIDTH DIGIT TWO}", "copy of 1", ".hidden"):
        (store.root / "m" / name).mkdir()
        (store.root / name).mkdir(exist_ok=True)
    assert store.versions("m") == [1]
    assert store.names() == ["m"]
    assert store.add("m", write) == 2


def test_a_changed_or_missing_file_is_noticed(store: ModelStore) -> None:
    publish_many(store.root, 1)
    file = store.folder("m", 1) / MODEL
    file.write_text("another model")
    with pytest.raises(ArtifactError, match=r"m/1/model\.skops is missing or not what was"):
        store.check_files("m", 1)
    file.unlink()
    with pytest.raises(ArtifactError, match=r"m/1/model\.skops is missing"):
        store.check_files("m", 1)


def test_files_of_a_version_can_be_read_by_others(store: ModelStore) -> None:
    publish_many(store.root, 1)
    folder = store.folder("m", 1)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert (store.root / "m" / "aliases.json").stat().st_mode & 0o777 == 0o644
