import random
from pathlib import Path
from typing import Any

import pytest

from service.contract.errors import (
    ArtifactError,
    InUseError,
    LabloopError,
    NotFoundError,
    StoreError,
)
from service.contract.model.manifest import MANIFEST, MODEL
from service.contract.model.remote.remote_store import RemoteStore
from service.contract.model.store import ModelStore
from service.lab.client.client import Client
from service.lab.model_tables import models, versions
from tests.support.models import write_files
from tests.support.remote import remote_store
from tests.support.s3 import S3
from tests.support.s3_proxy import proxied
from tests.support.soak import times


@pytest.fixture
def store(s3: S3, tmp_path: Path) -> RemoteStore:
    """Three versions, the third one live."""
    store = remote_store(s3, tmp_path / "copies")
    for _ in range(3):
        store.promote("m", store.add("m", write_files))
    return store


def test_files_are_those_of_folders(s3: S3, store: RemoteStore, tmp_path: Path) -> None:
    folder = ModelStore(tmp_path / "folder")
    for _ in range(3):
        folder.promote("m", folder.add("m", write_files))
    root = folder.root / "m"
    files = {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}
    keys = {entry.key for entry in s3.objects().list("")}
    assert keys == {
        "aliases/m.json" if file == "aliases.json" else f"versions/m/{file}" for file in files
    }
    for version in store.versions("m"):
        store.check_files("m", version)
        for file in store.folder("m", version).iterdir():
            stored = s3.objects().get(f"versions/m/{version}/{file.name}")
            assert stored.content == file.read_bytes()


Told = tuple[Any, ...]


def told(store: ModelStore, verb: str, *arguments: Any) -> Told:
    """Return what a store makes of a verb, without the times."""
    try:
        result = getattr(store, verb)(*arguments)
    except LabloopError as error:
        return type(error), str(error).partition(" UTC")[0].partition(" at 20")[0]
    if verb in ("promote", "rollback", "withdraw"):
        return result.generation, result.live, result.history, result.passed_over
    return (result,)


def state(store: ModelStore) -> Told:
    aliases = store.aliases("m")
    kept = aliases.generation, aliases.live, aliases.history, aliases.last, [*aliases.deleted]
    return store.names(), store.versions("m"), kept, store.problem("m")


@pytest.mark.parametrize("seed", range(times(100, 4)))
def test_verbs_do_as_in_folders(s3: S3, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    stores = [ModelStore(tmp_path / "folder"), remote_store(s3, tmp_path / "copies")]
    for _ in range(25):
        verb = dice.choice(["add", "add", "promote", "promote", "rollback", "withdraw", "delete"])
        arguments: list[Any] = ["m"]
        if verb == "add":
            arguments.append(write_files)
        elif verb != "rollback":
            arguments.append(dice.randint(1, 8))
        first, second = (told(store, verb, *arguments) for store in stores)
        assert first == second, verb
        assert state(stores[0]) == state(stores[1]), verb


def test_lists_fetch_no_model(s3: S3, store: RemoteStore, tmp_path: Path) -> None:
    with proxied(s3) as (through, traffic):
        other = remote_store(through, tmp_path / "other")
        assert [*models(other, Client("http://127.0.0.1:9"))["versions"]] == [3]
        assert [*versions(other, "m").index] == [3, 2, 1]
    assert len(traffic.asked) > 8
    assert not [asked for asked in traffic.asked if MODEL in asked]
    assert not (tmp_path / "other").exists()


def test_files_are_fetched_once(s3: S3, store: RemoteStore, tmp_path: Path) -> None:
    with proxied(s3) as (through, traffic):
        other = remote_store(through, tmp_path / "other")
        content = (other.folder("m", 2) / MODEL).read_bytes()
        assert content == (store.folder("m", 2) / MODEL).read_bytes()
        other.check_files("m", 2)
    assert sum(MODEL in asked and "GET" in asked for asked in traffic.asked) == 1
    assert [entry.name for entry in (tmp_path / "other" / "m").iterdir()] == ["2"]


def test_version_without_checksums_counts_not(s3: S3, store: RemoteStore) -> None:
    s3.objects().create("versions/m/4/manifest.json", b"{}")
    assert store.versions("m") == [1, 2, 3]
    with pytest.raises(NotFoundError, match=r"no version 4: 4 does not count, since it has no SHA"):
        store.promote("m", 4)
    with pytest.raises(NotFoundError, match="no version 4"):
        store.manifest("m", 4)
    assert store.add("m", write_files) == 5


@pytest.mark.parametrize("file", [MODEL, "golden.json", "SHA256SUMS"])
def test_changed_object_is_refused(s3: S3, store: RemoteStore, tmp_path: Path, file: str) -> None:
    s3.objects().put(f"versions/m/2/{file}", b"other")
    other = remote_store(s3, tmp_path / "other")
    with pytest.raises(ArtifactError, match=f"{s3.url}/versions/m/2/.* is not what was published"):
        other.folder("m", 2)
    assert not (tmp_path / "other" / "m").exists()
    assert other.folder("m", 3).name == "3"


def test_changed_manifest_is_refused(s3: S3, store: RemoteStore) -> None:
    s3.objects().put(f"versions/m/2/{MANIFEST}", b"{}")
    with pytest.raises(ArtifactError, match=r"2/manifest\.json is not what was published"):
        store.manifest("m", 2)
    assert [*versions(store, "m")["problem"].notna()] == [False, True, False]


def test_object_that_is_missing_is_named(s3: S3, store: RemoteStore, tmp_path: Path) -> None:
    s3.objects().delete(f"versions/m/2/{MODEL}")
    with pytest.raises(ArtifactError, match=rf"versions/m/2/{MODEL} is missing"):
        remote_store(s3, tmp_path / "other").folder("m", 2)
    s3.objects().delete(f"versions/m/2/{MANIFEST}")
    with pytest.raises(ArtifactError, match=rf"There is no {s3.url}/versions/m/2/{MANIFEST}"):
        store.manifest("m", 2)


def test_damaged_aliases_are_written_anew(s3: S3, store: RemoteStore) -> None:
    s3.objects().put("aliases/m.json", b"{")
    for verb in (store.rollback, store.aliases, lambda name: store.delete(name, 1)):
        with pytest.raises(ArtifactError, match=r"m/aliases\.json cannot be read"):
            verb("m")
    assert store.add("m", write_files) == 4
    after = store.promote("m", 2)
    assert (after.live, after.history) == (2, [])
    assert after.generation > 10**9


def test_remains_of_a_deletion_are_cleared(s3: S3, store: RemoteStore) -> None:
    objects = s3.objects()
    left = {entry.key: objects.get(entry.key).content for entry in objects.list("versions/m/2/")}
    store.delete("m", 2)
    assert not [*objects.list("versions/m/2/")]
    for key, content in left.items():  # as if it had been killed after the aliases
        objects.put(key, content)
    assert store.versions("m") == [1, 3]
    with pytest.raises(NotFoundError, match="it was deleted at"):
        store.folder("m", 2)
    assert store.add("m", write_files) == 4
    assert not [*objects.list("versions/m/2/")]


def test_copies_of_emptied_buckets_go(s3: S3, store: RemoteStore) -> None:
    before = (store.folder("m", 1) / MODEL).read_bytes()
    for entry in [*s3.objects().list("")]:
        s3.objects().delete(entry.key)
    other = remote_store(s3, store.root.parent / "other")
    assert other.add("m", write_files) == 1
    content = (store.folder("m", 1) / MODEL).read_bytes()
    assert content != before
    assert content == (other.folder("m", 1) / MODEL).read_bytes()


def test_live_version_is_not_deleted(store: RemoteStore) -> None:
    with pytest.raises(InUseError, match="Version 3 of model 'm' is live"):
        store.delete("m", 3)
    assert store.versions("m") == [1, 2, 3]


def test_refused_upload_leaves_nothing(s3: S3, store: RemoteStore, tmp_path: Path) -> None:
    with proxied(s3) as (through, traffic):
        # What is written after the claim is refused, also when it is tried again.
        traffic.breaks = lambda number: "golden.json" in traffic.asked[number - 1]
        with pytest.raises(StoreError, match=r"cannot be used: to write .*golden\.json failed"):
            remote_store(through, tmp_path / "other").add("m", write_files)
    assert {entry.key.split("/")[2] for entry in s3.objects().list("versions/")} == {"1", "2", "3"}
    assert store.add("m", write_files) == 4
