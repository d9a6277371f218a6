"""Drift of categories, against resampling and simulation."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from service.contract.model.baseline import LISTED, of_categories
from service.lab.reports.drift.categories import compare_categories
from service.lab.reports.drift.chi_square import chi_square
from service.lab.reports.drift.comparison import Comparison
from tests.lab.reports.drift.populations import CATEGORIES


def compared(log: pd.Series, training: pd.Series) -> Comparison:
    summary = of_categories(training.dropna()) | {"missing": int(training.isna().sum())}
    seen = training.dropna().unique().tolist()
    return compare_categories(log, summary, len(training), seen)


@pytest.mark.parametrize("log", [[40, 60, 30], [9, 1, 0], [3, 0, 1]])
def test_chi_square_agrees_with_plain_permutation(log: list[int]) -> None:
    training = [20, 30, 10]
    labels = np.repeat([0, 1, 2, 0, 1, 2], [*log, *training])
    expected = np.bincount(labels) * sum(log) / len(labels)
    random = np.random.default_rng(1)

    def distance(drawn: np.ndarray) -> float:
        counts = np.bincount(drawn, minlength=3)
        return float(np.sum((counts - expected) ** 2 / expected))

    shuffled = [distance(random.permutation(labels)[: sum(log)]) for _ in range(4000)]
    found = distance(labels[: sum(log)])
    share = np.mean(np.array(shuffled) >= found - 1e-9)
    assert chi_square(np.array(log), np.array(training))[1] == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("name", ["zones", "zipf without end", "half new", "names"])
def test_new_rows_bring_the_expected_unseen(name: str) -> None:
    random = np.random.default_rng(0)
    training = pd.Series(CATEGORIES[name](random, 2000))
    log = pd.Series(CATEGORIES[name](random, 20_000))
    expected = (training.value_counts() == 1).sum() / 2000
    assert expected == pytest.approx((~log.isin(training)).mean(), abs=0.04)


def test_more_unseen_than_expected_shifts() -> None:
    random = np.random.default_rng(0)
    training = pd.Series(CATEGORIES["zones"](random, 2000))
    elsewhere = compared("new " + pd.Series(CATEGORIES["zones"](random, 300)), training)
    assert (elsewhere.verdict, elsewhere.tested) == ("shifted", "Fisher (unseen)")
    assert elsewhere.unusual == 1
    assert elsewhere.training["(unseen)"] == pytest.approx(0.57, abs=0.05)


@pytest.mark.parametrize("name", ["zones", "names", "zipf without end"])
def test_training_rows_asked_again_are_stable(name: str) -> None:
    random = np.random.default_rng(0)
    training = pd.Series(CATEGORIES[name](random, 2000))
    assert compared(training, training).verdict == "stable"
    assert compared(training.sample(300, random_state=0), training).verdict == "stable"


def test_a_category_grown_frequent_is_named() -> None:
    random = np.random.default_rng(0)
    training = pd.Series(CATEGORIES["names"](random, 2000))
    log = pd.Series(CATEGORIES["names"](random, 300)).where(np.arange(300) % 4 > 0, "J. Doe")
    found = compared(log, training)
    assert (found.verdict, found.log["J. Doe"]) == ("shifted", 0.25)


def test_groups_and_lists_agree() -> None:
    names = [f"{a}{b}" for a, b in product("abcdefghijklmnop", range(12))]
    random = np.random.default_rng(0)
    few = pd.Series(random.choice(names, 4000))
    many = pd.concat([few, pd.Series([f"rare {n}" for n in range(LISTED)])])
    assert "groups" in of_categories(many) and "groups" not in of_categories(few)
    for log, verdict in ((random.choice(names, 1000), "stable"), (names[:12] * 50, "shifted")):
        assert {compared(pd.Series(log), each).verdict for each in (few, many)} == {verdict}


def test_shown_shares_are_of_all_rows() -> None:
    random = np.random.default_rng(0)
    for name, draw in CATEGORIES.items():
        found = compared(pd.Series(draw(random, 300)), pd.Series(draw(random, 2000)))
        assert found.log.sum() == pytest.approx(1), name
        assert found.training.sum() == pytest.approx(1), name
        assert found.training.min() >= 0, name


def test_a_full_list_is_enough() -> None:
    """Read the baseline of an older version, which lists every category."""
    random = np.random.default_rng(0)
    training = pd.Series(CATEGORIES["zones"](random, 2000))
    older = {"missing": 0, "counts": training.value_counts().to_dict()}
    for rows in (20, 300):
        log = pd.Series(CATEGORIES["zones"](random, rows))
        assert compare_categories(log, older, 2000, [*older["counts"]]).verdict == "stable"
    elsewhere = compare_categories("new " + log, older, 2000, [*older["counts"]])
    assert elsewhere.verdict == "shifted"
