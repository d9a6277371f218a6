import os
import signal
from pathlib import Path
from typing import Any

import pytest

from service.contract.errors import ArtifactError
from service.contract.model.aliases import ALIASES
from service.contract.model.manifest import MODEL
from service.contract.model.remote.cached_store import CachedStore
from service.contract.model.remote.remote_store import RemoteStore
from service.contract.model.store import ModelStore
from tests.support.models import write_files
from tests.support.remote import remote_store, started
from tests.support.s3 import S3
from tests.support.s3_proxy import proxied

PROCESSES = 6


@pytest.fixture
def lab(s3: S3, tmp_path: Path) -> RemoteStore:
    """Two versions, the second one live."""
    lab = remote_store(s3, tmp_path / "lab")
    for _ in range(2):
        lab.promote("m", lab.add("m", write_files))
    return lab


def cached_store(s3: S3, root: Path) -> CachedStore:
    return CachedStore(root, s3.objects())


def bring(s3: S3, root: Path) -> None:
    cached_store(s3, root).bring("m")


def fetch(s3: S3, root: Path) -> None:
    store = cached_store(s3, root)
    store.fetch("m", 1)
    store.check_files("m", 1)


def entries(root: Path) -> set[str]:
    return {entry.name for entry in (root / "m").iterdir()}


def test_copies_follow_the_store(s3: S3, lab: RemoteStore, tmp_path: Path) -> None:
    store = cached_store(s3, tmp_path / "copies")
    store.bring("m")
    assert store.names() == ["m"]
    assert store.versions("m") == [1, 2]
    assert store.aliases("m") == lab.aliases("m")
    assert entries(store.root) == {"2", ALIASES, ".versions.json"}
    assert store.manifest("m", 1) == lab.manifest("m", 1)
    assert entries(store.root) == {"1", "2", ALIASES, ".versions.json"}
    lab.rollback("m")
    lab.delete("m", 2)
    store.bring("m")
    assert store.versions("m") == [1]
    assert entries(store.root) == {"1", ALIASES, ".versions.json"}
    store.forget("m")
    assert store.names() == []
    assert not (store.root / "m").exists()


def test_aliases_come_after_their_version(s3: S3, lab: RemoteStore, tmp_path: Path) -> None:
    root = tmp_path / "copies"
    bring(s3, root)
    lab.promote("m", lab.add("m", write_files))
    seen = []

    def look(_: int) -> None:
        copy = ModelStore(root)
        live = copy.aliases("m").live
        assert live is not None
        copy.check_files("m", live)
        seen.append(live)

    with proxied(s3) as (through, traffic):
        traffic.before = traffic.after = look
        bring(through, root)
    assert {*seen} == {2}
    assert ModelStore(root).aliases("m").live == 3


def test_many_fetch_the_same_at_once(s3: S3, lab: RemoteStore, tmp_path: Path) -> None:
    root = tmp_path / "copies"
    bring(s3, root)
    processes = [started(work, s3, root) for work in [fetch, bring] * (PROCESSES // 2)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    assert entries(root) == {"1", "2", ALIASES, ".versions.json"}


@pytest.mark.parametrize("work", [bring, fetch])
def test_killed_fetch_leaves_no_part(s3: S3, lab: RemoteStore, tmp_path: Path, work: Any) -> None:
    for at in range(1, 100):
        root = tmp_path / str(at)
        if work is fetch:
            bring(s3, root)  # what is live is here before an older version is asked for
        with proxied(s3) as (through, traffic):
            process: list[Any] = []

            def kill(number: int, at: int = at, process: list[Any] = process) -> None:
                if number == at:
                    os.kill(process[0].pid, signal.SIGKILL)

            traffic.after = kill
            process.append(started(work, through, root))
            process[0].join()
        copy = ModelStore(root)
        for version in copy.versions("m"):
            copy.check_files("m", version)
        assert copy.aliases("m").live in (None, *copy.versions("m"))
        if process[0].exitcode == 0:
            break
        bring(s3, root)
        fetch(s3, root)
        assert entries(root) == {"1", "2", ALIASES, ".versions.json"}
    assert at > 5
    assert process[0].exitcode == 0


def test_copies_of_emptied_buckets_go(s3: S3, lab: RemoteStore, tmp_path: Path) -> None:
    store = cached_store(s3, tmp_path / "copies")
    store.bring("m")
    store.fetch("m", 1)
    for entry in [*s3.objects().list("")]:
        s3.objects().delete(entry.key)
    anew = remote_store(s3, tmp_path / "anew")
    anew.promote("m", anew.add("m", write_files))
    store.bring("m")
    assert store.versions("m") == [1]
    assert entries(store.root) == {"1", ALIASES, ".versions.json"}
    content = (store.folder("m", 1) / MODEL).read_bytes()
    assert content == (anew.folder("m", 1) / MODEL).read_bytes()


def test_damaged_version_is_not_copied(s3: S3, lab: RemoteStore, tmp_path: Path) -> None:
    s3.objects().put(f"versions/m/2/{MODEL}", b"other")
    store = cached_store(s3, tmp_path / "copies")
    store.bring("m")
    assert store.aliases("m").live == 2
    assert entries(store.root) == {ALIASES, ".versions.json"}
    with pytest.raises(ArtifactError, match=f"{s3.url}/versions/m/2/{MODEL} is not what was"):
        store.fetch("m", 2)
    assert entries(store.root) == {ALIASES, ".versions.json"}


def test_trouble_is_told_to_all(s3: S3, tmp_path: Path) -> None:
    first, second = (cached_store(s3, tmp_path) for _ in range(2))
    assert second.trouble is None
    first.tell("It is away.")
    assert second.trouble == "It is away."
    first.tell(None)
    assert second.trouble is None
