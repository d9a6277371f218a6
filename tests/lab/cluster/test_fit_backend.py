"""Fits on a cluster of two workers: the same results, what is sent, and what goes wrong."""

import os
import signal
import sys
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import dask
import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from benchmarks.meanwhile import meanwhile
from service.contract.errors import ApiUnreachableError, ClusterError
from service.contract.model_file import artifact
from service.contract.settings import Settings
from service.features import AddRatio
from service.lab import Lab
from service.lab.cluster import fit_backend, fit_batch
from service.lab.cluster.cluster import Cluster, start
from tests.support.live import CHECKOUT, wait_until

TABLE = pd.read_csv(CHECKOUT / "data" / "penguins.csv").dropna()
X, y = TABLE.drop(columns=["species", "year"]), TABLE["species"]
RATIO = "bill_length_mm", "bill_depth_mm"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    # Were copies of data dropped while they are in use, it would be seen here, not every 2 s.
    often = {"distributed.scheduler.active-memory-manager.interval": "10ms"}
    with (
        dask.config.set(often),
        start(Settings(dask_scheduler_address=""), workers=2) as cluster,
    ):
        yield cluster


def pipeline(estimator: Any) -> Any:
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["island", "sex"]), remainder="passthrough"
    )
    return make_pipeline(AddRatio(*RATIO), encode, estimator)


FOREST = pipeline(RandomForestClassifier(10, random_state=0))
DEPTHS = {"randomforestclassifier__max_depth": [1, 2, 3, 5]}
SEARCHES = {
    "grid": GridSearchCV(FOREST, DEPTHS, cv=3, return_train_score=True),
    "several scores": GridSearchCV(
        FOREST, DEPTHS, cv=3, scoring=["accuracy", "neg_log_loss"], refit="accuracy"
    ),
    "random": RandomizedSearchCV(FOREST, DEPTHS, n_iter=3, random_state=1),
    "halving": HalvingGridSearchCV(FOREST, DEPTHS, random_state=2),
}


def without_a_cluster(work: Callable[[], Any]) -> Any:
    with parallel_config(backend="sequential"):
        return work()


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_searches_find_the_same(cluster: Cluster, search: Any) -> None:
    here = without_a_cluster(lambda: search.fit(X, y))
    results, best = here.cv_results_, here.best_params_
    predicted = without_a_cluster(lambda: here.predict_proba(X))
    there = search.fit(X, y)
    assert there.best_params_ == best
    scores = [name for name in results if not name.endswith("_time")]
    # As after the block: in it, a forest predicts by threads, which add in any order.
    np.testing.assert_array_equal(without_a_cluster(lambda: there.predict_proba(X)), predicted)
    pd.testing.assert_frame_equal(
        pd.DataFrame(there.cv_results_)[scores], pd.DataFrame(results)[scores]
    )


def test_scores_and_forests_are_the_same(cluster: Cluster) -> None:
    def work() -> tuple[Any, Any]:
        forest = RandomForestClassifier(20, random_state=0, n_jobs=2, oob_score=True)
        forest.fit(X[[*RATIO]], y)
        return cross_val_score(FOREST, X, y), forest.oob_decision_function_

    for here, there in zip(without_a_cluster(work), work(), strict=True):
        np.testing.assert_array_equal(there, here)


def test_a_found_estimator_is_published(cluster: Cluster, tmp_path: Path) -> None:
    search = SEARCHES["grid"].fit(X, y)
    lab = Lab(api_url="http://127.0.0.1:9", models_dir=tmp_path)
    with pytest.raises(ApiUnreachableError, match="version 1 is written and live"):
        lab.publish("penguins", search, X, y)
    read = artifact.load(tmp_path / "penguins" / "1" / "model.skops")
    answers = [without_a_cluster(lambda: each.predict_proba(X)) for each in (read, search)]  # noqa: B023
    np.testing.assert_array_equal(*answers)


def jobs() -> tuple[int, int, int]:
    return os.getpid(), effective_n_jobs(None), effective_n_jobs(-1)


def test_none_means_one_inside_fits(cluster: Cluster) -> None:
    found = Parallel()(delayed(jobs)() for _ in range(40))
    assert {pid for pid, *_ in found} == set(cluster.run(os.getpid).values())
    assert {(none, every) for _, none, every in found} == {(1, 2)}
    assert jobs() == (os.getpid(), 2, 2)


def inner(number: int) -> list[float]:
    return list(Parallel(n_jobs=-1)(delayed(abs)(-number - each) for each in range(3)))


def test_calls_inside_calls_end(cluster: Cluster) -> None:
    found = Parallel()(delayed(inner)(number) for number in range(6))
    assert found == [[number, number + 1, number + 2] for number in range(6)]


class Data:
    """Some megabytes, that count how often they are packed to be sent."""

    times = 0

    def __init__(self) -> None:
        self.content = bytes(8_000_000)

    def __sizeof__(self) -> int:
        return len(self.content)

    def __reduce_ex__(self, protocol: Any) -> Any:
        Data.times += 1
        return super().__reduce_ex__(protocol)


def sent_by(dask_worker: Any) -> int:
    return int(dask_worker.transfer_outgoing_bytes_total)


def kind(data: Any) -> str:
    return type(data).__name__


@pytest.mark.parametrize("form", ["object", "list", "dict"])
def test_data_is_sent_once(cluster: Cluster, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Data, "times", 0)
    alone = Data()
    data = {"object": alone, "list": [alone], "dict": {"weights": alone}}[form]
    before = sum(cluster.run(sent_by).values())
    found = Parallel()(delayed(kind)(data) for _ in range(60))
    assert set(found) == {type(data).__name__}
    between = sum(cluster.run(sent_by).values()) - before
    assert between < 1.1 * len(alone.content)  # at most once, from the one worker to the other
    assert Data.times == 1  # by the notebook


def test_tables_of_any_kind_are_large() -> None:
    ones = np.ones((100, 30))
    for table in (ones, pd.DataFrame(ones), pl.DataFrame(ones), csr_array(ones), csr_matrix(ones)):
        assert fit_backend.is_large(table), type(table)
    for value in (Ridge(), {"alpha": 1.0}, 3, np.float64(3), "text", None, FOREST, ones[0]):
        assert not fit_backend.is_large(value), type(value)


def test_fits_do_not_carry_each_other(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def packed(calls: list[Any]) -> bytes:
        sizes.append(len(content := fit_batch.packed(calls)) / len(calls))
        return content

    monkeypatch.setattr(fit_backend, "packed", packed)
    search = GridSearchCV(Ridge(), {"alpha": np.logspace(-3, 3, 150)}, cv=2)
    search.fit(X[[*RATIO]], TABLE["body_mass_g"])
    assert max(sizes) < 20_000  # bytes a fit, however many there are


def test_data_that_changed_is_sent_again(cluster: Cluster) -> None:
    table = np.zeros(10_000)
    assert Parallel()(delayed(np.sum)(table) for _ in range(3)) == [0, 0, 0]
    table += 1
    assert Parallel()(delayed(np.sum)(table) for _ in range(3)) == [10_000] * 3


def test_what_cells_define_is_sent(cluster: Cluster) -> None:
    factor = 3.0
    steps = make_pipeline(FunctionTransformer(lambda X: X * factor), Ridge())
    search = GridSearchCV(steps, {"ridge__alpha": [0.1, 1.0]}, cv=2)
    assert search.fit(X[[*RATIO]], TABLE["body_mass_g"]).best_params_


def test_a_missing_module_is_named(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside_the_notebook.py").write_text("def double(X):\n    return 2 * X\n")
    monkeypatch.syspath_prepend(tmp_path)
    double = __import__("beside_the_notebook").double
    steps = make_pipeline(FunctionTransformer(double), Ridge())
    search = GridSearchCV(steps, {"ridge__alpha": [0.1, 1.0]}, cv=2)
    workers = set(cluster.run(os.getpid).values())
    with pytest.raises(ClusterError, match=r"'beside_the_notebook'.* service/features\.py"):
        search.fit(X[[*RATIO]], TABLE["body_mass_g"])
    assert set(cluster.run(os.getpid).values()) == workers  # none has ended by it
    del sys.modules["beside_the_notebook"]


def test_an_error_stays_what_it_is(cluster: Cluster) -> None:
    search = GridSearchCV(Ridge(), {"alpha": [1.0, -1.0]}, error_score="raise", cv=2)
    with pytest.raises(ValueError, match="'alpha' parameter of Ridge must be"):
        search.fit(X[[*RATIO]], TABLE["body_mass_g"])
    with pytest.raises(TypeError, match="pickle"):
        Parallel()(delayed(id)(sys._getframe()) for _ in range(3))


class Slow(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that takes as long as it is told."""

    def __init__(self, milliseconds: int = 0, C: float = 1.0) -> None:
        self.milliseconds = milliseconds
        self.C = C

    def fit(self, X: Any, y: Any) -> Self:
        signal.sigtimedwait([], self.milliseconds / 1000)
        self.model_ = LogisticRegression(C=self.C).fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X: Any) -> Any:
        return self.model_.predict(X)


SLOW = GridSearchCV(Slow(100), {"C": np.logspace(-3, 1, 15)}, cv=2, refit=False)
NUMBERS = (X[[*RATIO]] - X[[*RATIO]].mean()) / X[[*RATIO]].std()


def is_busy(cluster: Cluster) -> bool:
    return any(cluster.processing().values())


def test_a_bar_shows_what_is_done(
    cluster: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2).fit(NUMBERS, TABLE["body_mass_g"])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(fit_backend, "BAR_AFTER", 0.0)
    SLOW.fit(NUMBERS, y)
    shown = capsys.readouterr().err
    assert "0/30" in shown
    assert shown.rstrip().split("\r")[-1].startswith("100%")
    assert "30/30" in shown
    assert "fit/s" in shown


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have Ctrl-C interrupt, also where what started the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_leaves_workers_free(cluster: Cluster, interruptible: None) -> None:
    def interrupt(_: Any) -> None:
        wait_until(lambda: is_busy(cluster), "the first fits")
        interrupt_main()

    endless = GridSearchCV(Slow(100), {"C": np.logspace(-3, 1, 1000)}, cv=2)
    with pytest.raises(KeyboardInterrupt), meanwhile(interrupt):
        endless.fit(NUMBERS, y)
    wait_until(lambda: not is_busy(cluster), "the workers to be free", 10)
    assert Parallel()(delayed(abs)(-each) for each in range(4)) == [0, 1, 2, 3]


def test_killed_workers_are_replaced(cluster: Cluster) -> None:
    search = clone(SLOW).set_params(estimator__milliseconds=10)
    scores = without_a_cluster(lambda: search.fit(NUMBERS, y).cv_results_["mean_test_score"])
    pids = [*cluster.run(os.getpid).values()]

    def kill(_: Any) -> None:
        wait_until(lambda: is_busy(cluster), "the first fits")
        for pid in pids:  # all, so that the data is lost, too
            os.kill(pid, signal.SIGKILL)

    with meanwhile(kill):
        SLOW.fit(NUMBERS, y)
    np.testing.assert_array_equal(SLOW.cv_results_["mean_test_score"], scores)
    assert not {*cluster.run(os.getpid).values()} & {*pids}
