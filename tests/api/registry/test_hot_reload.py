"""A new version is served without a restart."""

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingRegressor,
)
from sklearn.neighbors import KNeighborsClassifier

from service.contract.errors import ArtifactError, NotFoundError, RefusedError
from service.contract.model.manifest import MODEL
from service.contract.model_file import artifact
from tests.api.registry.own_model import Model, forest
from tests.support.live import LiveApi, children, running_api, wait_until
from tests.support.models import FLOWER, iris


def test_publish_returns_when_served(model: Model) -> None:
    for version in (2, 3):
        published = model.publish(seed=version)
        assert (published.version, published.live) == (version, True)
        assert model.served() == version


def test_requests_during_a_swap_succeed(api: LiveApi, model: Model) -> None:
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


def test_promote_and_rollback_return_when_served(model: Model) -> None:
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


def test_an_older_version_can_predict(model: Model) -> None:
    model.publish(seed=2)
    for version, seed in ((1, 0), (2, 2)):
        answers = model.lab.predict(model.name, iris().X, version=version)
        expected = iris(seed).estimator.predict_proba(iris().X)
        assert np.array_equal(answers.filter(like="proba_"), expected)


def test_a_restart_serves_the_live_version(tmp_path: Path) -> None:
    with running_api(tmp_path) as api:
        before = Model(api)
        before.publish()
        before.publish(seed=2)
        before.lab.rollback(before.name)
    with running_api(tmp_path) as api:
        before.api = api
        assert before.served() == 1


def test_an_alias_to_nowhere_changes_nothing(api: LiveApi, model: Model) -> None:
    file = api.models / model.name / "aliases.json"
    file.write_text('{"generation": 7, "live": 99}')
    wait_until(lambda: model.refusals(99), "the reason shown")
    assert "no version 99; published: 1" in model.refusals(99)[0]
    assert model.served() == 1


def test_a_deleted_model_is_gone(api: LiveApi, model: Model) -> None:
    other = Model(api)
    other.publish()
    shutil.rmtree(api.models / model.name)

    def status() -> int:
        with api.http() as http:
            return http.get(f"/models/{model.name}").status_code

    wait_until(lambda: status() == 404, "the model gone")
    assert other.served() == 1


def test_a_deleted_model_can_come_back(api: LiveApi, model: Model) -> None:
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


def test_deleted_numbers_are_not_reused(model: Model) -> None:
    model.publish(seed=2)
    shutil.rmtree(model.store.folder(model.name, 2))
    assert model.publish(seed=3).version == model.served() == 3


def test_an_unreadable_model_holds_up_none(api: LiveApi, model: Model) -> None:
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


def test_a_refused_rollback_changes_nothing(model: Model) -> None:
    model.publish(seed=2)
    (model.store.folder(model.name, 1) / MODEL).write_bytes(b"garbage")
    with pytest.raises(RefusedError, match="refused"):
        model.lab.rollback(model.name)
    assert model.store.aliases(model.name).live == model.served() == 2


def test_estimator_jobs_start_no_processes(api: LiveApi, model: Model) -> None:
    X, y = iris().X, iris().y
    jobs = BaggingClassifier(KNeighborsClassifier(), n_jobs=2, random_state=0).fit(X, y)
    model.lab.publish(model.name, jobs, X, y)
    before = children(api.worker)
    model.lab.predict(model.name, pd.concat([X] * 10, ignore_index=True))
    assert set(children(api.worker)) <= set(before)


def test_boosting_with_extra_trees_is_refused(tmp_path: Path) -> None:
    boosting = GradientBoostingRegressor(n_estimators=3).fit(iris().X, iris().y)
    boosting.estimators_ = np.repeat(boosting.estimators_, 600, axis=1)
    (tmp_path / MODEL).write_bytes(artifact.dumps(boosting))
    with pytest.raises(ArtifactError, match="another number of trees"):
        artifact.load(tmp_path / MODEL)


def test_promote_mends_a_damaged_alias_file(api: LiveApi, model: Model) -> None:
    model.publish(seed=2)
    (api.models / model.name / "aliases.json").write_text("{")
    wait_until(lambda: model.refusals(None), "the reason shown")
    assert "aliases.json cannot be read" in model.refusals(None)[0]
    assert model.served() == 2
    assert model.lab.promote(model.name, 1).version == model.served() == 1
    assert model.refusals(None) == []
