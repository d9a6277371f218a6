"""What the fork server has when it forks, and what becomes of its forks."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from service.api.processes.fork.child import LOST, Child
from service.api.processes.fork.fork_server import ForkServer
from tests.support.live import lives, wait_until

EDITED = ("service.features", "service.trusted_types")
X = np.random.default_rng(0).random((2000, 200))


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    server.start()
    yield server
    server.end()


def ask(server: ForkServer, function: Callable[..., None], *arguments: Any) -> Any:
    """Return what a function sends from a fork."""
    ours, theirs = Pipe(duplex=False)
    with ours, theirs:
        child = server.fork(function, theirs, *arguments)
        theirs.close()
        answer = ours.recv()
    child.join()
    assert child.exitcode == 0
    return answer


def threads(pid: int) -> int:
    return len([*Path(f"/proc/{pid}/task").iterdir()])


def tell_modules(results: Connection) -> None:
    results.send([*sys.modules])


def test_a_fork_has_nothing_edited(server: ForkServer) -> None:
    modules = ask(server, tell_modules)
    assert {"numpy", "pandas", "sklearn", "skops", "treelite", "fastapi", "uvicorn"} <= {*modules}
    assert not {*EDITED, "prometheus_client", "xgboost", "lightgbm"} & {*modules}


def predicted() -> Any:
    return HistGradientBoostingRegressor(max_iter=5).fit(X, X[:, 0]).predict(X)


def compute(results: Connection) -> None:
    results.send((X @ X.T, predicted(), threads(os.getppid())))


def test_a_fork_computes_with_many_threads(server: ForkServer) -> None:
    for _ in range(2):  # before and after a fork has computed
        product, by_fork, of_server = ask(server, compute)
        np.testing.assert_allclose(product, X @ X.T)
        np.testing.assert_allclose(by_fork, predicted())
        assert of_server == 1  # so that no lock is held when it forks


def wait(results: Connection) -> None:
    results.send(os.getpid())
    signal.pause()


def waiting(server: ForkServer) -> tuple[Child, int]:
    """Return a fork that waits, and its process."""
    ours, theirs = Pipe(duplex=False)
    with ours, theirs:
        child = server.fork(wait, theirs)
        pid = ours.recv()
    return child, pid


def test_a_fork_tells_how_it_ended(server: ForkServer) -> None:
    for number in (signal.SIGTERM, signal.SIGSEGV):
        child, pid = waiting(server)
        assert (child.pid, child.exitcode) == (pid, None)
        os.kill(pid, number)
        child.join()
        assert child.exitcode == -number


def test_a_fork_ends_when_nobody_waits(server: ForkServer) -> None:
    child, pid = waiting(server)
    del child
    wait_until(lambda: not lives(pid), "its end")


def test_a_fork_dies_with_its_server(server: ForkServer) -> None:
    child, pid = waiting(server)
    os.kill(pid, signal.SIGSTOP)
    server.kill()
    child.join()
    assert child.exitcode == LOST
    wait_until(lambda: not lives(pid), "its end")

    def follows() -> int:
        server.look()
        return server.pid

    wait_until(follows, "the next fork server")
    assert ask(server, tell_modules)
