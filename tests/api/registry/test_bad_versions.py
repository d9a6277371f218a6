"""A bad version is refused, and the version before it goes on serving."""

import os
import pickle
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier

from service.contract.errors import RefusedError
from service.contract.model.manifest import BASELINE, GOLDEN, MODEL, Manifest
from tests.api.registry.own_model import Model, forest
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, iris

Sabotage = Callable[[Path], object]


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
def test_a_bad_version_is_refused(
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


def validation_of(api: LiveApi) -> int:
    """Wait for a process that validates."""
    return int(wait_until(lambda: api.validations, "a validation")[0])


def test_a_crashed_validation_refuses(api: LiveApi, model: Model) -> None:
    version = forest(model, 300)
    model.store.promote(model.name, version)
    os.kill(validation_of(api), signal.SIGKILL)
    wait_until(lambda: model.refusals(version), "the reason shown")
    assert "crashed (exit code -9)" in model.refusals(version)[0]
    assert model.served() == 1


def test_a_hanging_validation_holds_up_nothing(api: LiveApi, model: Model) -> None:
    model.store.promote(model.name, forest(model, 300))
    hanging = validation_of(api)
    os.kill(hanging, signal.SIGSTOP)
    other = Model(api)
    assert other.publish().live
    assert model.publish(seed=3).version == model.served() == 3
    wait_until(lambda: not Path(f"/proc/{hanging}").exists(), "the validation broken off")
    assert model.refusals(2) == []  # it was not wanted any more


def test_a_late_validation_refuses(tmp_path: Path) -> None:
    with running_api(tmp_path, TRIAL_SECONDS="0.01") as api:
        slow = Model(api)
        slow.store.promote(slow.name, forest(slow, 300))
        wait_until(lambda: slow.refusals(1), "the reason shown")
        assert "longer than 0.01 s" in slow.refusals(1)[0]
        assert "TRIAL_SECONDS" in slow.refusals(1)[0]


def test_a_changed_file_is_never_loaded(model: Model) -> None:
    model.publish(seed=2)
    file = model.store.folder(model.name, 1) / MODEL
    skops.io.dump(iris(seed=5).estimator, file)
    with pytest.raises(RefusedError, match="sha256 differs"):
        model.lab.promote(model.name, 1)
    assert model.served() == 2
