"""Servers to compare with, each started on a port of its own."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from benchmarks.peers.others import ASKED
from tests.support.live import CHECKOUT, PLAIN, free_ports, wait_until

OTHERS = CHECKOUT / "benchmarks" / "peers" / "others.py"


@contextmanager
def application(name: str, **environment: str) -> Iterator[str]:
    """Run an application of `benchmarks.peers.plain`; return its URL."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    program = f"benchmarks.peers.plain:{name}"
    command = [sys.executable, "-m", "uvicorn", program, "--factory", "--port", str(port)]
    command += ["--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=CHECKOUT, env=os.environ | environment)
    try:
        wait_until(partial(_answers, f"{url}/openapi.json", None, process), name)
        yield url
    finally:
        process.terminate()
        process.wait()


def found() -> list[str]:
    """List the other servers that have an environment."""
    return [name for name in ASKED if _python(name).is_file()]


def missing(name: str) -> str:
    """Say why another server is not measured; nothing if it can be."""
    if name in found():
        return ""
    return f"there is no `.venv-{name}`; `{OTHERS.relative_to(CHECKOUT)}` says how to make it"


@contextmanager
def other(name: str, body: Any, **environment: str) -> Iterator[str]:
    """Run another server until it answers a body; return the URL that it is asked at."""
    (port,) = free_ports(1)
    path, _ = ASKED[name]
    url = f"http://127.0.0.1:{port}{path}"
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [_python(name), str(OTHERS), name, str(port)],
            stdout=output,
            stderr=output,
            env=os.environ | environment,
            start_new_session=True,
        )
        try:
            wait_until(partial(_answers, url, body, process), name, 120)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # it ends its own workers
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def version(name: str) -> str:
    """Return the version of another server."""
    command = f"import importlib.metadata as m; print(m.version({name!r}))"
    done = subprocess.run([_python(name), "-c", command], check=True, capture_output=True)
    return done.stdout.decode().strip()


def _python(name: str) -> Path:
    return CHECKOUT / f".venv-{name}" / "bin" / "python"


def _answers(url: str, body: Any, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"What was to answer at {url} ended with code {process.returncode}.")
    try:
        if body is None:
            return httpx.get(url, **PLAIN).is_success
        return httpx.post(url, json=body, **PLAIN, timeout=30).is_success
    except httpx.TransportError:
        return False
