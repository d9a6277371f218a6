"""JupyterLab's server for the tests, without its pages, which take long to start."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.support.live import CHECKOUT, PLAIN, free_ports, wait_until


class Jupyter(NamedTuple):
    """A server that runs, and the file that it logs to."""

    url: str
    log: Path


@contextmanager
def running_jupyter(folder: Path, environment: dict[str, str]) -> Iterator[Jupyter]:
    """Start it with the lab's settings; its home and its log are in the folder."""
    (port,) = free_ports(1)
    jupyter = Jupyter(f"http://127.0.0.1:{port}", folder / "log")
    options = [
        f"--config={CHECKOUT / 'start' / 'jupyter_server_config.py'}",
        "--ServerApp.jpserver_extensions=jupyterlab=False",
    ]
    with jupyter.log.open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *options],
            env=os.environ | {"HOME": str(folder), "LAB_PORT": str(port)} | environment,
            stderr=log,
        )
    try:
        wait_until(lambda: answers(jupyter.url), "JupyterLab's server")
        yield jupyter
    finally:
        server.terminate()
        server.wait(30)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api", **PLAIN).is_success
    except httpx.TransportError:
        return False
