"""Nodes: network namespaces with an address and a disk of their own, and in each an API."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.live import CHECKOUT, PLAIN, children, wait_until
from tests.support.models import FLOWER
from tests.support.need import need

BRIDGE, HERE = "labloop-test", "10.77.0.1"
PORT = 8000
INSIDE = ("ip", "netns", "exec")
API = (sys.executable, "-m", "service.api", "--host=0.0.0.0")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def network(count: int) -> Iterator[list[str]]:
    """Make namespaces that reach each other and this machine; yield their addresses."""
    need(os.geteuid() == 0 and shutil.which("ip"), "only root with `ip` can make networks")
    clear(count)
    addresses = [f"10.77.0.{10 + number}" for number in range(count)]
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("address", "add", f"{HERE}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for number, address in enumerate(addresses):
            name, outer = namespace(number), f"{BRIDGE}-{number}"
            ip("netns", "add", name)
            ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", outer, "master", BRIDGE, "up")
            ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                ip("-n", name, "link", "set", device, "up")
        with between_nodes():
            yield addresses
    finally:
        clear(count)


@contextmanager
def between_nodes() -> Iterator[None]:
    """Let nodes reach each other where a Docker engine has the kernel drop what is not its own."""
    rule = ("FORWARD", "-i", BRIDGE, "-o", BRIDGE, "-j", "ACCEPT")
    if shutil.which("iptables") is None:
        yield
        return
    subprocess.run(["iptables", "-I", *rule], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "-D", *rule], check=True, capture_output=True)


def namespace(number: int) -> str:
    return f"{BRIDGE}-{number}"


def clear(count: int) -> None:
    # Links first: a namespace goes a while after it was deleted, and its link with it.
    links = [*(f"{BRIDGE}-{number}" for number in range(count)), BRIDGE]
    spaces = [namespace(number) for number in range(count)]
    for words in (*(("link", link) for link in links), *(("netns", space) for space in spaces)):
        with suppress(subprocess.CalledProcessError):
            ip(words[0], "del", words[1])


@dataclass
class Node:
    """An API at an address of its own."""

    number: int
    address: str
    disk: Path
    environment: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://{self.address}:{PORT}"

    def start(self) -> None:
        self.disk.mkdir(exist_ok=True)
        environment = {
            "MODELS_DIR": str(self.disk / "copies"),
            "LOGS_DIR": str(self.disk / "logs"),
            "API_PORT": str(PORT),
            "ALLOWED_HOSTS": self.address,
        }
        with (self.disk / "api.txt").open("ab") as output:
            self.process = subprocess.Popen(
                [*INSIDE, namespace(self.number), *API],
                cwd=CHECKOUT,
                env=os.environ | self.environment | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: self.is_live(), f"the API at {self.address}", 120)

    def is_live(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.said()
        return self._answers("/health/live")

    def is_ready(self) -> bool:
        return self._answers("/health/ready")

    def _answers(self, path: str) -> bool:
        try:
            return httpx.get(self.url + path, timeout=2, **PLAIN).is_success
        except httpx.TransportError:
            return False

    def end(self) -> None:
        """End it in order."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.said()

    def kill(self) -> None:
        assert self.process is not None
        tree = [self.process.pid]
        for pid in tree:
            tree += children(pid)
        for pid in tree:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(30)

    def said(self) -> str:
        return (self.disk / "api.txt").read_text()


@dataclass
class Clients:
    """Ask the nodes that are ready, as a Service of Kubernetes leads to them: by connection.

    `answers` says by id which node gave it; `failures` are requests without an answer.
    """

    nodes: list[Node]
    answers: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    ready: list[Node] = field(default_factory=list)

    @contextmanager
    def asking(self) -> Iterator["Clients"]:
        """Ask all the time, two over connections that are kept and two over new ones."""
        ending = threading.Event()
        with ThreadPoolExecutor(5) as pool:
            working: list[Future[None]] = [pool.submit(self._watch, ending)]
            wait_until(lambda: self.ready, "an endpoint")
            working += [pool.submit(self._ask, ending, kept) for kept in (True, True, False, False)]
            try:
                yield self
            finally:
                ending.set()
            for each in working:
                each.result()

    def _watch(self, ending: threading.Event) -> None:
        while not ending.is_set():
            self.ready = [node for node in self.nodes if node.is_ready()]
            ending.wait(0.2)

    def _ask(self, ending: threading.Event, kept: bool) -> None:
        while not ending.is_set():
            node = random.choice(self.ready or self.nodes)
            with httpx.Client(base_url=node.url, timeout=30, **PLAIN) as http:
                while not ending.is_set():
                    try:
                        answered = http.get("/predict", params=FLOWER)
                    except httpx.TransportError as error:
                        self.failures.append(f"{node.address}: {error!r}")
                        break
                    if answered.status_code != 200:
                        self.failures.append(f"{node.address}: {answered.text}")
                        break
                    self.answers[answered.headers["X-Prediction-Id"]] = node.address
                    if not kept or answered.headers.get("Connection") == "close":
                        break
