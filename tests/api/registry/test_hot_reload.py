"""A new version is served without a restart, and a bad one never is."""

import os
import pickle
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.neighbors import KNeighborsClassifier

from service.contract.errors import ArtifactError, NotFoundError, RefusedError
from service.contract.model.manifest import BASELINE, GOLDEN, MODEL, Manifest
from service.contract.model.store import ModelStore
from service.contract.model_file import artifact
from service.lab.publish.publication import ModelVersion, Publication
from tests.support.live import LiveApi, children, running_api, wait_until
from tests.support.models import FLOWER, iris

Sabotage = Callable[[Path], object]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("api")) as api:
        yield api


class Model:
    """A model of its own for each test."""

    numbers = count(1)

    def __init__(self, api: LiveApi) -> None:
        self.name = f"flowers-{next(self.numbers)}"
        self.api = api
        self.lab = api.lab()
        self.store = ModelStore(api.models)

    def publish(self, seed: int = 0) -> ModelVersion:
        trained = iris(seed)
        return self.lab.publish(self.name, trained.estimator, trained.X, trained.y)

    def served(self) -> int:
        """Ask the reference request, and return the version that answered."""
        with self.api.http() as http:
            response = http.get(f"/models/{self.name}/predict", params=FLOWER)
        assert response.json() == {"prediction": 0}
        return int(response.headers["X-Model-Version"])

    def refusals(self, version: int | None) -> list[str]:
        with self.api.http() as http:
            shown = http.get(f"/models/{self.name}").json()
        return [r["reason"] for r in shown["refused"] if r["version"] == version]


@pytest.fixture
def model(api: LiveApi) -> Model:
    model = Model(api)
    model.publish()
    return model


def test_each_publish_is_served_when_it_returns(model: Model) -> None:
    for version in (2, 3):
        published = model.publish(seed=version)
        assert (published.version, published.live) == (version, True)
        assert model.served() == version


def test_requests_during_a_swap_are_all_answered_by_one_version_or_the_other(
    api: LiveApi, model: Model
) -> None:
    answers: list[tuple[int, str, int]] = []
    stop = threading.Event()

    def ask() -> None:
        with api.http() as http:
            while not stop.is_set():
                response = http.get(f"/models/{model.name}/predict", params=FLOWER)
                version = int(response.headers.get("X-Model-Version", 0))
                answers.append((response.status_code, response.text, version))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(answers) > 20, "some answers")
        model.publish(seed=2)
        enough = len(answers) + 20
        wait_until(lambda: len(answers) > enough, "some answers by the new version")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {(status, text) for status, text, _ in answers} == {(200, '{"prediction":0}')}
    assert {version for _, _, version in answers} == {1, 2}


def test_promote_and_rollback_are_served_when_they_return(model: Model) -> None:
    lab, name = model.lab, model.name
    for seed in (2, 3):
        model.publish(seed)
    assert lab.promote(name, 1).version == model.served() == 1
    assert lab.rollback(name).version == model.served() == 3
    assert lab.rollback(name).version == model.served() == 2
    assert lab.rollback(name).version == model.served() == 1
    with pytest.raises(NotFoundError, match="nothing to roll back to: live is 1"):
        lab.rollback(name)
    with pytest.raises(NotFoundError, match="no version 9; published: 1, 2, 3"):
        lab.promote(name, 9)
    assert model.served() == 1


def test_an_older_version_can_be_asked_beside_the_live_one(model: Model) -> None:
    model.publish(seed=2)
    for version, seed in ((1, 0), (2, 2)):
        answers = model.lab.predict(model.name, iris().X, version=version)
        expected = iris(seed).estimator.predict_proba(iris().X)
        assert np.array_equal(answers.filter(like="proba_"), expected)


def test_after_a_restart_what_was_live_is_served_at_once(tmp_path: Path) -> None:
    with running_api(tmp_path) as api:
        before = Model(api)
        before.publish()
        before.publish(seed=2)
        before.lab.rollback(before.name)
    with running_api(tmp_path) as api:
        before.api = api
        assert before.served() == 1


# Bad versions. Each is written into the store as a publisher would write it.


class Stranger(BaseEstimator):  # type: ignore[misc]
    """A class that the API cannot import."""

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X))


def dump(estimator: Any) -> Sabotage:
    return lambda folder: skops.io.dump(estimator, folder / MODEL)


def pickled(folder: Path) -> None:
    (folder / MODEL).write_bytes(pickle.dumps(iris().estimator))


def cut(folder: Path) -> None:
    (folder / MODEL).write_bytes((folder / MODEL).read_bytes()[:10_000])


def alter_a_tree(folder: Path) -> None:
    """Point a tree's children far outside: every type is allowed, and `predict` would crash."""
    estimator = skops.io.loads(
        skops.io.dumps(iris().estimator), trusted=["sklearn.tree._tree.Tree"]
    )
    for tree in estimator.estimators_:
        tree.tree_.children_left[tree.tree_.children_left >= 0] = 2**40
    skops.io.dump(estimator, folder / MODEL)


BAD: list[tuple[str, Sabotage, list[str]]] = [
    ("garbage", lambda f: (f / MODEL).write_bytes(b"garbage"), ["not a readable skops file"]),
    ("truncated", cut, ["not a readable skops file"]),
    ("pickle", pickled, ["not a readable skops file"]),
    ("a list", dump([1, 2]), ["list", "predict"]),
    ("foreign type", dump(Stranger()), ["Stranger", "allow-list", "service/features.py"]),
    ("function", dump({"x": np.load}), ["not on the allow-list"]),
    ("other answers", dump(DummyClassifier().fit(iris().X, iris().y)), ["Golden row"]),
    ("altered tree", alter_a_tree, ["Tree in the model file is damaged", "leads nowhere"]),
    ("no golden rows", lambda f: (f / GOLDEN).write_text("{}"), [GOLDEN, "cannot be read"]),
]


@pytest.mark.parametrize("sabotage, words", [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_a_bad_version_is_refused_with_its_reason_while_the_old_one_serves(
    api: LiveApi, model: Model, sabotage: Sabotage, words: list[str]
) -> None:
    def write(folder: Path) -> Manifest:
        for file in (MODEL, GOLDEN, BASELINE):
            shutil.copy(model.store.folder(model.name, 1) / file, folder)
        sabotage(folder)
        return model.store.manifest(model.name, 1)

    version = model.store.add(model.name, write)
    with pytest.raises(RefusedError, match=f"The API refused {model.name} version 2") as caught:
        model.lab.promote(model.name, version)
    assert model.served() == 1
    for word in words:
        assert word in str(caught.value)
        assert word in model.refusals(version)[-1]
    with api.http() as http:
        asked = http.post(f"/models/{model.name}/predict?version=2", json={"rows": [FLOWER]})
    assert asked.status_code == 503
    assert model.lab.versions(model.name)["live"].to_dict() == {2: False, 1: True}


def forest(model: Model, trees: int) -> int:
    """Write a version whose validation takes a while; return its number."""
    trained = iris()
    estimator = RandomForestClassifier(trees, random_state=0).fit(trained.X, trained.y)
    publication = Publication(model.name, estimator, trained.X, trained.y)
    return publication.write(model.store, {}, None, {})


def validation_of(api: LiveApi) -> int:
    """Wait for a process that validates: what the fork server forked."""

    def forked() -> list[int]:
        return [pid for server in api.fork_servers for pid in children(server)]

    return int(wait_until(forked, "a validation")[0])


def test_a_validation_that_crashes_refuses_the_version(api: LiveApi, model: Model) -> None:
    version = forest(model, 300)
    model.store.promote(model.name, version)
    os.kill(validation_of(api), signal.SIGKILL)
    wait_until(lambda: model.refusals(version), "the reason shown")
    assert "crashed (exit code -9)" in model.refusals(version)[0]
    assert model.served() == 1


def test_a_validation_that_hangs_holds_up_neither_the_next_version_nor_other_models(
    api: LiveApi, model: Model
) -> None:
    model.store.promote(model.name, forest(model, 300))
    hanging = validation_of(api)
    os.kill(hanging, signal.SIGSTOP)
    other = Model(api)
    assert other.publish().live
    assert model.publish(seed=3).version == model.served() == 3
    wait_until(lambda: not Path(f"/proc/{hanging}").exists(), "the validation broken off")
    assert model.refusals(2) == []  # it was not wanted any more


def test_a_validation_that_takes_too_long_refuses_the_version(tmp_path: Path) -> None:
    with running_api(tmp_path, TRIAL_SECONDS="0.01") as api:
        slow = Model(api)
        slow.store.promote(slow.name, forest(slow, 300))
        wait_until(lambda: slow.refusals(1), "the reason shown")
        assert "longer than 0.01 s" in slow.refusals(1)[0]
        assert "TRIAL_SECONDS" in slow.refusals(1)[0]


def test_a_file_that_changed_after_publishing_is_never_loaded(model: Model) -> None:
    model.publish(seed=2)
    file = model.store.folder(model.name, 1) / MODEL
    skops.io.dump(iris(seed=5).estimator, file)
    with pytest.raises(RefusedError, match="sha256 differs"):
        model.lab.promote(model.name, 1)
    assert model.served() == 2


def test_an_alias_that_points_nowhere_keeps_the_old_version(api: LiveApi, model: Model) -> None:
    file = api.models / model.name / "aliases.json"
    file.write_text('{"generation": 7, "live": 99}')
    wait_until(lambda: model.refusals(99), "the reason shown")
    assert "no version 99; published: 1" in model.refusals(99)[0]
    assert model.served() == 1


def test_a_model_that_was_deleted_is_gone_and_the_others_stay(api: LiveApi, model: Model) -> None:
    other = Model(api)
    other.publish()
    shutil.rmtree(api.models / model.name)

    def status() -> int:
        with api.http() as http:
            return http.get(f"/models/{model.name}").status_code

    wait_until(lambda: status() == 404, "the model gone")
    assert other.served() == 1


def test_a_model_that_was_deleted_can_be_published_again(api: LiveApi, model: Model) -> None:
    version = forest(model, 20)
    (model.store.folder(model.name, version) / MODEL).write_bytes(b"garbage")
    model.store.promote(model.name, version)
    wait_until(lambda: model.refusals(version), "the reason shown")
    shutil.rmtree(api.models / model.name)
    with api.http() as http:
        wait_until(lambda: http.get(f"/models/{model.name}").status_code == 404, "the model gone")
        wait_until(lambda: not workers_know(http, model.name), "the model forgotten")
    assert model.publish(seed=3).live
    assert model.served() == 1


def workers_know(http: Any, name: str) -> bool:
    (worker,) = http.get("/models/" + name).json().get("workers") or [{"version": None}]
    return worker["version"] is not None


def test_the_number_of_a_deleted_version_is_not_used_again(model: Model) -> None:
    model.publish(seed=2)
    shutil.rmtree(model.store.folder(model.name, 2))
    assert model.publish(seed=3).version == model.served() == 3


def test_a_model_that_cannot_be_looked_at_holds_up_no_other(api: LiveApi, model: Model) -> None:
    odd = api.models / "aaa"
    (odd / "aliases.json").mkdir(parents=True)  # a folder where a file should be
    try:
        assert model.publish(seed=2).version == model.served() == 2
        with api.http() as http:
            shown = {each["name"]: each for each in http.get("/models").json()["models"]}
        assert shown["aaa"]["live"] is None
        assert "aliases.json cannot be read" in shown["aaa"]["refused"][0]["reason"]
        assert shown[model.name]["live"]["version"] == 2
    finally:
        shutil.rmtree(odd)


def test_a_rollback_to_a_refused_version_leaves_what_was_live(model: Model) -> None:
    model.publish(seed=2)
    (model.store.folder(model.name, 1) / MODEL).write_bytes(b"garbage")
    with pytest.raises(RefusedError, match="refused"):
        model.lab.rollback(model.name)
    assert model.store.aliases(model.name).live == model.served() == 2


def test_jobs_of_an_estimator_start_no_processes_in_the_api(api: LiveApi, model: Model) -> None:
    X, y = iris().X, iris().y
    jobs = BaggingClassifier(KNeighborsClassifier(), n_jobs=2, random_state=0).fit(X, y)
    model.lab.publish(model.name, jobs, X, y)
    before = children(api.worker)
    model.lab.predict(model.name, pd.concat([X] * 10, ignore_index=True))
    assert set(children(api.worker)) <= set(before)


def test_boosting_with_more_trees_than_it_says_is_refused(tmp_path: Path) -> None:
    boosting = GradientBoostingRegressor(n_estimators=3).fit(iris().X, iris().y)
    boosting.estimators_ = np.repeat(boosting.estimators_, 600, axis=1)
    (tmp_path / MODEL).write_bytes(artifact.dumps(boosting))
    with pytest.raises(ArtifactError, match="another number of trees"):
        artifact.load(tmp_path / MODEL)


def test_a_damaged_alias_file_keeps_the_old_version_and_promote_mends_it(
    api: LiveApi, model: Model
) -> None:
    model.publish(seed=2)
    (api.models / model.name / "aliases.json").write_text("{")
    wait_until(lambda: model.refusals(None), "the reason shown")
    assert "aliases.json cannot be read" in model.refusals(None)[0]
    assert model.served() == 2
    assert model.lab.promote(model.name, 1).version == model.served() == 1
    assert model.refusals(None) == []
