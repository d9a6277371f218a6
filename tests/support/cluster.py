"""Clusters for the tests: what `make cluster` starts, as processes."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.support.live import CHECKOUT, wait_until

SEARCH = """
import os
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier
from service.lab import Lab

X, y = load_iris(return_X_y=True)
def search():
    return GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}, cv=3)
with Lab().cluster() as client:
    found = search().fit(X, y)
    workers = client.scheduler_info(n_workers=-1)["workers"]
    print("memory", {worker["memory_limit"] for worker in workers.values()})
    print("link", client.link)
    print("uid", {*client.run(os.getuid).values()})
    done = client.run(lambda dask_worker: dask_worker.state.executed_count > 0)
    print("tasks", sorted(done.values()))
print("workers", len(workers))
scores = [each.cv_results_["mean_test_score"].tolist() for each in (found, search().fit(X, y))]
print("same", scores[0] == scores[1])
"""


class Part:
    """A scheduler, workers, or both, in a session of their own, as a terminal has them."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: Path, address: str) -> None:
        self.process = process
        self.output = output
        self.address = address

    def said(self) -> str:
        return self.output.read_text()

    def says(self, text: str) -> None:
        """Wait until something is said."""
        wait_until(lambda: text in self.said() or self.process.poll() is not None, text)
        assert text in self.said(), self.said()

    def processes(self) -> list[psutil.Process]:
        """Return what lives of it, whoever the parent is."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.process.pid:
                    found.append(process)
            except ProcessLookupError:
                continue
        return [each for each in found if each.status() != psutil.STATUS_ZOMBIE]

    def interrupt(self) -> int:
        """Press Ctrl-C: everything in the foreground gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)


@contextmanager
def started(
    *words: str,
    host: str = "127.0.0.1",
    port: int = 0,
    environment: dict[str, str] | None = None,
) -> Iterator[Part]:
    """Start a part of a cluster, and end it."""
    if port:
        words = (*words, f"--port={port}")
    with TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "service.lab.cluster", *words],
                cwd=CHECKOUT,
                env=os.environ | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        part = Part(process, output, f"tcp://{host}:{port}")
        try:
            yield part
        finally:
            for each in part.processes():
                each.kill()
            process.wait(30)


def commands() -> list[str]:
    """Return what docs/scale.md says."""
    section = (CHECKOUT / "docs" / "scale.md").read_text().partition("\n## TLS\n")[2]
    (block,) = re.findall(r"```sh\n(.*?)```", section.partition("\n## ")[0], re.S)
    return str(block).splitlines()


def certificates(folder: Path) -> Path:
    """Make an authority and a certificate, as the documentation says."""
    for command in commands():
        subprocess.run(shlex.split(command), cwd=folder, check=True, capture_output=True)
    return folder / "data" / "cluster-tls"
