"""Several replicas in Compose: one port, one store, one log, and nothing lost when one goes."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.support.live import PLAIN, wait_until
from tests.support.models import FLOWER
from tests.support.stack import ComposeLab, composed, copy_checkout

REPLICAS = 3
PUBLISH = """
from service.lab import Lab
import pandas as pd
from sklearn.linear_model import LogisticRegression
iris = pd.read_csv("data/iris.csv")
X, y = iris[["sepal_length", "sepal_width", "petal_length", "petal_width"]], iris["species"]
y = y.astype("category").cat.codes
print(Lab().publish("iris", LogisticRegression(max_iter=1000).fit(X, y), X, y))
print(Lab().models().loc["iris", "replicas"])
"""
READ = "from service.lab import Lab; print(*Lab().predictions('iris')['prediction_id'])"


@pytest.fixture(scope="module")
def lab(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeLab]:
    """Start three replicas by the one command."""
    folder = copy_checkout(tmp_path_factory.mktemp("replicas"))
    with composed(folder, "labloop-test-replicas") as lab:
        lab.environment["API_REPLICAS"] = str(REPLICAS)
        done = lab.run("start/up.py", "docker")
        assert done.returncode == 0, done.stdout + done.stderr + lab.log()
        lab.environment["COMPOSE_FILE"] = "docker-compose.yml:start/replicas/compose.yml"
        wait_until(lambda: lab.version() == 1, "the first model")
        yield lab


def containers(lab: ComposeLab) -> list[str]:
    return lab.compose("ps", "--quiet", "api").stdout.split()


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)
    return done.stdout


def serving(lab: ComposeLab) -> int:
    """Count the replicas that serve."""
    workers = httpx.get(f"{lab.api_url}/models/iris", **PLAIN, timeout=10).json()["workers"]
    return len({each["replica"] for each in workers if each["state"] == "serving"})


def is_ready(container: str) -> bool:
    state = docker("inspect", "--format", "{{.State.Health.Status}}", container)
    return state.strip() == "healthy"


@contextmanager
def clients(lab: ComposeLab) -> Iterator[list[str]]:
    """Ask all the time, over one connection and over new ones; every request must be answered."""
    ids: list[str] = []
    ending = threading.Event()
    url = f"{lab.api_url}/predict"

    def ask(get: Callable[..., httpx.Response]) -> None:
        while not ending.is_set():
            answered = get(url, params=FLOWER, timeout=30)
            assert answered.json() == {"prediction": 0}, answered.text
            ids.append(answered.headers["X-Prediction-Id"])

    def ask_anew(url: str, **options: Any) -> httpx.Response:
        return httpx.get(url, **PLAIN, **options)

    with ThreadPoolExecutor(4) as pool, httpx.Client(**PLAIN) as kept:
        asking: list[Future[None]] = [pool.submit(ask, kept.get) for _ in range(2)]
        asking += [pool.submit(ask, ask_anew) for _ in range(2)]
        try:
            yield ids
        finally:
            ending.set()
        for each in asking:
            each.result()


def test_one_command_starts_all(lab: ComposeLab) -> None:
    assert len(containers(lab)) == REPLICAS
    said = lab.run_in("lab", "python", "-c", PUBLISH).stdout.splitlines()
    assert said == ["iris version 2 (live in 3 replicas)", "3 of 3"]
    answered = {lab.version() for _ in range(3 * REPLICAS)}
    assert answered == {2}
    done = lab.doctor()
    assert done.returncode == 0, done.stdout


def test_rolling_replacement_loses_nothing(lab: ComposeLab) -> None:
    with clients(lab) as ids:
        for container in containers(lab)[:2]:
            wait_until(lambda: len(ids) > 20, "answers")
            docker("stop", "--time", "60", container)
            docker("start", container)
            wait_until(lambda: serving(lab) == REPLICAS, "the replica to serve again")
            wait_until(lambda c=container: is_ready(c), "a healthy container")  # type: ignore[misc]
        killed = containers(lab)[2]
        before = len(ids)
        docker("kill", killed)
        wait_until(lambda: len(ids) > before + 20, "answers without it")
        docker("start", killed)
        wait_until(lambda: serving(lab) == REPLICAS, "the replica to serve again")
    logged = lab.run_in("lab", "python", "-c", READ).stdout.split()
    assert len(logged) == len({*logged})
    assert {*ids} <= {*logged}
    assert len(ids) == len({*ids})


def test_fewer_replicas_need_no_proxy(lab: ComposeLab) -> None:
    names = ("API_REPLICAS", "COMPOSE_FILE")
    kept = {name: lab.environment.pop(name) for name in names}
    try:
        done = lab.run("start/up.py", "docker")
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(containers(lab)) == 1
        wait_until(lambda: lab.version() == 2, "the model")
        assert "proxy" not in lab.compose("ps", "--services").stdout
    finally:
        lab.environment |= kept


def test_odd_numbers_are_refused(lab: ComposeLab) -> None:
    for number in ("0", "21", "three", "-1"):
        lab.environment["API_REPLICAS"] = number
        done = lab.run("start/up.py", "docker")
        assert done.returncode == 1
        assert f"API_REPLICAS={number!r} cannot be used" in done.stderr
    lab.environment["API_REPLICAS"] = str(REPLICAS)
