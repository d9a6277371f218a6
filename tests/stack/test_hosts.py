"""Three hosts: a scheduler and two workers with addresses of their own, of which one is lost."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from service.contract.model.store import ModelStore
from service.lab import Lab
from service.lab.publish.publication import Publication
from service.lab.score.data import parts
from tests.support.live import CHECKOUT
from tests.support.models import iris
from tests.support.nodes import BRIDGE, INSIDE, ip, namespace, network
from tests.support.scores import scored, to_parquet

ROWS, PART = 100_000, 1_000
# A peer that is silent for so long is lost. Dask has 30 s by default, and takes 11 at least.
SILENCE = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s"}


@contextmanager
def program(host: int, folder: Path, *words: str) -> Iterator[None]:
    """Run one of Dask's programs on a host."""
    command = [*INSIDE, namespace(host), sys.executable, "-m", *words]
    variables = os.environ | SILENCE | {"PYTHONPATH": str(CHECKOUT)}
    with (folder / f"host-{host}.txt").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with network(3) as addresses, ExitStack() as running:
        scheduler = f"tcp://{addresses[0]}:8786"
        first = ("distributed.cli.dask_scheduler", "--host", addresses[0], "--no-dashboard")
        running.enter_context(program(0, tmp_path, *first))
        for host in (1, 2):
            more = (scheduler, "--host", addresses[host], "--nthreads", "1", "--no-dashboard")
            worker = ("distributed.cli.dask_worker", *more)
            running.enter_context(program(host, tmp_path, *worker))
        yield scheduler


def test_a_lost_host_costs_nothing(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ModelStore(tmp_path / "models")
    publication = Publication("iris", iris().estimator, iris().X, iris().y)
    store.promote("iris", publication.write(store))
    places = np.random.default_rng(0).integers(0, len(iris().X), ROWS)
    flowers = iris().X.iloc[places].reset_index(drop=True)
    to_parquet(flowers, tmp_path / "flowers.parquet")
    monkeypatch.setattr(parts, "ROWS", PART)
    done: list[int] = []

    def lose_a_host(_: object, rows: int) -> None:
        if len(done) == 5:
            ip("link", "set", f"{BRIDGE}-2", "down")
        done.append(rows)

    monkeypatch.setattr("service.lab.score.scoring.tqdm.update", lose_a_host)
    lab = Lab(models_dir=tmp_path / "models", dask_scheduler_address=address)
    with lab.cluster() as cluster:
        cluster.wait_for_workers(2, timeout=30)
        search = GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.01, 0.1, 1.0]}, cv=5)
        search.fit(iris().X, iris().y)
        lab.score("iris", tmp_path / "flowers.parquet", tmp_path / "out")
        assert len(cluster.scheduler_info()["workers"]) == 1
    found = scored(tmp_path / "out")
    assert found["row"].tolist() == [*range(ROWS)]
    want = iris().estimator.predict_proba(flowers)
    assert np.array_equal(found[["proba_0", "proba_1", "proba_2"]], want)
    here = GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.01, 0.1, 1.0]}, cv=5)
    here.fit(iris().X, iris().y)
    assert search.best_params_ == here.best_params_
    same = ["mean_test_score", "std_test_score", "rank_test_score"]
    pd.testing.assert_frame_equal(
        pd.DataFrame(search.cv_results_)[same], pd.DataFrame(here.cv_results_)[same]
    )
