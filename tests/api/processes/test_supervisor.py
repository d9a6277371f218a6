"""When a process of the API is killed, the API answers again."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sklearn.ensemble import RandomForestClassifier

from service.contract.errors import RefusedError
from service.contract.model.store import ModelStore
from service.lab.publish.publication import Publication
from tests.api.processes.supervised import answers, is_free, serving, tree
from tests.support.live import (
    CHECKOUT,
    PLAIN,
    LiveApi,
    free_ports,
    lives,
    running_api,
    wait_until,
)
from tests.support.models import iris, publish_iris


def publish(api: LiveApi) -> None:
    trained = iris()
    assert api.lab().publish("iris", trained.estimator, trained.X, trained.y).live


# What ends.


@pytest.fixture(scope="module", params=[1, 2])
def api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveApi]:
    folder = tmp_path_factory.mktemp("api")
    publish_iris(folder / "models")
    with running_api(folder, API_WORKERS=str(request.param)) as api:
        wait_until(lambda: serving(api) == request.param, "all workers")
        yield api


def test_a_killed_worker_is_replaced(api: LiveApi) -> None:
    before = api.workers
    os.kill(before[0], signal.SIGKILL)
    said = f"Worker {before[0]} ended by signal 9 (SIGKILL, out of memory?). The next one starts"
    wait_until(lambda: said in api.output.read_text(), "its end told")
    wait_until(lambda: serving(api) == len(before), "all workers")
    assert answers(api)


def test_a_killed_fork_server_is_replaced(api: LiveApi) -> None:
    server, workers = api.fork_server, api.workers
    os.kill(server, signal.SIGKILL)
    publish(api)
    assert api.fork_server != server
    assert api.workers == workers  # they went on


def test_a_killed_supervisor_ends_all(api: LiveApi) -> None:
    trained = iris()
    slow = RandomForestClassifier(300, random_state=0).fit(trained.X, trained.y)
    store = ModelStore(api.models)
    publication = Publication("iris", slow, trained.X, trained.y)
    store.promote("iris", publication.write(store, {}, None, {}))
    server = api.fork_server

    def validations() -> list[int]:
        """List those that have begun their work."""
        found = api.validations
        return [pid for pid in found if os.getpriority(os.PRIO_PROCESS, pid) == 10]

    os.kill(wait_until(validations, "a validation")[0], signal.SIGSTOP)  # what is stopped ends, too
    os.kill(server, signal.SIGSTOP)
    processes = tree(api)
    assert len(processes) >= 4
    os.kill(api.process.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(lives, processes)), "the end of all")
    assert is_free(api.url)


def stop_fork_server(api: LiveApi) -> None:
    """Stop it when it has told the end of each validation; else it is replaced for that."""
    wait_until(lambda: not api.validations, "the end of validations")
    os.kill(api.fork_server, signal.SIGSTOP)


def test_a_stopped_fork_server_is_replaced(tmp_path: Path) -> None:
    publish_iris(tmp_path / "models")
    with running_api(tmp_path, API_WORKERS="1", TRIAL_SECONDS="12") as api:
        trained, lab = iris(), api.lab()
        stop_fork_server(api)
        with pytest.raises(RefusedError, match="the fork server did not answer, and is replaced"):
            lab.publish("iris", trained.estimator, trained.X, trained.y)
        publish(api)
        stop_fork_server(api)
        ModelStore(api.models).promote("iris", 1)
        api.process.terminate()
        api.process.wait(10)


def test_a_container_listens_on_every_address(tmp_path: Path) -> None:
    (command,) = re.findall(r"^CMD (.+)$", (CHECKOUT / "Dockerfile.api").read_text(), re.M)
    program, *words = json.loads(command)
    assert program == "python"
    (port,) = free_ports(1)
    environment = {"API_PORT": str(port), "BIND_ADDRESS": "127.0.0.1", "LOGS_DIR": str(tmp_path)}
    environment |= {"MODELS_DIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, *words], cwd=CHECKOUT, env=os.environ | environment)

    def is_live() -> bool:
        assert process.poll() is None
        try:  # Linux has all of 127.0.0.0/8
            url = f"http://127.0.0.2:{port}/health/live"
            return httpx.get(url, headers={"Host": "localhost"}, **PLAIN).is_success
        except httpx.TransportError:
            return False

    try:
        wait_until(is_live, "an answer at another address")
    finally:
        process.terminate()
        process.wait(30)
