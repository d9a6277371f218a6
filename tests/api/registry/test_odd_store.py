"""An API beside odd files in its store serves what is good, and names the rest."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.contract.errors import (
    LabloopError,
    NotPublishedError,
)
from service.contract.model.aliases import ALIASES
from service.contract.model.manifest import MANIFEST, MODEL
from service.contract.model.store import ModelStore
from tests.contract.model import odd_entries
from tests.contract.model.odd_entries import KINDS, NAMES
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, iris, publish_iris

ODD_ALIASES = {
    f"alias-{number}": odd_entries.writes(content)
    for number, content in enumerate(odd_entries.ALIASES.values())
} | {
    f"aliases-{number}": make
    for number, (kind, make) in enumerate(KINDS.items())
    if "folder" not in kind or kind == "empty folder"
}
LIVE_AT = {
    f"live-{number}": make for number, make in enumerate(KINDS.values())
}  # where the alias file says that 7 is live
ODD_FILES = {
    f"{file.partition('.')[0].lower()}-{number}": (file, make)
    for file in (MANIFEST, MODEL)
    for number, make in enumerate([*KINDS.values()][:6])
}


def spoil(models: Path) -> None:
    """Put a good version, and something odd beside or in it, under each of many names."""
    good = models / "iris" / "1"
    for name in (*ODD_ALIASES, *LIVE_AT, *ODD_FILES):
        home = models / name
        home.mkdir()
        shutil.copytree(good, home / "1")
        (home / ALIASES).write_text('{"generation": 1, "live": 1}')
    for name, make in ODD_ALIASES.items():
        (models / name / ALIASES).unlink()
        make(models / name / ALIASES)
    for name, make in LIVE_AT.items():
        (models / name / ALIASES).write_text('{"generation": 1, "live": 7}')
        make(models / name / "7")
    for name, (file, make) in ODD_FILES.items():
        (models / name / "1" / file).unlink()
        make(models / name / "1" / file)
    for place in (models, models / "iris"):
        for name in NAMES:
            for number, make in enumerate(KINDS.values()):
                if not number or len(os.fsencode(name)) < 200:
                    make(place / (f"{name}{number or ''}"))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    folder = tmp_path_factory.mktemp("odd")
    publish_iris(folder / "models")
    spoil(folder / "models")
    with running_api(folder) as api:
        yield api
    for path in folder.rglob("*"):
        if not path.is_symlink() and path.is_dir():
            path.chmod(0o700)


def shown(api: LiveApi) -> dict[str, Any]:
    with api.http() as http:
        answer = http.get("/models")
    assert answer.status_code == 200
    return {model["name"]: model for model in answer.json()["models"]}


def test_bad_models_hide_no_good_ones(api: LiveApi) -> None:
    models = shown(api)
    assert models["iris"]["live"]["version"] == 1
    assert models["iris"]["versions"] == [1]
    assert models["iris"]["problem"] is None
    bad = {*ODD_ALIASES, *LIVE_AT, *ODD_FILES}
    assert {*models} == {"iris", *bad}
    for name in bad:
        assert models[name]["live"] is None
        assert models[name]["versions"] == [1]
        assert models[name]["refused"][-1]["reason"]
    assert all("cannot be read" in models[name]["problem"] for name in ODD_ALIASES)
    assert all("7 does not count, since it " in models[name]["problem"] for name in LIVE_AT)


def test_v2_index_and_lab_agree(api: LiveApi) -> None:
    lab = api.lab()
    with api.http() as http:
        index = http.get("/v2/repository/index").json()
        assert [each["version"] for each in index if each["name"] == "iris"] == ["1"]
        assert {each["name"] for each in index} == {*shown(api)}
        for name in ("aliases-5", "live-0", "manifest-5"):
            assert http.get(f"/models/{name}/predict", params=FLOWER).status_code == 503
            assert http.get(f"/models/{name}/versions/7").status_code == 404
        assert http.get("/models/iris/versions/20261125").status_code == 404
    table = lab.models()
    assert table.loc["iris", ["live", "versions"]].tolist() == [1, 1]
    assert table.loc[[*LIVE_AT, *ODD_ALIASES], "problem"].notna().all()
    assert "cannot be read" in table.loc["manifest-5", "problem"]
    assert "problem" in lab.versions("manifest-5")
    told = "\n".join(f.sentence for f in lab.doctor().findings if f.check == "models")
    assert "is ignored" in told and "more things like these" in told
    assert "Version 7 of model 'live-0' is to be live, but 7 does not count, since it is a" in told


def test_publishing_and_reload_go_on(api: LiveApi) -> None:
    lab, trained = api.lab(), iris(1)
    published = lab.publish("iris", trained.estimator, trained.X, trained.y)
    assert (published.version, published.live) == (2, True)
    assert lab.predict("iris", FLOWER)["prediction"].tolist() == [0]
    with pytest.raises(NotPublishedError, match=r"lab\.promote\('live-0', 1\)"):
        lab.predict("live-0", FLOWER)
    for name in ("live-0", "alias-5", "aliases-5"):
        assert lab.promote(name, 1).live
        assert lab.predict(name, FLOWER)["prediction"].tolist() == [0]
        assert shown(api)[name]["problem"] is None


def test_the_output_names_each_once(api: LiveApi) -> None:
    before = api.output.read_text()
    assert "Traceback" not in before
    wait_until(lambda: shown(api)["iris"], "a look")
    assert api.output.read_text().count("Model alias-3: version None is refused") == 1


# Deleted by hand.


def test_a_deleted_live_version_is_told(api: LiveApi) -> None:
    lab, trained, store = api.lab(), iris(), ModelStore(api.models)
    for _ in range(2):
        lab.publish("gone", trained.estimator, trained.X, trained.y)
    shutil.rmtree(store.folder("gone", 2))
    assert lab.predict("gone", FLOWER)["prediction"].tolist() == [0]  # from memory
    problem = shown(api)["gone"]["problem"]
    assert "Version 2 of model 'gone' is to be live, but its folder is deleted" in problem
    assert "lab.promote('gone', 1)" in problem
    fixes = [finding.sentence for finding in lab.doctor().fixes]
    assert problem in fixes
    assert lab.models().loc["gone", "problem"] == problem
    with pytest.raises(LabloopError, match="has no version 2"):
        lab.quality("gone")
    assert lab.promote("gone", 1).live
    assert shown(api)["gone"]["problem"] is None
