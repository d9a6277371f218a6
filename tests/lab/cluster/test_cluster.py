"""A cluster is there and like the notebook, or an error says what is not."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from distributed import LocalCluster

from service.contract.errors import ClusterError
from service.contract.settings import Settings
from service.lab import Lab
from service.lab.cluster import cluster as clusters
from service.lab.cluster import versions
from service.lab.cluster.cluster import Cluster


@pytest.fixture(scope="module")
def scheduler() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as found:
        yield found


def lab_of(address: str) -> Lab:
    return Lab(dask_scheduler_address=address)


def test_own_cores_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CPU_COUNT", 2)
    with Lab(dask_scheduler_address="").cluster() as cluster:
        assert isinstance(cluster, Cluster)
        assert len(cluster.scheduler_info()["workers"]) == 2
        trimmed = cluster.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_")
        assert {*trimmed.values()} == {None}
        shown = cluster._repr_html_()
        for words in ("Cluster on this machine", "<td>2</td>", "GiB", "/status"):
            assert words in shown
    assert cluster.cluster.status.name == "closed"


def test_a_scheduler_is_left_running(scheduler: LocalCluster) -> None:
    lab = lab_of(scheduler.scheduler_address)
    for _ in range(2):
        with lab.cluster() as cluster:
            assert cluster.submit(pow, 2, 5).result() == 32


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nothing://there", "tls://127.0.0.1:9"])
def test_no_scheduler_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "SECONDS", 0.5)
    with pytest.raises(ClusterError, match=r"There is no scheduler at .* `make cluster`\."):
        lab_of(address).cluster()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_another_server_is_told(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:

        def answered() -> socket.socket:
            connection, _ = server.accept()
            connection.sendall(answer)
            return connection

        asked = thread.submit(answered)
        port = server.getsockname()[1]
        with pytest.raises(ClusterError, match="There is no scheduler at"):
            lab_of(f"tcp://127.0.0.1:{port}").cluster()
        asked.result().close()


def test_no_workers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "SECONDS", 2.0)
    with (
        LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(ClusterError, match=r"has no workers\. With Compose, "),
    ):
        lab_of(empty.scheduler_address).cluster()


def test_other_versions_are_told(scheduler: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = versions.described() | {"scikit-learn": "1.8.0", "polars": "1.0"}
    monkeypatch.setattr(clusters, "described", lambda: ours)
    monkeypatch.setattr(clusters.Cluster, "run", lambda *_, **__: {"tcp://w": versions.described()})
    with pytest.raises(ClusterError) as told:
        lab_of(scheduler.scheduler_address).cluster()
    assert "Worker tcp://w has scikit-learn 1.9" in str(told.value)
    assert "this notebook has 1.8.0; polars not at all, this notebook has 1.0." in str(told.value)


@pytest.mark.parametrize(
    ("address", "workers", "words"),
    [
        ("tcp://127.0.0.1:9", 2, "workers=2 is for a cluster on this machine"),
        ("", 0, "workers=0 is no number of processes"),
    ],
)
def test_odd_numbers_are_refused(address: str, workers: int, words: str) -> None:
    with pytest.raises(ClusterError, match=words):
        lab_of(address).cluster(workers)


def test_a_taken_port_is_no_trouble() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with clusters.start(Settings(dashboard_port=port), workers=1) as cluster:
            assert f":{port}/" not in cluster.dashboard_link
