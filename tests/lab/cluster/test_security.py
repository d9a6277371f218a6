"""Certificates as docs/scale.md makes them: who has none of that authority is refused."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.contract.errors import ClusterError, SettingError
from service.contract.settings import Settings
from service.lab import Lab
from service.lab.cluster.security import security
from tests.support.cluster import Part, certificates, started
from tests.support.live import free_ports

HOST = "127.0.0.2"  # to the settings, an address for other machines


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def cluster(ours: Path) -> Iterator[Part]:
    """Start a cluster that other machines may reach, with TLS."""
    port, dashboard = free_ports(2)
    environment = {"CLUSTER_TLS_DIR": str(ours), "BIND_ADDRESS": HOST, "WORKERS": "1"}
    with started(
        "local", environment=environment | {"DASHBOARD_PORT": str(dashboard)}, port=port, host=HOST
    ) as cluster:
        cluster.says("Stop with:")
        yield cluster


def test_a_certificate_opens_the_cluster(cluster: Part, ours: Path, tmp_path: Path) -> None:
    address = cluster.address.replace("tcp", "tls")
    assert f"DASK_SCHEDULER_ADDRESS={address} in .env" in cluster.said()
    joining = f"on other machines, from a checkout: DASK_SCHEDULER_ADDRESS={address} CLUSTER_TLS"
    assert joining in cluster.said()
    # CLUSTER_TLS_DIR alone decides, whatever the address begins with.
    with Lab(dask_scheduler_address=cluster.address, cluster_tls_dir=ours).cluster() as client:
        assert client.submit(sum, [1, 2]).result() == 3
        addresses = {"CLUSTER_TLS_DIR": str(ours), "DASK_SCHEDULER_ADDRESS": cluster.address}
        words = ("worker", "--nworkers=1", f"--local-directory={tmp_path}")
        with started(*words, environment=addresses) as worker:
            worker.says("Registered to:")
            workers = [*client.scheduler_info(n_workers=-1)["workers"]]
            assert len(workers) == 2
            assert all(address.startswith("tls://") for address in workers)
            client.check()


def test_strangers_are_refused(
    cluster: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.lab.cluster.cluster.SECONDS", 2.0)
    with pytest.raises(ClusterError, match="There is no scheduler at"):
        Lab(dask_scheduler_address=cluster.address).cluster()  # without a certificate
    theirs = certificates(tmp_path)
    with pytest.raises(ClusterError, match="There is no scheduler at"):
        Lab(dask_scheduler_address=cluster.address, cluster_tls_dir=theirs).cluster()


def test_strange_workers_are_refused(cluster: Part, ours: Path, tmp_path: Path) -> None:
    theirs = certificates(tmp_path)
    words = ("worker", "--nworkers=1", "--death-timeout=5", f"--local-directory={tmp_path}")
    for folder in ("", str(theirs)):
        environment = {"CLUSTER_TLS_DIR": folder, "DASK_SCHEDULER_ADDRESS": cluster.address}
        with started(*words, environment=environment) as worker:
            assert worker.process.wait(60) == 1, worker.said()
            assert "Registered to:" not in worker.said()
    with Lab(dask_scheduler_address=cluster.address, cluster_tls_dir=ours).cluster() as client:
        assert len(client.scheduler_info(n_workers=-1)["workers"]) == 1


def test_one_may_not_issue_certificates(ours: Path) -> None:
    shown = ["openssl", "x509", "-in", str(ours / "cert.pem"), "-noout", "-text"]
    text = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
    assert "CA:FALSE" in text
    assert "X509v3 Authority Key Identifier" in text  # which Python asks for from 3.13 on
    assert sorted(each.name for each in ours.iterdir()) == ["ca.pem", "cert.pem", "key.pem"]
    assert ours.stat().st_mode & 0o077 == 0


def test_a_missing_file_is_named(ours: Path, tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem"):
        (tmp_path / name).write_bytes((ours / name).read_bytes())
    with pytest.raises(SettingError, match=r"has no key\.pem\. docs/scale\.md says how"):
        security(Settings(cluster_tls_dir=tmp_path))
