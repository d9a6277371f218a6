"""Which version is to blame when a worker does not answer."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from service.api.processes.hang import Hang, Watch
from service.api.processes.pulse import Pulse, Shared, computations
from tests.support.live import wait_until

LOOK = 0.05  # as often as `wait_until` asks


@pytest.fixture
def computing() -> Iterator[Shared]:
    """Show two computations: one works, the other, which began later, waits."""
    pulse, shared, done = Pulse(), Shared(beats=1), threading.Event()
    pulse.show_in(shared)

    def work() -> None:
        with pulse.computing(b"works/1/a"):
            while not done.is_set():
                sum(range(1000))

    def wait() -> None:
        with pulse.computing(b"waits/1/b"):
            done.wait()

    threads = [threading.Thread(target=each) for each in (work, wait)]
    threads[0].start()
    wait_until(lambda: [*computations(shared)], "the first")
    threads[1].start()
    wait_until(lambda: len([*computations(shared)]) == 2, "the second")
    yield shared
    done.set()
    for thread in threads:
        thread.join()


def test_the_working_computation_is_named(computing: Shared) -> None:
    watch = Watch(os.getpid(), computing, limit=3)
    hang = wait_until(lambda: watch.look(LOOK), "the hang")
    assert "not answered for 3 s" in hang.what
    assert hang.labels == ["works/1/a"]


def test_a_stopped_worker_blames_no_version(computing: Shared) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        os.kill(process.pid, signal.SIGSTOP)
        watch = Watch(process.pid, computing, limit=2)
        hang = wait_until(lambda: watch.look(1.0), "the hang")
        process.kill()
    assert hang.labels == []


def test_unwatched_time_does_not_count(computing: Shared) -> None:
    watch = Watch(os.getpid(), computing, limit=60)
    assert [watch.look(3600.0) for _ in range(10)] == [None] * 10


def test_every_endless_computation_is_named(computing: Shared) -> None:
    watch = Watch(os.getpid(), computing, limit=2)

    def look() -> Hang | None:
        computing.beats += 1
        return watch.look(1.0)

    hang = wait_until(look, "the hang")
    assert sorted(hang.labels) == ["waits/1/b", "works/1/a"]
