"""Labloops for the tests: each a copy of the checkout, with ports and a project of its own."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from service.contract.code_digest import of_folder
from start.greeting import LAST_LINE
from start.up import docker_answers
from tests.support.live import CHECKOUT, PLAIN, free_ports, wait_until
from tests.support.models import FLOWER
from tests.support.need import need

REVISION = "0123456789ab"
VERSION = (CHECKOUT / "VERSION").read_text().strip()


def copy_checkout(to: Path) -> Path:
    """Copy what git knows, and what is new and not ignored."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (CHECKOUT / name).is_file():  # A file may be removed and not yet committed so.
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, to / name)
    return to


def debian_packages() -> list[str]:
    """Return the names in debian-packages.txt."""
    lines = (CHECKOUT / "debian-packages.txt").read_text().splitlines()
    return [name for line in lines if (name := line.partition("#")[0].strip())]


def check_may_do_little(container: dict[str, Any]) -> None:
    """See that a container is as docker-compose.yml hardens all of them."""
    host = container["HostConfig"]
    assert container["Config"]["User"] == "1000:1000"
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["ReadonlyRootfs"] is True
    assert host["Init"] is True
    assert host["Privileged"] is False
    assert 0 < host["PidsLimit"] <= 512
    assert 0 < host["Memory"] <= 4 * 2**30


class Lab:
    """Two servers on this machine, however they were started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.api_port, self.lab_port = free_ports(2)
        self.api_url = f"http://127.0.0.1:{self.api_port}"
        self.lab_url = f"http://127.0.0.1:{self.lab_port}"
        self.environment = {
            **os.environ,
            "API_PORT": str(self.api_port),
            "LAB_PORT": str(self.lab_port),
            "GIT_REVISION": REVISION,
            "CODE_DIGEST": of_folder(folder / "service"),
            "JUPYTER_TOKEN": "",  # Set but empty, which must not switch the token off.
            "COMPOSE_DISABLE_ENV_FILE": "0",  # The copy's own is read.
        }

    def log(self) -> str:
        raise NotImplementedError

    def printed_url(self) -> str:
        """Return the URL that the last start of JupyterLab printed for pasting."""
        urls = re.findall(rf"{self.lab_url}/lab\S*token=[0-9a-f]+", self.log())
        return str(urls[-1]) if urls else ""

    def greeting(self) -> list[str]:
        """Return what the start said last, without prefixes."""
        lines = [line.rpartition("| ")[2] for line in self.log().splitlines()]
        return lines[lines.index("Labloop is up.") : lines.index(LAST_LINE) + 1]

    def token(self) -> str:
        return self.printed_url().rpartition("token=")[2]

    @property
    def headers(self) -> dict[str, str]:
        """Return what a request to the API needs."""
        token = self.environment.get("API_TOKEN")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def predict(self) -> httpx.Response:
        """Ask the reference request."""
        url = f"{self.api_url}/predict"
        return httpx.get(url, params=FLOWER, headers=self.headers, timeout=10, **PLAIN)

    def version(self) -> int:
        """Return the version that is served; 0 while there is none, or no API."""
        with contextlib.suppress(httpx.TransportError):
            return int(self.predict().headers.get("X-Model-Version", 0))
        return 0

    def doctor(self) -> subprocess.CompletedProcess[str]:
        """Run what `make doctor` runs."""
        return self.run("-m", "start.doctor")

    def run(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program of `start/` on this machine, as `make` does, and type something."""
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def jupyter(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"token {self.token()}"}
        return httpx.request(
            method, f"{self.lab_url}/api/{path}", headers=headers, timeout=20, **more
        )

    def save(self, path: str, text: str) -> httpx.Response:
        """Save a file the way JupyterLab's editor does."""
        model = {"type": "file", "format": "text", "content": text}
        return self.jupyter("PUT", f"contents/{path}", json=model)

    def type_in_terminal(self, command: str) -> str:
        """Open a terminal of JupyterLab, type a command, and return what is shown up to its end."""
        name = self.jupyter("POST", "terminals").json()["name"]
        url = f"{self.lab_url}/terminals/websocket/{name}".replace("http", "ws", 1)
        headers = {"Authorization": f"token {self.token()}"}

        async def type_and_read() -> str:
            terminal = await websocket_connect(HTTPRequest(url, headers=headers))
            await terminal.write_message(json.dumps(["stdin", f"{command}; echo end-$((1 + 1))\r"]))
            shown = ""
            while "end-2" not in shown:
                message = await terminal.read_message()
                assert message is not None, shown
                kind, *text = json.loads(message)
                shown += text[0] if kind == "stdout" else ""
            terminal.close()
            while await terminal.read_message() is not None:
                pass
            return shown

        shown = asyncio.run(asyncio.wait_for(type_and_read(), 60))
        self.jupyter("DELETE", f"terminals/{name}")
        return shown


class ComposeLab(Lab):
    """The real thing, under a project name of its own."""

    def __init__(self, folder: Path, project: str) -> None:
        super().__init__(folder)
        self.project = project
        self.environment["COMPOSE_PROJECT_NAME"] = project

    def compose(
        self, *words: str, check: bool = True, seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["docker", "compose", *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if check and done.returncode:
            pytest.fail(f"docker compose {words}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def up(self) -> None:
        done = self.compose("up", "--build", "--wait", check=False, seconds=540)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.log()}"

    def down(self, *words: str) -> None:
        self.compose("down", "--timeout", "5", *words)

    def log(self, *services: str) -> str:
        said = self.compose("logs", "--no-color", "--no-log-prefix", *services).stdout
        return said.replace("\x1b[2K", "")  # some versions clear each line first

    def printed_url(self) -> str:
        urls = re.findall(rf"{self.lab_url}/lab\S*token=[0-9a-f]+", self.log("lab"))
        return str(urls[-1]) if urls else ""

    def run_in(
        self, service: str, *command: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a running container, as the container's own user."""
        return self.compose("exec", "-T", service, *command, check=check)

    def log_lines(self, prediction_id: str) -> list[str]:
        """Return the lines of the prediction log that name an id, as the lab sees them."""
        found = self.run_in("lab", "grep", "-rhF", prediction_id, "logs", check=False)
        return found.stdout.splitlines()

    def containers(self, service: str) -> list[dict[str, Any]]:
        """Return what the engine says of a service's containers."""
        ids = self.compose("ps", "--all", "--quiet", service).stdout.split()
        said = subprocess.run(
            ["docker", "inspect", *ids], check=True, capture_output=True, text=True
        )
        return list(json.loads(said.stdout))

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine says of a service's container."""
        (container,) = self.containers(service)
        return container


class LocalLab(Lab):
    """The same two servers without Docker, started as `make up-local` does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # The packages are shared with the checkout; the code and the data are the copy's.
        (folder / ".venv").symlink_to(sys.prefix)
        self.environment["PYTHONPATH"] = str(folder)
        self.environment["DASHBOARD_PORT"] = str(free_ports(1)[0])  # one that JupyterLab passes on
        self.output = folder / "output.txt"
        self.start_said = ""

    def up(self) -> None:
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "start/up.py", "local"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(
            lambda: self.printed_url() or self.process.poll() is not None, "JupyterLab's URL", 180
        )
        assert self.process.poll() is None, self.log()

    def interrupt(self) -> int:
        """Press Ctrl-C: everything in the foreground gets the signal."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)

    def log(self) -> str:
        return self.output.read_text()


@contextlib.contextmanager
def composed(folder: Path, project: str) -> Iterator[ComposeLab]:
    """Return a stack that leaves neither containers nor volumes nor images behind.

    The engine keeps what it built, so that the images of the next project are there at once.
    """
    lab = ComposeLab(folder, project)
    try:
        yield lab
    finally:
        lab.down("--volumes", "--remove-orphans", "--rmi", "all")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the checkout."""
    return copy_checkout(tmp_path_factory.mktemp("labloop"))


@pytest.fixture(scope="session")
def engine() -> None:
    """Need a Docker engine with Compose."""
    usable, reason = docker_answers()
    need(usable, f"Docker Compose cannot be used: {reason}")


@pytest.fixture(scope="session")
def stack(engine: None, checkout: Path) -> Iterator[ComposeLab]:
    """Build the images and start everything from nothing, once for all tests."""
    with composed(checkout, "labloop-test") as lab:
        lab.up()
        yield lab


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalLab]:
    """Start a lab without Docker, with a token, once for all tests; it trains its first model."""
    lab = LocalLab(copy_checkout(tmp_path_factory.mktemp("local") / "labloop"))
    lab.environment["API_TOKEN"] = "a token"
    try:
        lab.up()
        wait_until(lambda: lab.version() == 1, "the first model")
        lab.start_said = lab.log()
        yield lab
    finally:
        lab.interrupt()
