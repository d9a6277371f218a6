"""A version with boosters is served, and refused where its files or its libraries do not fit."""

from collections.abc import Callable
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.dummy import DummyClassifier

from service.contract.errors import RefusedError
from service.contract.libraries import boosters
from service.contract.model.manifest import MODEL, Manifest
from service.contract.model.store import ModelStore
from service.contract.model_file import artifact
from service.lab.publish.publication import Publication
from tests.support.live import LiveApi
from tests.support.models import iris

Change = Callable[[Path, Manifest], Manifest]


@pytest.fixture(scope="module")
def flowers(api: LiveApi) -> LGBMClassifier:
    X, y = iris().X, iris().y
    estimator = LGBMClassifier(n_estimators=5, verbose=-1).fit(X, y)
    assert api.lab().publish("boosted", estimator, X, y).live
    return estimator


def changed(api: LiveApi, estimator: LGBMClassifier, change: Change) -> int:
    """Write a version as a publisher would, changed before its checksums are made."""
    store, trained = ModelStore(api.models), iris()
    written = Publication("boosted", estimator, trained.X, trained.y).write(store, {}, None, {})

    def fill(folder: Path) -> Manifest:
        for file in store.folder("boosted", written).iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        (folder / "SHA256SUMS").unlink()
        return change(folder, store.manifest("boosted", written))

    return store.add("boosted", fill)


def refusal(api: LiveApi, estimator: LGBMClassifier, change: Change) -> str:
    number = changed(api, estimator, change)
    with pytest.raises(RefusedError) as caught:
        api.lab().promote("boosted", number)
    assert_served(api, estimator)
    return str(caught.value)


def assert_served(api: LiveApi, estimator: LGBMClassifier) -> None:
    given = api.lab().predict("boosted", iris().X)
    assert given["prediction"].tolist() == np.asarray(estimator.predict(iris().X)).tolist()
    shares = given[["proba_0", "proba_1", "proba_2"]].to_numpy()
    assert np.allclose(shares, estimator.predict_proba(iris().X), atol=1e-6, rtol=0)


def test_boosters_are_files_of_their_own(api: LiveApi, flowers: LGBMClassifier) -> None:
    assert_served(api, flowers)
    folder = ModelStore(api.models).folder("boosted", 1)
    assert (folder / "booster-0.txt").read_bytes().startswith(b"tree\n")
    assert "booster-0.txt" in (folder / "SHA256SUMS").read_text()
    manifest = ModelStore(api.models).manifest("boosted", 1)
    assert manifest.libraries["lightgbm"] == installed("lightgbm")


def test_an_altered_booster_is_refused(api: LiveApi, flowers: LGBMClassifier) -> None:
    def alter(folder: Path, manifest: Manifest) -> Manifest:
        file = folder / "booster-0.txt"
        text = file.read_text()
        line = next(each for each in text.splitlines() if each.startswith("left_child="))
        file.write_text(text.replace(line, line[: -len(line.split()[-1])] + "0" * 1, 1))
        return manifest

    assert "A booster of LightGBM is damaged: " in refusal(api, flowers, alter)


def test_a_missing_booster_is_refused(api: LiveApi, flowers: LGBMClassifier) -> None:
    def remove(folder: Path, manifest: Manifest) -> Manifest:
        (folder / "booster-0.txt").unlink()
        return manifest

    assert "booster-0.txt cannot be read" in refusal(api, flowers, remove)


def test_a_missing_library_is_named(api: LiveApi, flowers: LGBMClassifier) -> None:
    def need(folder: Path, manifest: Manifest) -> Manifest:
        return manifest.model_copy(update={"libraries": {"catboost": "1.2.10"}})

    reason = refusal(api, flowers, need)
    assert "It was trained with catboost 1.2.10, which the API does not have." in reason
    assert "Add catboost to pyproject.toml, run `make lock`" in reason


def test_other_versions_are_named(api: LiveApi, flowers: LGBMClassifier) -> None:
    older = {"lightgbm": "4.0.0", "numpy": installed("numpy")}
    difference = f"trained with lightgbm 4.0.0, the API has {installed('lightgbm')}"

    def other_answers(folder: Path, manifest: Manifest) -> Manifest:
        bare, _ = boosters.take_out(DummyClassifier().fit(iris().X, iris().y))
        (folder / MODEL).write_bytes(artifact.dumps(bare))
        (folder / "booster-0.txt").unlink()
        return manifest.model_copy(update={"libraries": older})

    reason = refusal(api, flowers, other_answers)
    assert "Golden row" in reason
    assert f"It was {difference}" in reason

    # What predicts the same is served all the same, and lab.doctor says what differs.
    number = changed(api, flowers, lambda _, m: m.model_copy(update={"libraries": older}))
    api.lab().promote("boosted", number)
    told = [each.sentence for each in api.lab().doctor().findings if each.level == "note"]
    assert f"boosted version {number} was {difference}." in told
