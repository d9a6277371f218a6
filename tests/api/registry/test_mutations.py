"""An altered version is never served, and no worker ends."""

import random
import shutil
from collections.abc import Callable
from functools import partial
from math import ceil
from typing import Any

import pytest

from service.contract.model import checksums
from service.contract.model.manifest import MODEL
from service.contract.model.store import ModelStore
from service.lab.publish.publication import Publication
from tests.api.registry.mutations import MUTATIONS
from tests.contract.model_file.crafted import CASES
from tests.support.live import LiveApi, wait_until
from tests.support.models import FLOWER, iris
from tests.support.soak import times


@pytest.mark.parametrize("kind", MUTATIONS)
def test_what_was_altered_never_serves(api: LiveApi, kind: str) -> None:
    name, dice = kind.replace(" ", "-"), random.Random(0)
    store, trained = ModelStore(api.models), iris()
    publication = Publication(name, trained.estimator, trained.X, trained.y)
    publication.write(store, {}, None, {})
    store.promote(name, 1)
    good, pid = store.folder(name, 1), api.worker

    with api.http() as http:

        def about() -> dict[str, Any]:
            found: dict[str, Any] = http.get(f"/models/{name}").json()
            return found

        wait_until(lambda: http.get(f"/models/{name}").is_success and about()["live"], "version 1")
        for version in range(2, ceil(times(2000, 44) / len(MUTATIONS)) + 2):
            folder = api.models / name / str(version)
            shutil.copytree(good, api.models / name / ".mutant")
            MUTATIONS[kind](api.models / name / ".mutant", dice)
            (api.models / name / ".mutant").rename(folder)
            store.promote(name, version)
            wait_until(partial(refused, about, version), f"a verdict on {version}", 90)
            assert about()["live"]["version"] == 1, about()
            response = http.get(f"/models/{name}/predict", params=FLOWER)
            assert response.json() == {"prediction": 0}
            assert response.headers["X-Model-Version"] == "1"
        assert [worker["pid"] for worker in about()["workers"]] == [pid]
    assert api.process.poll() is None
    assert not (api.models / "trace").exists()


def test_odd_names_hide_no_model(api: LiveApi) -> None:
    store, trained = ModelStore(api.models), iris()
    for name in ("good", "odd"):
        publication = Publication(name, trained.estimator, trained.X, trained.y)
        folder = store.folder(name, publication.write(store, {}, None, {}))
        if name == "odd":
            (folder / MODEL).write_bytes(CASES["name_of_half_a_character"].make(""))
            checksums.write(folder)
        store.promote(name, 1)

    def shown() -> dict[str, Any]:
        response = http.get("/models")
        assert response.status_code == 200, response.text
        return {each["name"]: each for each in response.json()["models"]}

    with api.http() as http:
        wait_until(lambda: "odd" in shown() and shown()["odd"]["refused"], "a verdict")
        wait_until(lambda: shown()["good"]["live"], "the good one")


def refused(about: Callable[[], dict[str, Any]], version: int) -> bool:
    return version in [refusal["version"] for refusal in about()["refused"]]
