import os
import subprocess
import sys
from functools import cache
from typing import Any

# Before NumPy and scikit-learn are imported, here and in what tests start: several processes share
# the cores, and the threads of one would spend them on waiting for those of another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests that run side by side would all want the port of the one dashboard.
os.environ.setdefault("DASHBOARD_PORT", "0")

import numpy as np
import pytest
from xdist.scheduler import LoadFileScheduling

from service.api.processes.fork.fork_server import ForkServer
from service.lab.cluster.cluster import Cluster, start
from tests.support.browser import new_browser
from tests.support.cluster import started
from tests.support.live import CHECKOUT, running_api
from tests.support.manifests import manifests
from tests.support.need import need
from tests.support.notebooks import execute
from tests.support.release import release  # noqa: F401
from tests.support.s3 import running_s3, s3, s3_server  # noqa: F401
from tests.support.soak import times
from tests.support.stack import (  # noqa: F401
    LocalLab,
    checkout,
    composed,
    copy_checkout,
    engine,
    local,
    stack,
)

# Whoever works here may have a `.env`; it is not what is tested.
os.environ["COMPOSE_DISABLE_ENV_FILE"] = "1"

# What runs in environments of other people's packages cannot be imported here.
collect_ignore_glob = ["outside/ask_*.py"]
HERE = CHECKOUT / "tests"
LABS = (
    "browser",
    "cluster",
    "compose",
    "containers",
    "object_store",
    "projects",
    "replicas",
    "local_lab",
)
SHARED = {f"tests/stack/test_{name}.py": "the labs" for name in LABS}
SHARED |= {
    f"tests/stack/test_{name}.py": "the release images"
    for name in ("pods", "pods_apart", "pods_cluster", "release")
}
SHARED |= {f"tests/stack/test_{name}.py": "the hosts" for name in ("hosts", "nodes")}
# What starts a process, a server, a container, a cluster, a browser or a notebook, works in a copy
# of the checkout, needs something of the machine, or runs a part of a long test. A sweep says so by
# its own mark.
SLOW = (
    Cluster,
    LocalLab,
    composed,
    copy_checkout,
    execute,
    manifests,
    need,
    new_browser,
    running_api,
    running_s3,
    subprocess,
    ForkServer,
    start,
    started,
    times,
)


class SharedFixtures(LoadFileScheduling):  # type: ignore[misc]
    """Keep each file on one process, for its fixtures.

    So is a folder whose `conftest.py` has fixtures for its files, and what shares a lab.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        if file in SHARED:
            return SHARED[file]
        folder = (CHECKOUT / file).parent
        return str(folder) if folder != HERE and (folder / "conftest.py").exists() else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SharedFixtures:
    return SharedFixtures(config, log)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run one more than there are cores where tests wait for servers a part of their time."""
    waits = str(config.option.markexpr) != "not slow"
    return len(os.sched_getaffinity(0)) + waits


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Have estimators without a `random_state` fitted alike in each run, whatever ran before."""
    np.random.seed(0)


def is_slow(item: pytest.Item) -> bool:
    """Whether the file of a test, or of a fixture of it, uses something `SLOW`."""
    if isinstance(item, pytest.DoctestItem):
        return uses_slow(item.dtest.globs["__name__"]) if item.dtest else False
    assert isinstance(item, pytest.Function)
    fixtures = [each for found in item._fixtureinfo.name2fixturedefs.values() for each in found]
    return any(uses_slow(each.__module__) for each in (item.function, *(f.func for f in fixtures)))


@cache
def uses_slow(module: str) -> bool:
    values = vars(sys.modules[module]).values()
    return any(value is each for value in values for each in SLOW)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, which `make quick` leaves out, and begin with what takes longest."""
    for item in items:
        if is_slow(item):
            item.add_marker("slow")
    items.sort(key=lambda item: (item.get_closest_marker("slow") is None, not is_of_stack(item)))


def is_of_stack(item: pytest.Item) -> bool:
    return item.nodeid.startswith("tests/stack/")
