"""The release images run under exactly what the manifests say, and serve what the lab publishes."""

import json
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from tests.k8s.test_manifests import ports_of
from tests.support.live import PLAIN, wait_until
from tests.support.manifests import manifests
from tests.support.pods import Cluster, address, cluster, end, passes, said, state
from tests.support.release import docker, image_of

LOCAL = "local"
TOKENS = {"API_TOKEN": "a-token-of-the-api", "JUPYTER_TOKEN": "a-token-of-the-lab"}

PUBLISH = """
import json
import numpy as np
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.datasets import load_iris
from xgboost import XGBClassifier
from service.lab import Lab

X, y = load_iris(return_X_y=True, as_frame=True)
lab = Lab()
told = {}
for name, estimator in {
    "xgboost": XGBClassifier(n_estimators=20),
    "lightgbm": LGBMClassifier(n_estimators=20, verbose=-1),
    "boosting": HistGradientBoostingRegressor(max_iter=20),
}.items():
    estimator.fit(X, y)
    published = lab.publish(name, estimator, X, y)
    answers = lab.predict(name, X)["prediction"]
    told[name] = [published.workers, bool(np.array_equal(answers, estimator.predict(X)))]
told["read back"] = [len(lab.predictions(name)) for name in ("xgboost", "lightgbm", "boosting")]
print(json.dumps(told))
"""
ASK = """
import json, sys
from urllib.request import Request, urlopen
url, token = sys.argv[1:]
request = Request(url, headers={"Authorization": f"Bearer {token}"})
print(json.dumps(json.load(urlopen(request))))
"""


@pytest.fixture(scope="module")
def running(
    release: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Cluster, dict[str, str]]]:
    """Start two replicas, train, and start the lab, as `kubectl apply` does."""
    folder = tmp_path_factory.mktemp("pods")
    with cluster(manifests(LOCAL), folder, image_of("api"), {"tokens": TOKENS}) as made:
        pods = {"api-0": made.run("api", 0), "api-1": made.run("api", 1)}
        pods["train"] = made.run("train")
        pods["lab-0"] = made.run("lab", 0)
        yield made, pods


Running = tuple[Cluster, dict[str, str]]


def ask(running: Running, pod: str, kind: str) -> bool:
    """Ask a probe of a pod."""
    made, pods = running
    kinds = made.manifests.pods[pod.partition("-")[0]]
    (container,) = kinds.spec["containers"]
    return passes(pods[pod], container[kind], ports_of(kinds))


def test_the_first_training_reaches_the_api(running: Running) -> None:
    """It does so although no replica is ready before it."""
    pods = running[1]
    for pod in ("api-0", "api-1", "lab-0"):
        wait_until(partial(ask, running, pod, "startupProbe"), f"the start of {pod}", 120)
    wait_until(lambda: state(pods["train"])["status"] == "exited", "the training", 120)
    assert state(pods["train"]) == {"status": "exited", "code": 0, "killed": False}
    assert "Model 'iris' is published and served." in said(pods["train"])


@pytest.mark.parametrize("pod", ["api-0", "api-1", "lab-0"])
@pytest.mark.parametrize("kind", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_probes_pass_by_the_address(running: Running, pod: str, kind: str) -> None:
    wait_until(lambda: ask(running, pod, kind), f"{kind} of {pod}", 30)


def test_the_lab_publishes_boosters(running: Running) -> None:
    """It does so to both replicas, under the limits of both sides."""
    pods = running[1]
    done = docker("exec", pods["lab-0"], "python", "-W", "ignore", "-c", PUBLISH)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told.pop("read back") == [150, 150, 150]
    assert told == {name: [2, True] for name in ("xgboost", "lightgbm", "boosting")}


def test_the_notebook_runs_in_the_lab(running: Running) -> None:
    notebook = ["notebooks/02_train.ipynb", "/tmp/trained.ipynb", "--no-progress-bar"]
    docker("exec", running[1]["lab-0"], "papermill", *notebook)
    for pod in ("api-0", "api-1"):
        done = docker(
            *("exec", running[1][pod], "python", "-c", ASK),
            *("http://localhost:8000/models/iris", TOKENS["API_TOKEN"]),
        )
        assert json.loads(done.stdout)["live"]["version"] == 2


@pytest.mark.parametrize("name", ["api", "api.labloop.svc.cluster.local", "api-replicas"])
def test_services_are_called_by_name(running: Running, name: str) -> None:
    url = f"http://{name}:8000/models"
    done = docker("exec", running[1]["lab-0"], "python", "-c", ASK, url, TOKENS["API_TOKEN"])
    assert "iris" in done.stdout


def test_tokens_stand_in_no_environment(running: Running) -> None:
    for container in running[1].values():
        environment = docker("inspect", "--format={{.Config.Env}}", container).stdout
        assert not any(token in environment for token in TOKENS.values())
    refused = docker(
        *("exec", running[1]["lab-0"], "python", "-c", ASK, "http://api:8000/models", "other"),
        check=False,
    )
    assert "401" in refused.stderr
    assert f"token={TOKENS['JUPYTER_TOKEN']}" in said(running[1]["lab-0"])


def test_prometheus_asks_by_the_address(running: Running) -> None:
    _, pods = running
    url = f"http://{address(pods['api-0'])}:8000/metrics"
    token = {"Authorization": f"Bearer {TOKENS['API_TOKEN']}"}
    assert "labloop_workers 1.0" in httpx.get(url, headers=token, **PLAIN).text
    assert httpx.get(url, **PLAIN).status_code in (401, 403)


def test_a_volume_keeps_its_notebooks(running: Running) -> None:
    made, pods = running
    edit = "echo mine > notebooks/01_explore.ipynb; rm data/penguins.csv; ls data notebooks"
    docker("exec", pods["lab-0"], "sh", "-c", edit)
    docker("rm", "--force", pods["lab-0"])
    pods["lab-0"] = made.run("lab", 0)
    show = "cat notebooks/01_explore.ipynb; ls data"
    shown = docker("exec", pods["lab-0"], "sh", "-c", show).stdout.split()
    assert shown[0] == "mine"
    assert {"penguins.csv", "iris.csv", "README.md", "log-copy", "models"} <= {*shown}


def test_an_unknown_setting_is_said(running: Running) -> None:
    made, _ = running
    (made.settings / "LOG_SINK").write_text("interval")
    container = made.run("api", 2)
    wait_until(lambda: state(container)["status"] == "exited", "its end", 30)
    (made.settings / "LOG_SINK").unlink()
    assert state(container)["code"] == 1
    assert "'LOG_SINK' in SETTINGS_DIR='/etc/labloop' is no setting." in said(container)


def test_pods_end_within_their_grace(running: Running) -> None:
    """Whatever is over the time is killed, and its code would be 137."""
    made, pods = running
    grace = made.manifests.pods["api"].spec["terminationGracePeriodSeconds"]
    for pod in ("api-0", "api-1"):
        assert not state(pods[pod])["killed"]
    assert float(made.manifests.settings["DRAIN_SECONDS"]) <= end(pods["api-1"], grace) < grace
    assert state(pods["api-1"])["code"] == 0
