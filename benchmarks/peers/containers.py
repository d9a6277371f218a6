"""Containers with few cores and little memory, of the image that Compose builds for the API."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from start.up import docker_answers
from tests.support.live import CHECKOUT, PLAIN, wait_until

BASE_IMAGE = "python:3.13-slim-trixie"
READY_SECONDS = 120
# Where the kernel counts what it killed for memory; the second is that of cgroups 1.
COUNTED = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


@dataclass(frozen=True)
class Container:
    """A running container."""

    name: str
    url: str

    def ended(self) -> str:
        """Say how it ended; nothing while it runs."""
        state = inspected(self.name)["State"]
        if state["Running"]:
            return ""
        memory = ", for memory" if state["OOMKilled"] else ""
        return f"ended with code {state['ExitCode']}{memory}"

    def killed(self) -> int:
        """Count the processes in it that were killed for memory."""
        if self.ended():
            return int(inspected(self.name)["State"]["OOMKilled"])
        said = docker("exec", self.name, "sh", "-c", f"cat {' '.join(COUNTED)} 2>/dev/null; true")
        return int(re.findall(r"oom_kill (\d+)", said)[0])

    def said_last(self) -> str:
        """Return the last line that it printed."""
        command = ["docker", "logs", "--tail", "1", self.name]
        done = subprocess.run(
            command, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return done.stdout.strip()

    def answers(self, path: str) -> bool:
        """Whether a path is answered as it should be."""
        try:
            return httpx.get(f"{self.url}{path}", **PLAIN, timeout=30).is_success
        except httpx.TransportError:
            return False

    def is_ready(self, path: str) -> bool:
        """Wait until a path is answered, or the container has ended, or time is up."""
        try:
            wait_until(lambda: self.answers(path) or self.ended(), path, READY_SECONDS)
        except AssertionError:
            return False
        return not self.ended()


def docker(*words: str) -> str:
    """Run the client; return what it printed."""
    done = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def inspected(name: str) -> dict[str, Any]:
    """Return what the engine says of a container."""
    return dict(json.loads(docker("inspect", name))[0])


def image(tag: str) -> str:
    """Build the API's image; return why that is not possible, or nothing."""
    usable, reason = docker_answers()
    if not usable:
        return f"no Docker engine answers: {reason}"
    command = ["docker", "build", "--quiet", "--target", "development", "--tag", tag]
    version = (CHECKOUT / "VERSION").read_text().strip()
    base = os.environ.get("BASE_IMAGE", BASE_IMAGE)
    command += ["--build-arg", f"BASE_IMAGE={base}", "--build-arg", f"VERSION={version}"]
    command += ["--file", "Dockerfile.api", "."]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    said = done.stderr.strip().splitlines()
    return f"the image cannot be built: {said[-1] if said else done.returncode}" * bool(
        done.returncode
    )


@contextmanager
def container(
    tag: str,
    name: str,
    cpus: float,
    megabytes: int,
    mounts: dict[Path, str],
    command: list[str],
    environment: dict[str, str],
) -> Iterator[Container]:
    """Run a container as whoever runs this, so that it can read and write what is mounted."""
    words = ["run", "--detach", "--name", name, "--init", "--read-only", "--tmpfs", "/tmp"]
    words += ["--cpus", str(cpus), "--memory", f"{megabytes}m", "--memory-swap", f"{megabytes}m"]
    words += ["--user", f"{os.getuid()}:{os.getgid()}", "--publish", "127.0.0.1::8000"]
    for folder, place in mounts.items():
        words += ["--volume", f"{folder}:{place}"]
    for key, value in environment.items():
        words += ["--env", f"{key}={value}"]
    try:
        docker(*words, tag, *command)
        port = docker("port", name, "8000").splitlines()[0].rpartition(":")[2]
        yield Container(name, f"http://127.0.0.1:{port}")
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
