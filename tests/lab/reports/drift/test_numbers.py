"""Drift of numbers, dates and durations, against SciPy on whole columns."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from service.contract.model.baseline import of_numbers
from service.lab.reports.drift.comparison import Comparison
from service.lab.reports.drift.missing import compare_missing
from service.lab.reports.drift.numbers import compare_numbers
from tests.lab.reports.drift.populations import POPULATIONS, Training


def compared(log: np.ndarray, training: np.ndarray) -> Comparison:
    return compare_numbers(log, of_numbers(training), len(training))


def test_it_equals_whole_columns() -> None:
    random = np.random.default_rng(0)
    training, log = random.lognormal(0, 1, 400), random.lognormal(0.2, 1, 150)
    whole = stats.ks_2samp(log, training)
    assert compared(log, training).p_value == pytest.approx(whole.pvalue)
    assert compared(log, training).statistic == whole.statistic
    large = random.lognormal(0, 1, 100_000)
    assert compared(log, large).statistic == pytest.approx(
        stats.ks_2samp(log, large).statistic, abs=0.002
    )


def test_near_equal_numbers_keep_their_bins() -> None:
    neighbours = 1e9 + np.arange(11) * np.spacing(1e9)
    training = np.repeat(neighbours, 200)
    assert compared(training, training).psi == 0
    for value in neighbours:
        found = compared(np.full(50, value), training)
        assert (found.verdict, found.unusual) == ("shifted", 0)
    assert compared(np.full(50, neighbours[0] - 2e-6), training).unusual == 1


@pytest.mark.parametrize("rows", [20, 300])
def test_a_constant_that_changes_is_noticed(rows: int) -> None:
    training = np.full(2000, 1e9)
    assert compared(np.full(rows, 1e9), training).verdict == "stable"
    assert compared(np.full(rows, 1e9 + 1e-6), training).verdict == "shifted"


def test_a_column_without_values_in_training() -> None:
    training = np.full(200, np.nan)
    assert compared(np.full(50, np.nan), training).verdict == "stable"
    found = compared(np.arange(50.0), training)
    assert (found.verdict, found.missing_training, found.unusual) == ("shifted", 1, 1)


def test_equal_sizes_raise_no_warning() -> None:
    training, log = (np.where(np.arange(300) < few, 1.0, np.nan) for few in (3, 4))
    assert compared(log, training).p_value == 1


def test_few_missing_values_are_noticed() -> None:
    random = np.random.default_rng(0)
    log = np.where(np.arange(300) < 30, np.nan, random.normal(size=300))
    values = compared(log, random.normal(size=2000))
    absent = compare_missing(values, 2000)
    assert (absent.verdict, absent.tested) == ("shifted", "Fisher (missing)")
    assert absent.p_value == pytest.approx(stats.fisher_exact([[30, 270], [0, 2000]]).pvalue)


def test_single_precision_is_that_of_training() -> None:
    training = pd.Series([0.1, 0.2] * 100, dtype="float32")
    log = pd.DataFrame({"x": [0.1, 0.2] * 50})
    found = Training(training.to_frame("x"), {"x": "number"}).measured(log).table.loc["x"]
    assert (found["verdict"], found["p_value"], found["unusual"]) == ("stable", 1, 0)


@pytest.mark.parametrize("zone", [None, "Europe/Madrid"])
def test_dates_are_compared_in_any_form(zone: str | None) -> None:
    times = pd.Series(pd.date_range("2025-01-01", periods=200, freq="h", tz=zone))
    training = Training(times.to_frame("x"), {"x": "datetime"})
    universal = times.dt.tz_convert("UTC") if zone else times
    texts = universal.map(lambda time: time.isoformat())
    for form in (
        times,
        universal,
        texts,
        universal.astype("datetime64[us, UTC]" if zone else "M8[us]"),
    ):
        row = training.measured(form.to_frame("x")).table.loc["x"]
        assert (row["verdict"], row["p_value"], row["kind"]) == ("stable", 1, "datetime")
    later = training.measured((times + pd.Timedelta("4D")).to_frame("x")).table.loc["x"]
    assert later["verdict"] == "shifted"
    assert later["unusual"] == pytest.approx(96 / 200)


def test_durations_are_compared_in_any_form() -> None:
    trips = pd.Series(pd.to_timedelta(np.arange(200), "min"))
    training = Training(trips.to_frame("x"), {"x": "timedelta"})
    for form in (trips, trips.map(lambda trip: trip.isoformat())):
        assert training.measured(form.to_frame("x")).table.loc["x", "p_value"] == 1
    assert training.measured((trips * 2).to_frame("x")).table.loc["x", "verdict"] == "shifted"


@pytest.mark.slow
@pytest.mark.parametrize("name", POPULATIONS)
def test_every_kind_can_be_drawn(name: str) -> None:
    kind, draw = POPULATIONS[name]
    random = np.random.default_rng(0)
    training = Training(pd.DataFrame({"x": draw(random, 300)}), {"x": kind})
    for rows in (0, 1, 100):
        found = training.measured(pd.DataFrame({"x": pd.Series(draw(random, rows))}))
        assert found.table.loc["x", "verdict"] == ("stable" if rows else "no rows")
        assert bool(found.figure().axes) == (rows > 0)
