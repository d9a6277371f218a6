"""The summary of the training data that is kept with a version."""

import numpy as np
import orjson
import pandas as pd

from service.contract.model import baseline
from service.contract.signature.feature import Feature
from service.contract.signature.output import Output
from service.contract.signature.signature import Signature
from service.lab.publish.publication import Publication
from tests.support.models import body_mass, iris, penguins


def test_a_sample_keeps_the_distribution() -> None:
    values = np.random.default_rng(0).permutation(np.arange(10_000.0))
    sample = baseline.sample(values)
    assert len(sample) == 500
    assert (sample[0], sample[-1]) == (0, 9999)
    assert np.ptp(np.diff(sample)) <= 1
    assert sample == baseline.sample(values[::-1])


def test_a_short_column_is_kept_whole() -> None:
    assert baseline.sample(np.array([3.0, 1.0, 1.0])) == [1, 1, 3]


def test_missing_values_are_not_sampled() -> None:
    p = penguins()
    summary = Publication("m", p.estimator, p.X, p.y).baseline
    mass = summary["features"]["body_mass_g"]
    assert mass["missing"] == 2
    assert mass["sample"] == sorted(p.X["body_mass_g"].dropna())
    assert "sample" not in summary["features"]["sex"]
    assert summary["predictions"].keys() == {"counts"}


def test_regression_predictions_are_sampled_too() -> None:
    b = body_mass()
    summary = Publication("m", b.estimator, b.X, b.y).baseline
    assert summary["predictions"]["sample"] == sorted(b.estimator.predict(b.X).tolist())


def test_it_survives_its_file() -> None:
    i = iris()
    summary = Publication("m", i.estimator, pd.concat([i.X] * 5), [*i.y] * 5).baseline
    assert orjson.loads(orjson.dumps(summary)) == summary
    assert len(summary["features"]["petal_width"]["sample"]) == 500


def test_many_names_are_not_kept() -> None:
    names = pd.Series([f"person number {n}" for n in range(50_000)])
    assert len(orjson.dumps(baseline.of_categories(names))) < 10_000


def test_no_text_is_kept() -> None:
    texts = pd.Series([f"a rather secret sentence, number {n}" for n in range(20_000)])
    kept = orjson.dumps(baseline.of_texts(texts))
    assert len(kept) < 70_000
    for word in (b"secret", b"sentence", b"19999"):
        assert word not in kept


def test_a_column_without_values_is_counted() -> None:
    empty = pd.DataFrame({"x": [np.nan, np.nan]})
    feature = Feature(name="x", kind="number", dtype="float64", nullable=True)
    for kind in ("number", "datetime", "timedelta", "text", "category"):
        signature = Signature(
            features=[feature.model_copy(update={"kind": kind})], output=Output(task="regression")
        )
        summary = baseline.summarise(signature, empty, np.zeros(2))
        assert summary["features"]["x"]["missing"] == 2
        assert orjson.loads(orjson.dumps(summary)) == summary


def test_dates_far_away_are_read() -> None:
    feature = Feature(name="x", kind="datetime", dtype="datetime64[us]", nullable=True)
    texts = pd.Series(["9999-12-31T23:59:59", "1000-01-01T00:00:00", None])
    for column in (texts, pd.to_datetime(texts, format="ISO8601")):
        far, near, missing = baseline.numbers_of(feature, column)
        assert (far, near) == (253402300799, -30610224000)
        assert np.isnan(missing)


def test_largest_numbers_have_quantiles() -> None:
    largest = np.finfo(float).max
    summary = baseline.of_numbers(np.array([-largest, largest] * 50 + [np.inf]))
    assert (summary["quantiles"][0], summary["quantiles"][-1]) == (-largest, largest)
    assert summary["missing"] == 1
