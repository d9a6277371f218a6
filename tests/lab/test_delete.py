"""After `lab.delete` the log stays readable, and nobody is served the version."""

import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from service.contract.errors import NotFoundError, RefusedError
from service.contract.model.manifest import MODEL
from service.contract.model.store import ModelStore
from service.lab.publish.publication import Publication
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, iris, penguins, write_files

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
    assert "version 1 did not log 'sex' (20 rows)" in str(replay)


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
