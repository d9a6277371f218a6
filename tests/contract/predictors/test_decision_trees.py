"""A forest's own trees predict large tables as the forest does, to the last bit."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from service.contract.predictors.no_fast_path import NoFastPathError
from service.contract.predictors.predictor import Predictor
from service.contract.signature.predictions import predict_columns
from service.lab.publish.publication import Publication
from tests.support.models import iris

ROWS = 3000


def gapped() -> pd.DataFrame:
    table = iris().X.copy()
    table.iloc[::5, 2] = np.nan
    return table


def whole() -> pd.DataFrame:
    return (iris().X * 10).astype(int)


FORESTS: dict[str, tuple[Any, pd.DataFrame, Any]] = {
    "ties": (RandomForestClassifier(4, random_state=0), iris().X, iris().y),
    "extra trees": (ExtraTreesClassifier(20, random_state=0), iris().X, iris().y),
    "numbers": (RandomForestRegressor(20, random_state=0), iris().X, iris().X["petal_width"]),
    "extra numbers": (ExtraTreesRegressor(20, random_state=0), iris().X, iris().X["petal_width"]),
    "missing values": (RandomForestClassifier(20, random_state=0), gapped(), iris().y),
    "integers": (RandomForestClassifier(20, random_state=0), whole(), iris().y),
    "one column": (RandomForestClassifier(9, random_state=0), iris().X[["petal_width"]], iris().y),
    "stumps": (RandomForestClassifier(5, max_depth=1, random_state=0), iris().X, iris().y),
    "leaves": (RandomForestRegressor(5, random_state=0), iris().X[["petal_width"]], np.ones(150)),
    "an array": (RandomForestClassifier(20, random_state=0), iris().X.to_numpy(), iris().y),
}


def proved(estimator: Any, table: Any, y: Any) -> Predictor:
    publication = Publication("m", estimator.fit(table, y), table, y)
    predictor = Predictor(estimator, publication.signature)
    predictor.try_fast_path(publication.golden, 300)
    return predictor


def many(table: Any, seed: int) -> dict[str, list[Any]]:
    """Rows near those of training, in which a value is missing where some were."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(table)
    frame.columns = [f"x{c}" if isinstance(c, int) else c for c in frame]
    drawn = frame.sample(ROWS, replace=True, random_state=seed)
    if drawn.dtypes.eq(float).all():
        drawn = drawn + random.normal(scale=0.2, size=drawn.shape)
    return {
        name: [None if value != value else value for value in column.tolist()]
        for name, column in drawn.items()
    }


@pytest.mark.parametrize("case", FORESTS)
def test_large_tables_match_the_bit(case: str) -> None:
    estimator, table, y = FORESTS[case]
    predictor = proved(estimator, table, y)
    for seed in range(3):
        columns = predictor.signature.parse_columns(many(table, seed))
        given = predictor.fast(columns)
        expected = predict_columns(estimator, predictor.signature, columns)
        assert given.predictions == expected.predictions
        if expected.probabilities is not None:
            assert np.array_equal(given.probabilities, expected.probabilities)


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(20, n_jobs=2, random_state=0),  # asks its trees side by side
        make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)),
    ],
    ids=["n_jobs", "pipeline"],
)
def test_other_forests_predict_large_tables(estimator: Any) -> None:
    predictor = proved(estimator, iris().X, iris().y)
    columns = predictor.signature.parse_columns(many(iris().X, 0))
    with pytest.raises(NoFastPathError, match="many rows"):
        predictor.fast(columns)
    expected = predict_columns(estimator, predictor.signature, columns)
    assert predictor(columns).predictions == expected.predictions


def test_huge_values_use_the_estimator() -> None:
    predictor = proved(RandomForestClassifier(20, random_state=0), iris().X, iris().y)
    columns = predictor.signature.parse_columns(many(iris().X, 0))
    columns["petal_width"][7] = 1e300  # too large for single precision
    with pytest.raises(NoFastPathError, match="single precision"):
        predictor.fast(columns)
