"""Pods that share no volume: models and the log are in an object store, as the component says."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.live import wait_until
from tests.support.manifests import manifests
from tests.support.pods import Cluster, cluster, passes, said, state
from tests.support.release import docker, image_of
from tests.support.s3 import running_s3

TOKENS = {
    "API_TOKEN": "a-token-of-the-api",
    "STORE_URL": "s3://bucket/models",
    "ARCHIVE_URL": "s3://bucket/log",
}
PORTS = {"http": 8000}
PUBLISH = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from service.lab import Lab

X, y = load_iris(return_X_y=True, as_frame=True)
lab = Lab()
print(lab.publish("iris", LogisticRegression(max_iter=1000).fit(X, y), X, y))
print(len(lab.predict("iris", X)), "rows")
"""
READ = "from service.lab import Lab; print(len(Lab().predictions('iris', version=2)))"

Running = tuple[Cluster, dict[str, str]]


@pytest.fixture(scope="module")
def running(release: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("apart")
    found, secrets = manifests("object-store"), {"tokens": TOKENS}
    with (
        cluster(found, folder, image_of("api"), secrets) as made,
        running_s3(folder, made.gateway) as s3,
    ):
        made.secrets["object-store"] = s3.environment
        pods = {"api-0": made.run("api", 0), "api-1": made.run("api", 1)}
        pods |= {"train": made.run("train"), "lab-0": made.run("lab", 0)}
        yield made, pods


def is_ready(running: Running, pod: str) -> bool:
    made, pods = running
    (container,) = made.manifests.pods["api"].spec["containers"]
    return passes(pods[pod], container["readinessProbe"], PORTS)


def test_training_goes_through_the_store(running: Running) -> None:
    train = running[1]["train"]
    wait_until(lambda: state(train)["status"] == "exited", "the training", 120)
    assert "Model 'iris' is published and served." in said(train)
    for pod in ("api-0", "api-1"):
        wait_until(partial(is_ready, running, pod), f"{pod} ready", 30)


def test_publish_waits_for_both_replicas(running: Running) -> None:
    lab = running[1]["lab-0"]
    done = docker("exec", lab, "python", "-W", "ignore", "-c", PUBLISH)
    assert done.stdout.splitlines() == ["iris version 2 (live in 2 replicas)", "150 rows"]


def test_a_new_replica_fetches_its_models(running: Running) -> None:
    """What it had copies of went with its pod."""
    made, pods = running
    docker("rm", "--force", pods["api-1"])
    pods["api-1"] = made.run("api", 1)
    wait_until(lambda: is_ready(running, "api-1"), "ready", 60)
    kept = docker("exec", pods["api-1"], "ls", "data/models/iris").stdout.split()
    assert "2" in kept


def test_the_lab_reads_all_logs(running: Running) -> None:
    """What the removed pod had not archived, its successor did, which was given its volume."""
    done = docker("exec", running[1]["lab-0"], "python", "-W", "error", "-c", READ)
    assert done.stdout.split() == ["150"]
