"""`make cluster` and workers elsewhere: what they compute, what they refuse, how they end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dask
import httpx
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from service.contract.errors import ClusterError
from service.lab import Lab
from tests.support.cluster import Part, started
from tests.support.live import CHECKOUT, PLAIN, free_ports, wait_until

UP = "The cluster is up. Workers: 2"
TWO = {"WORKERS": "2"}


def of(cluster: Part) -> dict[str, str]:
    """Return what a worker of a cluster is told."""
    return {"DASK_SCHEDULER_ADDRESS": cluster.address}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Part]:
    """Start what `WORKERS=2 make cluster` starts."""
    port, dashboard = free_ports(2)
    environment = TWO | {"DASHBOARD_PORT": str(dashboard)}
    with started("local", port=port, environment=environment) as cluster:
        cluster.says("Stop with:")
        yield cluster


def refusal(*words: str, **environment: str) -> str:
    """Return why a start ended."""
    done = subprocess.run(
        [sys.executable, "-m", "service.lab.cluster", *words],
        cwd=CHECKOUT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    return done.stderr


def test_searches_find_the_same_there(cluster: Part) -> None:
    assert UP in cluster.said()
    X, y = load_iris(return_X_y=True)

    def search() -> GridSearchCV:
        tree = DecisionTreeClassifier(random_state=0)
        return GridSearchCV(tree, {"max_depth": [1, 2, 3], "min_samples_leaf": [1, 5]}, cv=3)

    with Lab(dask_scheduler_address=cluster.address).cluster() as client:
        assert client.submit(os.getpid).result() != os.getpid()
        found = search().fit(X, y)
        assert len(client.scheduler_info(n_workers=-1)["workers"]) == 2
    here = search().fit(X, y)
    assert (found.cv_results_["mean_test_score"] == here.cv_results_["mean_test_score"]).all()


def test_nothing_listens_to_other_machines(cluster: Part) -> None:
    listening = {
        each.laddr.ip
        for process in cluster.processes()
        for each in process.net_connections("inet")
        if each.status == "LISTEN"
    }
    assert listening == {"127.0.0.1"}


def test_the_dashboard_leads_nowhere_else(cluster: Part) -> None:
    (line,) = [line for line in cluster.said().splitlines() if line.startswith("Dashboard:")]
    url = line.split()[1]
    assert "Dask" in httpx.get(url, **PLAIN).text
    elsewhere = url.replace("/status", f"/proxy/{url.rpartition(':')[2]}").replace("/status", "/")
    for path in (elsewhere, url.replace("/status", "/proxy/80/example.org/")):
        assert httpx.get(path, **PLAIN).status_code == 404


def test_workers_join_from_elsewhere(cluster: Part, tmp_path: Path) -> None:
    words = ("worker", "--nworkers=1", "--name=elsewhere", f"--local-directory={tmp_path}")
    with Lab(dask_scheduler_address=cluster.address).cluster() as client:

        def names() -> set[str]:
            workers = client.scheduler_info(n_workers=-1)["workers"].values()
            return {str(worker["name"]) for worker in workers}

        with started(*words, environment=of(cluster)) as worker:
            wait_until(lambda: "elsewhere" in names(), "the worker")
            client.check()  # it can import service/, and has the notebook's versions
            assert worker.interrupt() == 0
            wait_until(lambda: "elsewhere" not in names(), "its end")
            wait_until(lambda: not worker.processes(), "no process left")
            assert "Traceback" not in worker.said()


def test_other_versions_are_refused_by_name(cluster: Part, tmp_path: Path) -> None:
    other = tmp_path / "numpy-1.0.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0.0\n")
    words = ("worker", "--nworkers=1", f"--local-directory={tmp_path}")
    with started(*words, environment=of(cluster) | {"PYTHONPATH": str(tmp_path)}) as worker:
        worker.says("Registered to:")
        with pytest.raises(ClusterError, match=r"has numpy 1\.0\.0, this notebook has \d"):
            Lab(dask_scheduler_address=cluster.address).cluster()
        assert worker.interrupt() == 0


def test_a_taken_port_is_named(cluster: Part) -> None:
    port = cluster.address.rpartition(":")[2]
    assert refusal("local", f"--port={port}") == (
        f"--port {port} of 127.0.0.1 cannot be had (Address already in use). If another cluster "
        "has it, use that one or end it. Else choose another port.\n"
    )


@pytest.mark.parametrize("moment", ["Stop with:", ""])
def test_ctrl_c_leaves_nothing(moment: str) -> None:
    """Also while it starts, when some workers are there and some are not."""
    (port,) = free_ports(1)
    with started("local", port=port, environment=TWO) as cluster:
        if moment:
            cluster.says(moment)
        else:
            wait_until(lambda: len(cluster.processes()) > 2, "the first worker's process")
        assert cluster.interrupt() == 0
        wait_until(lambda: not cluster.processes(), "no process left")
        assert "Traceback" not in cluster.said() or not moment  # of a worker that was not ready


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_starter(number: signal.Signals) -> None:
    (port,) = free_ports(1)
    with started("local", port=port, environment=TWO) as cluster:
        cluster.says("Stop with:")
        assert len(cluster.processes()) > 2
        cluster.process.send_signal(number)
        assert cluster.process.wait(60) == (0 if number == signal.SIGTERM else -number)
        wait_until(lambda: not cluster.processes(), "no process left")


def test_a_worker_ends_with_its_scheduler(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    options = ("--host=127.0.0.1", "--dashboard-address=127.0.0.1:0")
    words = ("worker", "--nworkers=1", f"--local-directory={tmp_path}")
    with started("scheduler", *options, port=port) as scheduler:
        scheduler.says("Scheduler at:")
        with started(*words, environment=of(scheduler)) as worker:
            worker.says("Registered to:")
            assert scheduler.interrupt() == 0
            worker.process.wait(60)
            wait_until(lambda: not worker.processes(), "no process left")


def test_a_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.lab.cluster.cluster.SECONDS", 2.0)
    (port,) = free_ports(1)
    options = ("--host=127.0.0.1", "--dashboard-address=127.0.0.1:0")
    with started("scheduler", *options, port=port) as scheduler:
        scheduler.says("Scheduler at:")
        with pytest.raises(ClusterError, match=f"{scheduler.address} has no workers. With Compose"):
            Lab(dask_scheduler_address=scheduler.address).cluster()


@pytest.mark.parametrize("elsewhere", ["", "tcp://127.0.0.1:1"])
def test_without_an_address_workers_start_here(elsewhere: str) -> None:
    """The settings say so, whatever Dask has read: Compose sets the variable to nothing."""
    with (
        dask.config.set({"scheduler-address": elsewhere}),
        Lab(dask_scheduler_address="").cluster(workers=1) as client,
    ):
        assert client.submit(sum, [1, 2]).result() == 3


def test_no_scheduler_says_what_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.lab.cluster.cluster.SECONDS", 1.0)
    (port,) = free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    with pytest.raises(ClusterError, match=f"{address} .*`make cluster`"):
        Lab(dask_scheduler_address=address).cluster()


@pytest.mark.parametrize(
    "words, environment, said",
    [
        (["local"], {"WORKERS": "two"}, "WORKERS='two' cannot be used"),
        (["local"], {"WORKERS": "0"}, "WORKERS='0' cannot be used"),
        (["worker", "--nworkers=-1"], {}, "--nworkers='-1' cannot be used"),
        (["local"], {"BIND_ADDRESS": "0.0.0.0"}, "does not say where other machines find these"),
        (["local"], {"BIND_ADDRESS": "192.0.2.1"}, "whoever reaches it runs code as you. Set CLU"),
        (["local", "--nanny"], {}, "`local` takes no --nanny"),
        (["worker"], {"DASK_SCHEDULER_ADDRESS": ""}, "DASK_SCHEDULER_ADDRESS is not set."),
        (["scheduler"], {"CLUSTER_TLS_DIR": "nowhere"}, "nowhere has no ca.pem, cert.pem, key.pem"),
    ],
)
def test_what_cannot_start_says_why(
    words: list[str], environment: dict[str, str], said: str
) -> None:
    told = refusal(*words, **environment)
    assert said in told
    assert "Traceback" not in told
