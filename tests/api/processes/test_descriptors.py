"""An API without free file descriptors says so, answers who is connected, and recovers."""

import contextlib
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.contract.log.segment import FOLDER
from service.contract.model.store import ModelStore
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.log_lines import logged_ids
from tests.support.models import FLOWER, publish_iris

FEW = 64


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    folder = tmp_path_factory.mktemp("descriptors")
    publish_iris(folder / "models")
    with running_api(folder) as api:
        yield api


def open_files(api: LiveApi) -> int:
    return len([*Path(f"/proc/{api.worker}/fd").iterdir()])


@contextlib.contextmanager
def crowd(api: LiveApi, count: int) -> Iterator[None]:
    """Connect so many times, say nothing, and stay."""
    host, _, port = api.url.removeprefix("http://").partition(":")
    with contextlib.ExitStack() as opened:
        for _ in range(count):
            opened.enter_context(socket.create_connection((host, int(port)), timeout=30))
        yield


@contextlib.contextmanager
def shortage(api: LiveApi) -> Iterator[None]:
    """Let an API open nothing more, until this ends."""
    limits = resource.prlimit(api.worker, resource.RLIMIT_NOFILE)
    resource.prlimit(api.worker, resource.RLIMIT_NOFILE, (open_files(api), limits[1]))
    try:
        with crowd(api, 20):  # for the numbers that are free in between
            yield
    finally:
        resource.prlimit(api.worker, resource.RLIMIT_NOFILE, limits)


def test_connections_leave_file_descriptors(tmp_path: Path) -> None:
    publish_iris(tmp_path / "models")
    with running_api(tmp_path, open_files=str(FEW)) as api, api.http() as http:
        said = api.output.read_text()
        assert "Raise ulimit -n, or lower MAX_CONNECTIONS" in said
        assert http.get("/predict", params=FLOWER).is_success
        with crowd(api, FEW + 20):
            with api.http() as late:
                assert late.get("/health/live").is_success  # it came last: the crowd is in
                shutil.rmtree(api.logs / FOLDER)  # so that a segment has to be opened
                for _ in range(20):
                    assert http.get("/predict", params=FLOWER).is_success
                    assert late.get("/models").is_success
            store = ModelStore(api.models)
            shutil.copytree(store.folder("iris", 1), api.models / "iris" / "2")
            store.promote("iris", 2)
            wait_until(lambda: served(api) == "2", "the other version")
            assert open_files(api) < FEW
        assert api.output.read_text().count("Traceback") == 0


def served(api: LiveApi) -> str:
    with api.http() as http:
        return http.get("/predict", params=FLOWER).headers["X-Model-Version"]


def test_a_shortage_is_logged_and_ends(api: LiveApi) -> None:
    with api.http() as http:
        first = http.get("/predict", params=FLOWER)
        assert http.get("/models").is_success
        before = len(api.output.read_text())
        store = ModelStore(api.models)
        with shortage(api):
            shutil.copytree(store.folder("iris", 1), api.models / "iris" / "2")
            store.promote("iris", 2)
            wait_until(lambda: "No more files" in api.output.read_text()[before:], "a word")
            listed = set()
            began = time.monotonic()
            while len(lines := api.output.read_text()[before:].splitlines()) < 4:
                assert http.get("/predict", params=FLOWER).headers["X-Model-Version"] == "1"
                listed.add(http.get("/models").status_code)
            seconds = time.monotonic() - began
        assert 503 in listed <= {200, 503}
        assert len(lines) <= seconds + 2
        assert all("No more files can be opened: ulimit -n is" in each for each in lines)
        wait_until(lambda: served(api) == "2", "the other version")  # nobody refused it
        assert http.get("/models").is_success
        assert "is refused" not in api.output.read_text()
    assert first.headers["X-Prediction-Id"] in logged_ids(api.logs)


def not_answered(http: httpx.Client) -> httpx.Response | None:
    response = http.get("/predict", params=FLOWER)
    return None if response.is_success else response


def test_an_unopened_segment_fails_one_request(api: LiveApi) -> None:
    with api.http() as http:
        assert http.get("/predict", params=FLOWER).is_success
        with shortage(api):
            (api.logs / FOLDER).rename(api.logs / "old")
            refused = wait_until(lambda: not_answered(http), "a segment to be needed")
            assert "Too many open files" in refused.json()["error"]
            assert "ulimit -n" in refused.json()["error"]
        wait_until(lambda: http.get("/predict", params=FLOWER).is_success, "the log", 5)
