"""What containers may do and hold, and what happens when one dies."""

import contextlib
import itertools
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.live import free_ports, wait_until
from tests.support.models import FLOWER
from tests.support.soak import times
from tests.support.stack import (
    REVISION,
    VERSION,
    ComposeLab,
    check_may_do_little,
    debian_packages,
)

OURS = ["api", "train", "lab"]

IN_THE_LAB_IMAGE = [
    "checkout.py",
    "greeting.py",
    "jupyter_server_config.py",
    "labconfig",
    "labconfig/api.svg",
    "labconfig/bashrc",
    "labconfig/cluster.svg",
    "labconfig/default_setting_overrides.json",
    "labconfig/docs.svg",
    "owner.py",
    "tiles.py",
]

LAB_MOUNTS = {"service": True, "data": True, "notebooks": True, "logs": False}
MOUNTS = {
    "api": {"service": False, "data/models": False, "logs": True},
    "train": LAB_MOUNTS,
    "lab": LAB_MOUNTS,
}


# What can be seen from outside.


@pytest.mark.parametrize("service", OURS)
def test_mounts_are_those_of_the_design(stack: ComposeLab, service: str) -> None:
    found = {mount["Destination"]: mount for mount in stack.inspect(service)["Mounts"]}
    wanted = {f"/labloop/{path}": writable for path, writable in MOUNTS[service].items()}
    assert {path: mount["RW"] for path, mount in found.items()} == wanted
    assert found.pop("/labloop/logs")["Type"] == "volume"
    for path, mount in found.items():
        assert mount["Source"] == str(stack.folder / path.removeprefix("/labloop/"))
        assert Path(mount["Source"]).is_dir()


@pytest.mark.parametrize("service", ["checkout", *OURS])
def test_containers_may_do_little(stack: ComposeLab, service: str) -> None:
    check_may_do_little(stack.inspect(service))


def test_the_guard_has_no_network(stack: ComposeLab) -> None:
    guard = stack.inspect("checkout")
    assert guard["HostConfig"]["NetworkMode"] == "none"
    mounts = {mount["Destination"]: mount["RW"] for mount in guard["Mounts"]}
    assert mounts == {"/labloop/service": False, "/var/lib/labloop": True}


def test_the_owner_has_three_capabilities(stack: ComposeLab) -> None:
    host = stack.inspect("owner")["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert sorted(host["CapAdd"]) == ["CHOWN", "DAC_OVERRIDE", "FOWNER"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["ReadonlyRootfs"] is True
    assert host["NetworkMode"] == "none"
    assert host["PortBindings"] == {}


@pytest.mark.parametrize("service", ["api", "lab"])
def test_no_process_is_root(stack: ComposeLab, service: str) -> None:
    command = "grep -hE '^(Uid|CapEff|CapPrm|CapBnd|NoNewPrivs):' /proc/[0-9]*/status"
    said = stack.run_in(service, "sh", "-c", command).stdout.replace("\t", " ")
    lines = set(said.splitlines())
    assert lines == {
        "Uid: 1000 1000 1000 1000",
        "CapEff: 0000000000000000",
        "CapPrm: 0000000000000000",
        "CapBnd: 0000000000000000",
        "NoNewPrivs: 1",
    }


@pytest.mark.parametrize("service", ["api", "lab"])
def test_ports_are_published_locally(stack: ComposeLab, service: str) -> None:
    port = stack.api_port if service == "api" else stack.lab_port
    bindings = stack.inspect(service)["HostConfig"]["PortBindings"].values()
    assert list(bindings) == [[{"HostIp": "127.0.0.1", "HostPort": str(port)}]]


@pytest.mark.parametrize("side", ["api", "lab"])
def test_images_say_version_revision_and_licence(stack: ComposeLab, side: str) -> None:
    config = stack.inspect(side)["Config"]
    assert config["Image"] == f"{stack.project}-{side}:{VERSION}"
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in config["Labels"].items()
    }
    assert labels["version"] == VERSION
    assert labels["revision"] == REVISION
    assert labels["licenses"] == "MIT"
    assert labels["title"]
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python"]


def test_images_hold_only_the_start(stack: ComposeLab) -> None:
    listing = ["find", "/labloop", "/opt/labloop"]
    for side in ("lab", "api"):
        image = f"{stack.project}-{side}:{VERSION}"
        command = ["docker", "run", "--rm", "--network=none", image, *listing]
        found = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.split()
        expected = ["/labloop", "/labloop/logs"]
        if side == "lab":
            expected += ["/opt/labloop"]
            expected += [f"/opt/labloop/{name}" for name in IN_THE_LAB_IMAGE]
        assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("service", ["api", "lab"])
def test_both_images_have_the_debian_packages(stack: ComposeLab, service: str) -> None:
    load = "import ctypes; print(ctypes.CDLL('libgomp.so.1').omp_get_max_threads())"
    assert int(stack.run_in(service, "python", "-c", load).stdout) >= 1
    for name in debian_packages():
        said = stack.run_in(service, "dpkg-query", "--show", "--showformat=${Status}", name).stdout
        assert said == "install ok installed"


# What dies.

KILL = """
import os, pathlib, signal, sys
for process in pathlib.Path("/proc").glob("[0-9]*"):
    if process.name not in ("1", str(os.getpid())):
        name = (process / "comm").read_bytes() + (process / "cmdline").read_bytes()
        if sys.argv[1].encode() in name:
            os.kill(int(process.name), signal.SIGKILL)
"""


def kill_in_the_api(lab: ComposeLab, command: str) -> str:
    """Kill what runs a command in the container; say when the container had started."""
    started = str(lab.inspect("api")["State"]["StartedAt"])
    lab.run_in("api", "python", "-c", KILL, command, check=False)  # it may end with the container
    return started


def test_a_worker_killed_inside_is_replaced(stack: ComposeLab) -> None:
    version = stack.version()
    started = kill_in_the_api(stack, "api-worker")
    wait_until(lambda: "(SIGKILL, out of memory?)" in stack.log("api"), "the end told")
    wait_until(lambda: stack.version() == version, "the next worker", 30)
    assert stack.inspect("api")["State"]["StartedAt"] == started


def test_a_dead_container_starts_again(stack: ComposeLab) -> None:
    version = stack.version()
    started = kill_in_the_api(stack, "service.api")
    wait_until(lambda: stack.inspect("api")["State"]["StartedAt"] != started, "its restart")
    wait_until(lambda: stack.version() == version, "an answer", 60)


def test_a_small_container_serves(stack: ComposeLab) -> None:
    (port,) = free_ports(1)
    image = stack.inspect("api")["Config"]["Image"]
    command = ["docker", "run", "--detach", "--init", "--user=1000:1000", "--cpus=0.5"]
    command += ["--memory=256m", "--memory-swap=256m", f"--publish=127.0.0.1:{port}:8000"]
    command += [f"--volume={stack.folder}/service:/labloop/service:ro"]
    command += [f"--volume={stack.folder}/data/models:/labloop/data/models:ro", image]
    container = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/health/ready").is_success
        return False

    def ask(count: int) -> set[int]:
        with httpx.Client(base_url=url, timeout=60) as http:
            return {http.get("/predict", params=FLOWER).status_code for _ in range(count)}

    try:
        wait_until(is_ready, "an answer", 120)
        with ThreadPoolExecutor(50) as clients:
            assert {*itertools.chain(*clients.map(ask, [times(200, 20)] * 50))} == {200}
        said = subprocess.run(["docker", "logs", container], capture_output=True, text=True)
        assert "out of memory" not in said.stderr
    finally:
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=True)


def test_what_should_run_is_restarted(stack: ComposeLab) -> None:
    policies = {
        service: stack.inspect(service)["HostConfig"]["RestartPolicy"]["Name"]
        for service in ("owner", *OURS)
    }
    assert policies.pop("train") == "no"
    assert {*policies.values()} == {"unless-stopped"}
