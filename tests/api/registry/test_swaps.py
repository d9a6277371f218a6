"""Swaps under load fail no request, and each prediction is its version's own."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

from service.contract.model.store import ModelStore
from service.lab.publish.publication import Publication
from tests.support.live import PLAIN, LiveApi, resident, running_api, served_by, wait_until
from tests.support.models import FLOWER, iris
from tests.support.soak import times

VERSIONS = 5
PAUSE = times(0, 5) / 1000  # seconds, so that versions are loaded meanwhile
X = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})


def publish_lines(models: Path) -> None:
    """Publish versions that can be told apart: version v answers 10 x + v."""
    store = ModelStore(models)
    for version in range(1, VERSIONS + 1):
        y = 10 * X["x"] + version
        publication = Publication("line", LinearRegression().fit(X, y), X, y)
        assert publication.write(store, {}, None, {}) == version
    store.promote("line", 1)


@dataclass
class Load:
    """Asks over several connections, each kept open, and notes whatever is not right."""

    api: LiveApi
    connections: int = 8
    wrong: list[str] = field(default_factory=list)
    answered: int = 0
    versions: set[int] = field(default_factory=set)
    stop: bool = False

    async def _ask(self, http: httpx.AsyncClient, number: int) -> None:
        x = float(number)
        while not self.stop:
            try:
                if number % 2:
                    response = await http.get("/models/line/predict", params={"x": x})
                    given = response.json()["prediction"]
                else:
                    content = {"columns": {"x": [x] * 3}}
                    response = await http.post("/models/line/predict", json=content)
                    (given,) = set(response.json()["predictions"])
                version = int(response.headers["X-Model-Version"])
            except Exception as error:
                self.wrong.append(repr(error))
                return
            if abs(given - (10 * x + version)) > 1e-6:
                self.wrong.append(f"version {version} answered {given} to {x}")
            self.answered += 1
            self.versions.add(version)
            await asyncio.sleep(PAUSE)

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=1)
        async with AsyncExitStack() as stack:
            clients = [
                httpx.AsyncClient(base_url=self.api.url, **PLAIN, limits=limits)
                for _ in range(self.connections)
            ]
            for client in clients:
                await stack.enter_async_context(client)
            await asyncio.gather(*(self._ask(client, n) for n, client in enumerate(clients)))

    def __enter__(self) -> "Load":
        self._thread = Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        wait_until(lambda: self.wrong or self.answered > 100, "answers")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop = True
        self._thread.join()


@pytest.mark.parametrize("workers", [1, times(4, 2)])
def test_swaps_fail_and_mix_no_requests(tmp_path: Path, workers: int) -> None:
    publish_lines(tmp_path / "models")
    swaps = times(1000, 10)
    with running_api(tmp_path, API_WORKERS=str(workers)) as api:
        wait_until(lambda: len(served_by(api, "line")) == workers, "all workers")
        lab = api.lab()
        with Load(api) as load:
            for swap in range(1, swaps + 1):
                promoted = lab.promote("line", swap % VERSIONS + 1)
                assert promoted.live and promoted.workers == workers
        assert load.wrong == []
        assert load.versions == {*range(1, VERSIONS + 1)}
        assert load.answered > swaps


@pytest.fixture(scope="module")
def forests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Return an API with two versions of a few deep trees, which take some megabytes."""
    folder = tmp_path_factory.mktemp("forests")
    store, dice = ModelStore(folder / "models"), np.random.default_rng(0)
    numbers = pd.DataFrame(dice.random((4000, 4)), columns=[*FLOWER])
    classes = dice.integers(0, 3, 4000)
    for seed in (0, 1):
        forest = RandomForestClassifier(10, random_state=seed).fit(numbers, classes)
        Publication("iris", forest, numbers, classes).write(store, {}, None, {})
    store.promote("iris", 1)
    with running_api(folder) as api:
        yield api


def test_versions_that_nobody_uses_leave_memory(forests: LiveApi) -> None:
    lab, flower = forests.lab(), iris().X.head(1)

    def swap(count: int) -> float:
        for _ in range(count):
            for version in (2, 1):
                assert lab.promote("iris", version).live
                lab.predict("iris", flower)  # a version that answered leaves as well
        return resident(forests.worker)

    before = swap(3)
    assert swap(times(250, 6)) < before + 15  # a version takes 2 MB, so twelve take more


def test_large_requests_give_memory_back(forests: LiveApi) -> None:
    lab = forests.lab()
    table = pd.concat([iris().X] * 130, ignore_index=True)

    def ask(count: int) -> float:
        for _ in range(count):
            lab.predict("iris", table)
        return resident(forests.worker)

    before = ask(5)
    assert ask(times(200, 20)) < before + 40  # a request takes 10 MB
