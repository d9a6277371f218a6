"""Deleting a version: at once or not at all, its number never given out again, its log readable."""

import errno
import multiprocessing
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.contract.errors import ArtifactError, InUseError, NotFoundError, RefusedError
from service.contract.model.manifest import MODEL
from service.contract.model.store import ModelStore
from service.lab.publish.publication import Publication
from tests.support.faults import Fault, outcome
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, iris, penguins, write_files

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


# With an API.


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("delete"), DEFAULT_MODEL="kept") as api:
        yield api


def publish(api: LiveApi, name: str, count: int) -> None:
    for seed in range(count):
        trained = iris(seed % 2)
        api.lab().publish(name, trained.estimator, trained.X, trained.y)


def test_the_log_stays_readable(api: LiveApi) -> None:
    lab = api.lab()
    publish(api, "kept", 1)
    answers = lab.predict("kept", iris().X)
    lab.feedback(answers["prediction_id"], iris().y)
    publish(api, "kept", 1)
    lab.predict("kept", iris().X.head(10))
    lab.delete("kept", 1)
    assert lab.versions("kept").index.tolist() == [2]
    logged = lab.predictions("kept")
    assert logged["version"].value_counts().to_dict() == {1: 150, 2: 10}
    assert len(lab.predictions("kept", version=1)) == 150
    assert lab.sql("SELECT count(*) AS n FROM predictions WHERE model = 'kept'")["n"][0] == 160
    assert lab.quality("kept").total["known"] == 150
    assert lab.drift("kept").table["rows"].max() == 10
    assert len(lab.replay("kept", 2).compared) == 160
    gone = "'kept' has no version 1: it was deleted at .* UTC; published: 2"
    for ask in (
        lambda: lab.replay("kept", 1),
        lambda: lab.drift("kept", version=1),
        lambda: lab.promote("kept", 1),
        lambda: lab.predict("kept", FLOWER, version=1),
    ):
        with pytest.raises(NotFoundError, match=gone):
            ask()
    assert lab.doctor().fixes == []


def test_unknown_nulls_are_not_replayed(api: LiveApi) -> None:
    lab, trained = api.lab(), penguins()
    lab.publish("hidden", trained.estimator, trained.X, trained.y, private=["sex"])
    lab.predict("hidden", trained.X.head(20))
    lab.publish("hidden", trained.estimator, trained.X, trained.y)
    lab.predict("hidden", trained.X.head(30))
    lab.delete("hidden", 1)
    replay = lab.replay("hidden", 2)
    assert len(replay.compared) == 30
    assert "version 1, whose manifest is gone, has no value of 'sex' (20 rows)" in str(replay)


def test_a_version_in_use_goes_cleanly(api: LiveApi) -> None:
    publish(api, "busy", 6)
    answered: list[tuple[int, str]] = []
    stop = threading.Event()

    def ask(versions: list[int]) -> None:
        with api.http() as http:
            while not stop.is_set():
                for version in versions:
                    answer = http.post(
                        f"/models/busy/predict?version={version}", json={"rows": [FLOWER]}
                    )
                    answered.append((answer.status_code, answer.text))

    def more_answers() -> None:
        enough = len(answered) + 10
        wait_until(lambda: len(answered) > enough, "more answers")

    threads = [threading.Thread(target=ask, args=([n],)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    try:
        for version in (1, 2, 3, 4, 5):
            more_answers()
            api.lab().delete("busy", version)
        more_answers()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {status for status, _ in answered} == {200, 404}
    assert "it was deleted at" in answered[-1][1]
    with api.http() as http:
        shown = http.get("/models/busy").json()
    assert (shown["live"]["version"], shown["versions"], shown["refused"]) == (6, [6], [])


def test_a_deleted_refusal_is_forgotten(api: LiveApi) -> None:
    publish(api, "refused", 1)
    store, trained = ModelStore(api.models), iris()
    publication = Publication("refused", trained.estimator, trained.X, trained.y)
    version = publication.write(store, {}, None, {})
    (store.folder("refused", version) / MODEL).write_bytes(b"garbage")
    with pytest.raises(RefusedError):
        api.lab().promote("refused", version)

    def refused() -> Any:
        with api.http() as http:
            return http.get("/models/refused").json()["refused"]

    assert refused()
    api.lab().delete("refused", version)
    wait_until(lambda: not refused(), "the refusal forgotten")


def test_what_is_passed_over_is_printed(api: LiveApi) -> None:
    publish(api, "back", 4)
    lab = api.lab()
    lab.delete("back", 3)
    shutil.rmtree(ModelStore(api.models).folder("back", 2))
    back = lab.rollback("back")
    assert str(back) == "back version 1 (live; 3, 2 are deleted and passed over)"
    with pytest.raises(NotFoundError, match="nothing to roll back to"):
        lab.rollback("back")


def test_a_refusal_names_passed_over_ones(api: LiveApi) -> None:
    publish(api, "twice", 2)
    lab, store = api.lab(), ModelStore(api.models)
    shutil.rmtree(store.folder("twice", 2))
    refused = store.add("twice", write_files)
    with pytest.raises(RefusedError, match=r"Deleted and passed over: 2\. Version 1 is live\."):
        lab.promote("twice", refused)
    with api.http() as http:
        wait_until(
            lambda: http.get("/models/twice").json()["live"]["version"] == 1, "version 1 live"
        )


def test_the_last_version_may_go(api: LiveApi) -> None:
    lab, store = api.lab(), ModelStore(api.models)
    store.promote("empty", store.add("empty", write_files))
    store.withdraw("empty", 1)
    lab.delete("empty", 1)
    assert lab.versions("empty").empty
    assert lab.predictions("empty").empty
    with pytest.raises(NotFoundError, match="no version 1: it was deleted at"):
        lab.promote("empty", 1)
    with api.http() as http:
        assert http.get("/models/empty").json()["versions"] == []
    publish(api, "empty", 1)
    assert lab.versions("empty").index.tolist() == [2]
