"""A real API on a socket, with a store and a log of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from service.lab import Lab

CHECKOUT = Path(__file__).resolve().parents[2]
# Of a client that speaks plain HTTP to this machine: certificates take 16 ms to load, each time.
PLAIN: dict[str, Any] = {"trust_env": False, "verify": False}

TRIAL_SECONDS = 300  # a validation is last in turn, behind the tests beside it


@dataclass
class LiveApi:
    url: str
    models: Path
    logs: Path
    process: subprocess.Popen[bytes]
    output: Path
    token: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What a notebook needs in its environment to use this API."""
        return {
            "API_URL": self.url,
            "API_TOKEN": self.token,
            "MODELS_DIR": str(self.models),
            "LOGS_DIR": str(self.logs),
            "LOG_COPY_DIR": str(self.copy),
            "TRIAL_SECONDS": str(TRIAL_SECONDS),
            "PYTHONPATH": str(CHECKOUT),
        }

    @property
    def copy(self) -> Path:
        return self.models.parent / "log-copy"

    @property
    def workers(self) -> list[int]:
        """The processes that answer."""
        return [pid for pid in children(self.process.pid) if name_of(pid) == "api-worker"]

    @property
    def worker(self) -> int:
        """The process that answers, where there is one."""
        (pid,) = self.workers
        return pid

    @property
    def fork_server(self) -> int:
        """The process that forks one for each worker, and for each version that is validated."""
        found = children(self.process.pid)
        (pid,) = (pid for pid in found if name_of(pid) == "api-fork-server")
        return pid

    @property
    def validations(self) -> list[int]:
        """The processes that validate a version."""
        found = children(self.fork_server)
        return [pid for pid in found if name_of(pid) == "api-validation"]

    def lab(self, **more: Any) -> Lab:
        folders = {"models_dir": self.models, "logs_dir": self.logs, "log_copy_dir": self.copy}
        return Lab(**{"api_url": self.url, "trial_seconds": TRIAL_SECONDS, **folders, **more})

    def http(self) -> httpx.Client:
        headers = {"Content-Type": "application/json"}  # also of what is not
        return httpx.Client(base_url=self.url, **PLAIN, timeout=60, headers=headers)


def wait_until(ask: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Ask until the answer is true; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)
    return answer


def served_by(api: LiveApi, model: str) -> list[int]:
    """List the workers that serve a model; none where the API does not answer."""
    with suppress(httpx.TransportError), api.http() as http:
        workers = http.get(f"/models/{model}").json()["workers"]
        return [worker["pid"] for worker in workers if worker["version"]]
    return []


def children(pid: int) -> list[int]:
    """List the processes that any thread of a process started."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def command_of(pid: int) -> str:
    """Return the command line of a process; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def name_of(pid: int) -> str:
    """Return the name that a process gave itself; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def lives(pid: int) -> bool:
    """Whether a process has not ended; one that nobody has asked about since does not live."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def resident(pid: int) -> float:
    """Return a process's resident memory, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def free_ports(count: int) -> list[int]:
    with ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running_api(
    folder: Path,
    open_files: str = "",
    program: str = "service.api",
    **environment: str,
) -> Iterator[LiveApi]:
    """Run an API; with `PYTHONPATH` from other code, by `uvicorn` alone as by hand."""
    (port,) = free_ports(1)
    api = LiveApi(
        url=f"http://127.0.0.1:{port}",
        models=folder / "models",
        logs=folder / "logs",
        process=None,  # type: ignore[arg-type]
        output=folder / "api.txt",
        token=environment.get("API_TOKEN", ""),
    )
    api.models.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", program]
    if program == "uvicorn":
        command += ["service.api.app:app", "--port", str(port)]
    if open_files:
        command = ["prlimit", f"--nofile={open_files}", *command]
    with api.output.open("ab") as output:
        api.process = subprocess.Popen(
            command,
            cwd=environment.get("PYTHONPATH", CHECKOUT),
            env=os.environ | api.environment | {"API_PORT": str(port)} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: _answers(api), "the API to answer", 180)  # with 130 models, some take
        yield api
    finally:
        api.process.terminate()
        api.process.wait(timeout=30)


def _answers(api: LiveApi) -> bool:
    assert api.process.poll() is None, api.output.read_text()
    try:
        return httpx.get(f"{api.url}/health/live", **PLAIN).is_success
    except httpx.TransportError:
        return False
