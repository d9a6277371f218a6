"""The Compose profile `cluster`: what it runs, who reaches it, what it may do, how it ends."""

import json
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.browser import new_browser, show_cluster
from tests.support.cluster import SEARCH, certificates
from tests.support.live import PLAIN, free_ports
from tests.support.stack import ComposeLab, check_may_do_little, composed, copy_checkout

REACH = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 8786), timeout=3)
except OSError as error:
    sys.exit(f"not reached: {error}")
"""

ASKED = """
import os
from service.lab import Lab
print(os.environ["DASK_SCHEDULER_ADDRESS"], Lab().models().loc["diamonds", "live"])
"""
SCORE = """
import pandas as pd
from service.lab import CHECKOUT, Lab

iris = pd.read_csv(CHECKOUT / "data" / "iris.csv")
data, out = CHECKOUT / "data" / "flowers.csv", CHECKOUT / "data" / "scores"
pd.concat([iris] * 1000).to_csv(data, index=False)
lab = Lab()
with lab.cluster() as cluster:
    lab.score("iris", data, out)
    workers = len(cluster.ncores())
same = f"SELECT count(*) AS n, count(DISTINCT row) AS rows FROM '{out}/part-*.parquet'"
print(workers, *lab.sql(same).iloc[0], lab.quality("iris", scored=out, truth="target").metric)
"""


@pytest.fixture(scope="module")
def lab(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeLab]:
    """Start everything by `make up`, with what `.env` says."""
    folder = copy_checkout(tmp_path_factory.mktemp("cluster") / "labloop")
    (port,) = free_ports(1)
    (folder / ".env").write_text(
        f"COMPOSE_PROFILES=cluster\nWORKERS=2\nWORKER_MEMORY=1g\nDASHBOARD_PORT={port}\n"
    )
    with composed(folder, "labloop-test-cluster") as lab:
        lab.environment.pop("DASHBOARD_PORT", None)
        done = lab.run("start/up.py", "docker")
        assert done.returncode == 0, done.stdout + done.stderr
        yield lab


def networks(container: dict[str, dict[str, dict[str, object]]]) -> set[str]:
    return {name.partition("_")[2] for name in container["NetworkSettings"]["Networks"]}


def test_every_service_is_healthy(lab: ComposeLab) -> None:
    for service, count in {"lab": 1, "scheduler": 1, "worker": 2}.items():
        states = [each["State"]["Health"]["Status"] for each in lab.containers(service)]
        assert states == ["healthy"] * count, service


def test_the_lab_searches_on_two_workers(lab: ComposeLab) -> None:
    done = lab.compose("exec", "-T", "-e", "JPY_SESSION_NAME=x", "lab", "python", "-c", SEARCH)
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert said == {
        "workers": "2",
        "memory": f"{{{2**30 - 150 * 2**20}}}",  # of the container's, not of the machine's
        "link": "/labloop-cluster/status",
        "uid": "{1000}",
        "tasks": "[True, True]",
        "same": "True",
    }


def test_the_notebook_searches_there(lab: ComposeLab) -> None:
    few = ["-p", "CANDIDATES", "24", "-p", "TIMED", "8"]
    notebook = ["notebooks/08_search.ipynb", "/tmp/08_search.ipynb", "--cwd", "notebooks"]
    lab.run_in("lab", "papermill", "--no-progress-bar", *few, *notebook)
    asked = lab.run_in("lab", "python", "-c", ASKED)
    assert asked.stdout.split() == ["tcp://scheduler:8786", "1"]


def test_scores_come_from_its_workers(lab: ComposeLab) -> None:
    done = lab.run_in("lab", "python", "-c", SCORE)
    assert done.stdout.splitlines()[-1] == "2 150000 150000 accuracy"


def test_only_the_lab_reaches_the_scheduler(lab: ComposeLab) -> None:
    inside = {"lab": {"default", "cluster"}, "scheduler": {"cluster"}, "worker": {"cluster"}}
    for service in ("api", "train", "lab", "scheduler", "worker"):
        for container in lab.containers(service):
            assert networks(container) == inside.get(service, {"default"}), service
    told = "".join(lab.inspect("train")["Config"]["Env"])
    assert "DASK_SCHEDULER_ADDRESS" not in told
    (network,) = lab.inspect("scheduler")["NetworkSettings"]["Networks"].values()
    for name in ("scheduler", network["IPAddress"]):
        lab.run_in("lab", "python", "-c", REACH, name)
        refused = lab.run_in("api", "python", "-c", REACH, name, check=False)
        assert "not reached: " in refused.stderr, name


@pytest.mark.parametrize("service", ["scheduler", "worker"])
def test_both_may_do_little(lab: ComposeLab, service: str) -> None:
    for container in lab.containers(service):
        check_may_do_little(container)
        assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_mounts_are_those_of_the_lab(lab: ComposeLab) -> None:
    def mounts(service: str) -> dict[str, bool]:
        return {each["Destination"]: each["RW"] for each in lab.containers(service)[0]["Mounts"]}

    assert mounts("worker") == mounts("lab") | {"/labloop/service": False}
    assert mounts("scheduler") == {"/labloop/service": False, "/labloop/data": False}


def test_the_dashboard_is_this_machines_alone(lab: ComposeLab) -> None:
    bindings = lab.inspect("scheduler")["HostConfig"]["PortBindings"]
    ((published,),) = bindings.values()
    assert [*bindings] == ["8787/tcp"]
    assert published["HostIp"] == "127.0.0.1"
    asked = httpx.get(f"http://127.0.0.1:{published['HostPort']}/status", **PLAIN)
    assert "Dask" in asked.text
    assert lab.containers("worker")[0]["HostConfig"]["PortBindings"] == {}
    # And through JupyterLab's port, for who is logged in.
    passed = f"{lab.lab_url}/labloop-cluster/status"
    assert httpx.get(passed, **PLAIN).status_code == 302
    assert "Dask" in httpx.get(passed, params={"token": lab.token()}, **PLAIN).text


def test_the_notebooks_link_opens_the_dashboard(lab: ComposeLab) -> None:
    """It needs nothing from elsewhere, and shows what the workers do."""
    with new_browser() as page:
        dashboard = show_cluster(lab, page)
        assert dashboard.url == f"{lab.lab_url}/labloop-cluster/status"
        workers = dashboard.context.new_page()
        workers.goto(f"{lab.lab_url}/labloop-cluster/info/main/workers.html")
        for container in lab.containers("worker"):
            (network,) = container["NetworkSettings"]["Networks"].values()
            expect(workers.get_by_text(network["IPAddress"]).first).to_be_visible()


def test_tls_is_one_setting(lab: ComposeLab) -> None:
    certificates(lab.folder)
    with (lab.folder / ".env").open("a") as file:
        file.write("CLUSTER_TLS_DIR=data/cluster-tls\n")
    done = lab.run("start/up.py", "docker")
    assert done.returncode == 0, done.stdout + done.stderr
    lab.run_in("lab", "python", "-c", SEARCH)
    assert "tls://" in lab.log("scheduler")
    assert "tcp://" not in lab.log("scheduler")


def test_make_down_ends_all_of_it(lab: ComposeLab) -> None:
    """Whatever `.env` says by then."""
    (lab.folder / ".env").write_text("")
    done = lab.run("start/up.py", "down")
    assert done.returncode == 0, done.stderr
    label = f"label=com.docker.compose.project={lab.project}"
    left = subprocess.run(
        ["docker", "ps", "--all", "--filter", label, "--format", "json"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert left.stdout == ""
    told = lab.compose("config", "--format", "json").stdout
    services = json.loads(told)["services"]
    assert "scheduler" not in services
    assert services["lab"]["environment"]["DASK_SCHEDULER_ADDRESS"] == ""
