"""Several replicas share a store and a log: publish waits for all, and each tells of all."""

import fcntl
import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from service.api.processes.report_files import STUCK_SECONDS
from service.contract.model.store import ModelStore
from service.lab.publish.publication import ModelVersion
from tests.api.processes.supervised import tree
from tests.support.disks import fill, mounted
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, iris, publish_iris


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[list[LiveApi]]:
    """Three replicas, each with its own process tree."""
    publish_iris(tmp_path / "models")
    with ExitStack() as running:
        yield [running.enter_context(running_api(tmp_path)) for _ in range(3)]


def publish(api: LiveApi, seed: int) -> ModelVersion:
    trained = iris(seed=seed)
    return api.lab().publish("iris", trained.estimator, trained.X, trained.y)


def states(api: LiveApi) -> Counter[str]:
    """Count the workers that a replica knows of, by their state."""
    with api.http() as http:
        return Counter(each["state"] for each in http.get("/models/iris").json()["workers"])


def answered(api: LiveApi) -> int:
    with api.http() as http:
        return int(http.get("/predict", params=FLOWER).headers["X-Model-Version"])


def send(api: LiveApi, number: int) -> None:
    for pid in tree(api):
        with suppress(ProcessLookupError):  # a validation ends at any time
            os.kill(pid, number)


def test_publish_waits_for_all_replicas(replicas: list[LiveApi], tmp_path: Path) -> None:
    published = publish(replicas[0], 1)
    assert str(published) == "iris version 2 (live in 3 replicas)"
    assert [answered(each) for each in replicas] == [2, 2, 2]
    assert replicas[1].lab().models().loc["iris", "replicas"] == "3 of 3"
    with running_api(tmp_path, API_WORKERS="2") as fourth:
        wait_until(lambda: states(fourth)["serving"] == 5, "the fourth replica")
        assert answered(fourth) == 2
        assert str(publish(fourth, 2)) == "iris version 3 (live in 5 workers of 4 replicas)"
    assert states(replicas[0]) == {"serving": 3}  # it said that it stops


def test_stuck_and_gone_are_told_apart(replicas: list[LiveApi]) -> None:
    first, second, third = replicas
    names = {each["pid"]: each["replica"] for each in workers(first)}
    send(second, signal.SIGSTOP)
    try:
        wait_until(lambda: states(first)["stuck"], "a stuck replica", STUCK_SECONDS + 30)
        published = publish(first, 1)
        assert (published.replicas, published.workers) == (2, 2)
        assert "live in 2 replicas; stuck, and not waited for: process" in str(published)
        assert names[stuck_pid(first)] in str(published)
        table, diagnosis = first.lab().models(), first.lab().doctor()
        assert table.loc["iris", "replicas"] == "2 of 3"
        assert any("is stuck" in each.sentence for each in diagnosis.findings)
    finally:
        send(second, signal.SIGCONT)
    wait_until(lambda: answered(second) == 2, "the one that was stuck")
    wait_until(lambda: states(third) == {"serving": 3}, "all three")
    send(third, signal.SIGKILL)
    wait_until(lambda: states(first) == {"serving": 2, "gone": 1}, "the one that is gone")
    assert str(publish(second, 2)) == "iris version 3 (live in 2 replicas)"
    assert first.lab().models().loc["iris", "replicas"] == "2 of 2"
    assert any("is gone" in each.sentence for each in first.lab().doctor().findings)


def workers(api: LiveApi) -> list[dict[str, Any]]:
    with api.http() as http:
        found: list[dict[str, Any]] = http.get("/models/iris").json()["workers"]
    return found


def stuck_pid(api: LiveApi) -> int:
    (pid,) = [each["pid"] for each in workers(api) if each["state"] == "stuck"]
    return int(pid)


def test_a_starting_replica_is_waited_for(tmp_path: Path) -> None:
    publish_iris(tmp_path / "models")
    with running_api(tmp_path) as api, (api.logs / "replicas" / "b-1-2.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        report = api.logs / "replicas" / "b-1-2.json"
        said: dict[str, Any] = {"replica": "b-1", "pid": 2, "state": "starting", "models": {}}
        report.write_bytes(orjson.dumps(said))
        wait_until(lambda: states(api) == {"serving": 1, "starting": 1}, "both replicas")
        with ThreadPoolExecutor(1) as pool:
            publishing = pool.submit(publish, api, 1)
            wait_until(lambda: answered(api) == 2, "the first replica")
            report.touch()
            assert not publishing.done()
            generation = ModelStore(api.models).aliases("iris").generation
            said["models"] = {"iris": {"generation": generation, "version": 2, "refused": {}}}
            report.with_suffix(".new").write_bytes(orjson.dumps(said | {"state": "serving"}))
            report.with_suffix(".new").replace(report)
            assert publishing.result().replicas == 2


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"replica": "a-1", "pid": 1, "state": "well", "models": []}']
)
def test_odd_reports_are_left_out(tmp_path: Path, content: bytes) -> None:
    publish_iris(tmp_path / "models")
    folder = tmp_path / "logs" / "replicas"
    folder.mkdir(parents=True)
    (folder / "a-1-1.json").write_bytes(content)
    with running_api(tmp_path) as api:
        assert states(api) == {"serving": 1}


def test_reports_wait_for_room(tmp_path: Path) -> None:
    publish_iris(tmp_path / "models")
    with mounted("8m") as disk, running_api(tmp_path, LOGS_DIR=str(disk), API_WORKERS="2") as api:
        wait_until(lambda: len(workers(api)) == 2, "both workers")
        ballast = fill(disk)
        store = ModelStore(api.models)
        store.promote("iris", 1)
        wait_until(
            lambda: api.output.read_text().count(f"cannot be written to {disk}") == 2, "a word"
        )
        ballast.unlink()
        generation = store.aliases("iris").generation
        wait_until(
            lambda: {each["generation"] for each in workers(api)} == {generation},
            "both workers to tell what they serve",
        )


def test_reports_of_a_cleaned_folder_return(replicas: list[LiveApi]) -> None:
    for file in (replicas[0].logs / "replicas").iterdir():
        file.unlink()
    wait_until(lambda: states(replicas[1]) == {"serving": 3}, "all reports")
    assert publish(replicas[2], 1).replicas == 3
