"""Drift of free texts: length, unseen words, and which words there are."""

from functools import cache, partial

import numpy as np
import pandas as pd
import pytest

from service.contract.model.words import Words
from tests.lab.reports.drift.populations import Training, texts


@cache
def training() -> Training:
    return Training(pd.DataFrame({"x": texts(np.random.default_rng(0), 2000)}), {"x": "text"})


def row(log: pd.Series) -> pd.Series:
    return training().measured(log.to_frame("x")).table.loc["x"]


def test_each_change_is_named() -> None:
    draw = partial(texts, np.random.default_rng(1), 300)
    plain = draw()
    changes = {
        "Kolmogorov-Smirnov (length)": draw(mean=25),
        "Kolmogorov-Smirnov (unseen words)": plain.map(lambda text: text[::-1]),
        "chi-square (words)": draw(first=100),
        "Fisher (missing)": plain.where(np.arange(300) % 3 > 0),
    }
    for test, log in changes.items():
        assert (row(log)["verdict"], row(log)["test"]) == ("shifted", test)
    assert row(plain)["verdict"] == "stable"


def test_unseen_words_are_a_share() -> None:
    plain = texts(np.random.default_rng(1), 300)
    assert row(plain)["unusual"] < 0.15
    assert row("unheard " + plain.map(lambda text: text[::-1]))["unusual"] > 0.6


def test_training_texts_asked_again_are_stable() -> None:
    again = texts(np.random.default_rng(0), 2000)
    assert row(again)["verdict"] == "stable"
    assert row(again)["unusual"] == 0


def test_lone_words_are_left_out_ones() -> None:
    """Compare with looking at each text as if all others were the training texts."""
    some = texts(np.random.default_rng(2), 60)
    left_out = [
        Words.of([text]).unseen(Words.of(some.drop(place)).vocabulary)[0]
        for place, text in some.items()
    ]
    assert Words.of(some).once == pytest.approx(left_out)


@pytest.mark.parametrize("odd", ["", "…", "\ud800", "日本語の文章", "a" * 1_000_000, "\x00"])
def test_odd_texts_are_compared(odd: str) -> None:
    assert row(pd.Series([odd] * 100))["verdict"] == "shifted"
