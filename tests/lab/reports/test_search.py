"""Search reports: rank, notes and picture, against what `cv_results_` says."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from service.contract.errors import LabloopError
from service.lab import SearchReport

X, y = load_diabetes(return_X_y=True)
TREE = DecisionTreeRegressor(random_state=0)
GRID = {"max_depth": [2, 3, 4, None], "min_samples_leaf": [1, 5, 20], "splitter": ["best"]}


def fitted(search: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)
        warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
        return search.fit(X, y)


GRID_SEARCH = fitted(GridSearchCV(TREE, GRID, cv=4))


def test_candidates_are_ranked() -> None:
    report = SearchReport(GRID_SEARCH)
    results = pd.DataFrame(GRID_SEARCH.cv_results_).sort_values("rank_test_score", kind="stable")
    table = report.table
    assert table.columns.tolist() == [
        "score", "std", "fit_seconds", "max_depth", "min_samples_leaf"
    ]  # fmt: skip
    assert table.index.tolist() == [*range(1, 13)]
    np.testing.assert_allclose(table["score"], results["mean_test_score"])
    np.testing.assert_allclose(table["std"], results["std_test_score"])
    np.testing.assert_allclose(table["fit_seconds"], results["mean_fit_time"])
    assert table["min_samples_leaf"].tolist() == results["param_min_samples_leaf"].tolist()
    assert table["max_depth"].tolist() == [str(each["max_depth"]) for each in results["params"]]


def test_close_candidates_are_counted() -> None:
    results = GRID_SEARCH.cv_results_
    folds = np.array([results[f"split{fold}_test_score"] for fold in range(4)])
    best = GRID_SEARCH.best_index_
    error = np.sqrt(np.sum((folds[:, best] - folds[:, best].mean()) ** 2) / 3 / 4)
    others = sum(folds[:, each].mean() >= folds[:, best].mean() - error for each in range(12)) - 1
    text = " ".join(SearchReport(GRID_SEARCH).notes)
    assert (
        f"Its score is {GRID_SEARCH.best_score_:.4g}, with a standard error of {error:.2g}." in text
    )
    assert f"Within one standard error of it: {others} other candidates of 11." in text


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([0.01, 0.02, 0.04], "alpha (0.04, the largest)"),
        ([1e3, 1e4, 1e5], "alpha (1000, the smallest)"),
        ([1e-5, 0.01, 1e5], ""),
        ([0.01, 0.02], ""),
    ],
)
def test_an_edge_is_told(values: list[float], told: str) -> None:
    search = fitted(
        GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": values})
    )
    edges = [note for note in SearchReport(search).notes if "At the edge" in note]
    assert len(edges) == bool(told)
    assert told in "".join(edges)


def test_failed_fits_are_last() -> None:
    search = fitted(GridSearchCV(Ridge(), {"alpha": [1.0, -1.0, 2.0]}, cv=3))
    report = SearchReport(search)
    assert report.table["alpha"].tolist()[-1] == -1.0
    assert report.table["score"].isna().tolist() == [False, False, True]
    assert any("Failed: 3 fits of 1 candidate," in note for note in report.notes)
    assert report.figure().axes


def test_halving_compares_the_last_round() -> None:
    search = HalvingGridSearchCV(TREE, GRID, cv=3, random_state=0, min_resources=40)
    report = SearchReport(fitted(search))
    results = search.cv_results_
    last = results["n_resources"] == results["n_resources"].max()
    assert report.table["n_resources"].tolist() == sorted(results["n_resources"])[::-1]
    assert report.table["score"][1] == pytest.approx(search.best_score_)
    assert any(f"Only the {last.sum()} that were given" in note for note in report.notes)


def test_the_metric_can_be_chosen() -> None:
    scoring = ["r2", "neg_mean_absolute_error"]
    search = fitted(GridSearchCV(TREE, GRID, scoring=scoring, refit="r2", cv=3))
    assert SearchReport(search).table["score"][1] == pytest.approx(search.best_score_)
    other = SearchReport(search, "neg_mean_absolute_error")
    assert other.table["score"][1] == search.cv_results_["mean_test_neg_mean_absolute_error"].max()
    with pytest.raises(LabloopError, match="'f1' was not measured; this search has r2, neg_mean"):
        SearchReport(search, "f1")


def test_what_is_no_search_is_refused() -> None:
    for value in (GridSearchCV(TREE, GRID), TREE):
        with pytest.raises(LabloopError, match=r"has no cv_results_.* after its `fit`"):
            SearchReport(value)


@pytest.mark.parametrize(
    ("grid", "panels", "scale"),
    [
        ({"ridge__alpha": [0.001, 0.1, 10.0]}, 1, "log"),
        ({"ridge__alpha": [1.0, 2.0, 3.0]}, 1, "linear"),
        ({"ridge__alpha": [0.001, 0.1, 10.0], "ridge__fit_intercept": [True, False]}, 1, "log"),
        (
            {
                "ridge__alpha": [0.001, 0.1, 10.0],
                "ridge__fit_intercept": [True, False],
                "ridge__solver": ["svd", "lsqr"],
            },
            3,
            None,
        ),
        ([{"ridge__alpha": [1.0, 2.0]}, {"ridge": [TREE, Ridge(3)]}], 2, None),
    ],
)
def test_each_parameter_is_drawn(grid: Any, panels: int, scale: str | None) -> None:
    search = fitted(GridSearchCV(make_pipeline(StandardScaler(), Ridge()), grid, cv=2))
    report = SearchReport(search)
    axes = report.figure().axes
    assert len(axes) == panels
    assert scale in (None, axes[0].get_xscale())
    best = [each.get_offsets() for each in axes[0].collections if each.get_label() == "the best"]
    assert np.asarray(best[0])[0, 1] == pytest.approx(search.best_score_)


def test_one_candidate_is_reported() -> None:
    report = SearchReport(fitted(GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2)))
    assert len(report.table) == 1
    assert not report.figure().axes
