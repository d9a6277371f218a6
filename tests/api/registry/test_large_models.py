"""What a large forest replaces leaves memory; the largest are never there twice."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from service.contract.model.manifest import MODEL
from service.contract.model.store import ModelStore
from service.contract.predictors.decision_trees import LARGE
from service.lab.publish.publication import Publication
from tests.support.live import LiveApi, children, running_api, wait_until
from tests.support.models import FLOWER, iris

COPIES = 22  # of four trees of 1.3 MB
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Return an API with two versions each of a large forest, one of half its size, and iris."""
    folder = tmp_path_factory.mktemp("large")
    store, dice = ModelStore(folder / "models"), np.random.default_rng(0)
    numbers = pd.DataFrame(dice.random((20_000, 4)), columns=[*FLOWER])
    classes = dice.integers(0, 3, len(numbers))
    forest = RandomForestClassifier(4, random_state=0).fit(numbers, classes)
    forest.estimators_ = [deepcopy(tree) for _ in range(COPIES) for tree in forest.estimators_]
    for _ in range(2):
        Publication("large", forest, numbers, classes).write(store, {}, None, {})
        forest.estimators_.reverse()
        half = deepcopy(forest)
        half.estimators_ = half.estimators_[: 2 * COPIES]
        Publication("half", half, numbers, classes).write(store, {}, None, {})
        Publication("iris", iris().estimator, iris().X, iris().y).write(store, {}, None, {})
    store.promote("iris", 1)
    store.promote("large", 1)
    store.promote("half", 1)
    with running_api(folder, API_WORKERS="1") as api:
        yield api


def memory(pid: int) -> float:
    """Return the memory of a process and all below it, in MB; what they share counts once.

    Workers are read before the validation that hands a model over to them: what moves meanwhile
    would else count twice.
    """
    kilobytes = 0
    with suppress(OSError):  # it has ended
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024 + sum(map(memory, reversed(children(pid))))


def highest(api: LiveApi, do: Callable[[], object]) -> float:
    """Return how much more memory an API takes at its worst while something is done, in MB."""
    samples, done = [memory(api.process.pid)], Event()

    def sample() -> None:
        while not done.is_set():
            samples.append(memory(api.process.pid))

    thread = Thread(target=sample)
    thread.start()
    try:
        do()
    finally:
        done.set()
        thread.join()
    return max(samples) - samples[0]


def test_a_large_forest_swaps_in_place(api: LiveApi) -> None:
    lab = api.lab()
    size = (ModelStore(api.models).folder("large", 1) / MODEL).stat().st_size / MEGABYTE
    assert size > 1.2 * LARGE / MEGABYTE
    before = memory(api.process.pid)
    small = highest(api, lambda: lab.promote("iris", 2))
    wait_until(lambda: memory(api.process.pid) < before + 0.1 * size, "the validation to end")
    large = highest(api, lambda: lab.promote("large", 2))
    assert size < large < small + 1.3 * size
    wait_until(lambda: memory(api.process.pid) < before + 0.15 * size, "memory to be given back")


def test_what_is_replaced_gives_memory_back(api: LiveApi) -> None:
    lab = api.lab()
    size = (ModelStore(api.models).folder("half", 1) / MODEL).stat().st_size / MEGABYTE
    assert size < LARGE / MEGABYTE
    before = memory(api.process.pid)
    for version in (2, 1, 2):
        lab.promote("half", version)
    wait_until(lambda: memory(api.process.pid) < before + 0.3 * size, "memory to be given back")
