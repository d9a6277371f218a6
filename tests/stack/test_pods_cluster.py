"""Pods of the component `cluster`: they talk by TLS, and by the ways that the policies leave."""

import os
from collections.abc import Iterator
from functools import partial

import pytest

from tests.k8s.test_manifests import pairs, ports_of
from tests.support.cluster import SEARCH, certificates
from tests.support.live import wait_until
from tests.support.manifests import manifests
from tests.support.need import need
from tests.support.pods import Cluster, address, cluster, passes, said
from tests.support.release import docker, image_of

PODS = ("scheduler", "worker-0", "worker-1")
CONNECTIONS = """
for line in open("/proc/net/tcp").read().splitlines()[1:]:
    address, port = line.split()[2].split(":")
    if line.split()[3] == "01":
        print(".".join(str(each) for each in reversed(bytes.fromhex(address))), int(port, 16))
"""

Running = tuple[Cluster, dict[str, str]]


@pytest.fixture(scope="module")
def running(release: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    need(os.geteuid() == 0, "the files of a Secret can be given to a group by root alone")
    folder = tmp_path_factory.mktemp("pods")
    made = certificates(tmp_path_factory.mktemp("tls"))
    secrets = {
        "tokens": {"JUPYTER_TOKEN": "a-token-of-the-lab"},
        "cluster-tls": {file.name: file.read_text() for file in made.iterdir()},
    }
    with cluster(manifests("cluster"), folder, image_of("lab"), secrets) as pods:
        names = {"scheduler": pods.run("scheduler")}
        names |= {f"worker-{number}": pods.run("worker", number) for number in (0, 1)}
        names["lab-0"] = pods.run("lab", 0)
        yield pods, names


def ask(running: Running, pod: str, kind: str) -> bool:
    made, pods = running
    kinds = made.manifests.pods[pod.partition("-")[0]]
    (container,) = kinds.spec["containers"]
    return passes(pods[pod], container[kind], ports_of(kinds))


def is_registered(container: str) -> bool:
    return "Registered to:" in said(container)


@pytest.mark.parametrize("pod", PODS)
@pytest.mark.parametrize("kind", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_probes_pass_with_tls(running: Running, pod: str, kind: str) -> None:
    wait_until(partial(ask, running, pod, kind), f"{kind} of {pod}", 120)


def test_the_lab_searches_by_tls(running: Running) -> None:
    pods = running[1]
    for pod in ("worker-0", "worker-1"):
        wait_until(partial(is_registered, pods[pod]), f"{pod} with the scheduler")
    done = docker("exec", pods["lab-0"], "python", "-W", "ignore", "-c", SEARCH)
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert (told["workers"], told["tasks"], told["same"]) == ("2", "[True, True]", "True")
    assert told["memory"] == f"{{{2 * 2**30 - 150 * 2**20}}}"
    assert "tls://" in said(pods["scheduler"])
    assert "tcp://" not in said(pods["scheduler"])


def test_policies_leave_what_is_used(running: Running) -> None:
    """Connections stay open, so that those of the search can still be seen."""
    made, pods = running
    owner = {address(container): pod for pod, container in pods.items()}
    policies = made.manifests.of("NetworkPolicy").values()
    allowed = set().union(*(pairs(made.manifests, each, "Egress") for each in policies))
    used = set()
    for pod in PODS:
        told = docker("exec", pods[pod], "python", "-c", CONNECTIONS).stdout.splitlines()
        for peer, port in (line.split() for line in told):
            if peer in owner and owner[peer] != pod and int(port) < 9000:
                ends = (pod.partition("-")[0], owner[peer].partition("-")[0])
                used.add((*ends, int(port)))
    assert {("worker", "scheduler", 8786), ("scheduler", "worker", 8788)} <= used
    assert used <= allowed
