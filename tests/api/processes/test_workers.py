"""Several workers serve one model store, and publish waits for all of them."""

import os
import re
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sklearn.ensemble import RandomForestClassifier

from service.api.processes import strikes
from service.contract.errors import RefusedError
from service.contract.model import checksums
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, iris, publish_iris
from tests.support.soak import times

WORKERS = times(4, 2)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    folder = tmp_path_factory.mktemp("workers")
    publish_iris(folder / "models")
    with running_api(folder, API_WORKERS=str(WORKERS)) as api:
        wait_until(lambda: len(workers(api)) == WORKERS, "all workers")
        yield api


def workers(api: LiveApi) -> list[dict[str, Any]]:
    with api.http() as http:
        found: list[dict[str, Any]] = http.get("/models/iris").json()["workers"]
    return [worker for worker in found if worker["version"]]


def versions(api: LiveApi) -> Counter[str]:
    """Ask over many connections, so that each worker is likely to answer some."""
    answered: Counter[str] = Counter()
    for _ in range(60):
        with api.http() as http:
            response = http.get("/predict", params=FLOWER)
        assert response.json() == {"prediction": 0}
        answered[response.headers["X-Model-Version"]] += 1
    return answered


def test_publish_waits_for_all_workers(api: LiveApi) -> None:
    lab, trained = api.lab(), iris(seed=3)
    published = lab.publish("iris", trained.estimator, trained.X, trained.y)
    assert str(published) == f"iris version {published.version} (live in {WORKERS} workers)"
    assert versions(api).keys() == {str(published.version)}
    assert lab.promote("iris", 1).workers == WORKERS
    assert versions(api).keys() == {"1"}
    assert lab.rollback("iris").workers == WORKERS
    assert versions(api).keys() == {str(published.version)}


def test_all_workers_refuse_a_bad_version(api: LiveApi) -> None:
    lab, store = api.lab(), api.models / "iris"
    before = workers(api)[0]["version"]
    trained = iris(seed=4)
    version = lab.publish("iris", trained.estimator, trained.X, trained.y).version
    lab.rollback("iris")
    (store / str(version) / "model.skops").write_bytes(b"garbage")
    with pytest.raises(RefusedError, match=f"The API refused iris version {version}"):
        lab.promote("iris", version)
    assert versions(api).keys() == {str(before)}


def test_a_worker_that_fails_is_named(api: LiveApi) -> None:
    lab, trained = api.lab(), iris(seed=5)
    before = workers(api)[0]["version"]
    slow = RandomForestClassifier(300, random_state=0).fit(trained.X, trained.y)
    version = lab.publish("iris", slow, trained.X, trained.y).version
    lab.promote("iris", before)
    wait_until(lambda: not api.validations, "the end of all validations")
    with ThreadPoolExecutor(1) as pool:
        promoting = pool.submit(lab.promote, "iris", version)
        os.kill(wait_until(lambda: api.validations, "a validation")[0], signal.SIGKILL)
        with pytest.raises(RefusedError) as caught:
            promoting.result()
    said = rf"1 of the API's {WORKERS} workers \(process (\d+)\) refused iris"
    unlucky = re.search(said, str(caught.value))
    assert unlucky and int(unlucky[1]) in api.workers
    assert len(served(api, version)) == WORKERS - 1
    assert lab.promote("iris", version).workers == WORKERS  # and this time it is tried


def served(api: LiveApi, version: int) -> list[int]:
    return [worker["pid"] for worker in workers(api) if worker["version"] == version]


def test_three_strikes_drop_a_version(api: LiveApi) -> None:
    lab, trained = api.lab(), iris(seed=6)
    before = workers(api)[0]["version"]
    version = lab.publish("iris", trained.estimator, trained.X, trained.y).version
    digest = checksums.digest(api.models / "iris" / str(version))
    counted = strikes.Strikes(family(api))
    for _ in range(strikes.LIMIT):
        counted.add(strikes.label("iris", version, digest))
    wait_until(lambda: len(served(api, before)) == WORKERS, "the version before in all")
    assert versions(api).keys() == {str(before)}
    with api.http() as http:
        asked = http.post(f"/models/iris/predict?version={version}", json={"rows": [FLOWER]})
    assert asked.status_code == 503
    assert "did not end within ANSWER_SECONDS" in asked.json()["error"]
    assert lab.promote("iris", version).workers == WORKERS  # forgiven


def family(api: LiveApi) -> Path:
    """Return the folder that the workers share."""
    return Path(tempfile.gettempdir()) / f"labloop-{os.getuid()}-{api.process.pid}"


def test_reports_survive_a_cleaned_folder(api: LiveApi) -> None:
    shutil.rmtree(family(api))
    shutil.rmtree(api.logs / "replicas")
    assert api.lab().promote("iris", 1).live
    wait_until(lambda: len(workers(api)) == WORKERS, "all workers")


def test_a_killed_worker_comes_back(api: LiveApi) -> None:
    killed = workers(api)[0]["pid"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in [w["pid"] for w in workers(api)], "the dead one forgotten")
    wait_until(lambda: len(workers(api)) == WORKERS, "all workers again")
    assert api.lab().promote("iris", 1).workers == WORKERS


def test_each_worker_writes_a_segment(api: LiveApi) -> None:
    asked = sum(versions(api).values())
    assert len(list((api.logs / "predictions").glob("*.jsonl"))) > 1
    assert len(api.lab().predictions("iris")) >= asked
