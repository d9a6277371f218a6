"""A full temporary folder stops nothing, and no response fails."""

import shutil
from pathlib import Path

from service.contract.model.store import ModelStore
from service.lab.publish.publication import Publication
from tests.support.disks import fill, mounted
from tests.support.live import LiveApi, running_api
from tests.support.models import FLOWER, body_mass, iris, publish_iris

LONG = "m" * 61  # the longer the names, the fewer models fill what is reserved at first
NAMES = [f"{LONG}-{number}" for number in range(10, 80)]


def publish_many(folder: Path) -> None:
    store, trained = ModelStore(folder), body_mass()
    publication = Publication(LONG, trained.estimator, trained.X, trained.y)
    store.promote(LONG, publication.write(store, {}, None, {}))
    for name in NAMES:
        shutil.copytree(folder / LONG, folder / name)


def counted(api: LiveApi) -> float:
    """Sum up the rows that all models answered, as Prometheus hears it."""
    with api.http() as http:
        rows = http.get("/metrics").text.splitlines()
    return sum(float(row.split()[1]) for row in rows if row.startswith("labloop_predictions_total"))


def test_metrics_without_room_are_dropped(tmp_path: Path) -> None:
    publish_iris(tmp_path / "models")
    publish_many(tmp_path / "models")
    rows = body_mass().X.dropna()[:1].to_dict("records")
    with (
        mounted("4m") as disk,
        running_api(tmp_path, TMPDIR=str(disk), DEFAULT_MODEL="iris") as api,
        api.http() as http,
    ):
        ballast = fill(disk)
        for name in NAMES:
            answered = http.post(f"/models/{name}/predict", json={"rows": rows})
            assert answered.status_code == 200, answered.text
        said = f"cannot be kept in {disk}"
        assert api.output.read_text().count(said) == 1
        assert http.get("/models").is_success
        told = http.get("/metrics").text
        assert f'duration_seconds_count{{model="{NAMES[0]}"}} 1.0' in told
        assert f'duration_seconds_count{{model="{NAMES[-1]}"}}' not in told
        ballast.unlink()
        assert http.get("/predict", params=FLOWER).is_success
        assert counted(api) == len(NAMES) + 1
        told = http.get("/metrics").text
        for name in NAMES:
            assert f'duration_seconds_count{{model="{name}"}} 1.0' in told


def test_an_api_starts_without_room(tmp_path: Path) -> None:
    publish_iris(tmp_path / "models")
    with mounted("1m") as disk:
        fill(disk)
        with running_api(tmp_path, TMPDIR=str(disk)) as api, api.http() as http:
            assert http.get("/predict", params=FLOWER).json() == {"prediction": 0}
            assert counted(api) == 1
            assert f"Metrics cannot be kept in {disk}" in api.output.read_text()
            lab, trained = api.lab(), iris(seed=3)
            assert lab.publish("iris", trained.estimator, trained.X, trained.y).version == 2
            assert http.get("/models/iris").json()["workers"][0]["version"] == 2
