"""What an estimator answers beyond its training is found out by asking it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

from service.lab.publish.publication import Publication

X = pd.DataFrame(
    {"size": [1.5, 2.5, 3.5] * 9, "count": [1, 2, 3] * 9, "colour": ["a", "b", "c"] * 9}
)
NUMBERS = ["size", "count"]


def features(last: Any, *before: Any) -> dict[str, tuple[bool, bool]]:
    """Publish a pipeline; say of each feature whether it may be missing, and be fractional."""
    estimator = make_pipeline(*before, last).fit(X, X["size"])
    found = Publication("any", estimator, X, X["size"]).signature.features
    assert all(feature.never_missing == feature.nullable for feature in found)
    return {feature.name: (feature.nullable, feature.fractional) for feature in found}


def test_an_imputer_takes_a_missing_value() -> None:
    prepare = make_column_transformer((SimpleImputer(), ["size"]), remainder="drop")
    assert features(LinearRegression(), prepare)["size"] == (True, False)


@pytest.mark.parametrize(
    "last, expected",
    [
        (LinearRegression(), (False, False)),
        (RandomForestRegressor(3), (True, False)),
        (HistGradientBoostingRegressor(max_iter=2), (True, False)),
    ],
)
def test_the_estimator_decides(last: Any, expected: tuple[bool, bool]) -> None:
    prepare = make_column_transformer(("passthrough", NUMBERS))
    assert features(last, prepare)["size"] == expected


def test_each_feature_is_asked_alone() -> None:
    prepare = make_column_transformer(
        (SimpleImputer(), ["size"]),
        ("passthrough", ["count"]),
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]),
    )
    found = features(LinearRegression(), prepare)
    assert found == {"size": (True, False), "count": (False, True), "colour": (True, False)}


def test_an_encoder_refuses_parts_of_integers() -> None:
    prepare = make_column_transformer((OrdinalEncoder(), ["count", "colour"]))
    found = features(LinearRegression(), prepare)
    assert found["count"] == (False, False)


def test_a_missing_prediction_is_no_answer() -> None:
    prepare = make_column_transformer((FunctionTransformer(), NUMBERS))
    estimator = make_pipeline(prepare, FunctionTransformer(np.sqrt), LinearRegression())

    class Hollow(LinearRegression):  # type: ignore[misc]
        def predict(self, X: Any) -> Any:
            return np.asarray(X)[:, 0]

    estimator.steps[-1] = ("last", Hollow())
    estimator.fit(X, X["size"])
    [size, *_] = Publication("any", estimator, X, X["size"]).signature.features
    assert not size.nullable


def test_wide_tables_are_asked_about() -> None:
    wide = pd.DataFrame(np.ones((3, 300)), columns=[f"f{n}" for n in range(300)])
    estimator = make_pipeline(SimpleImputer(), LinearRegression()).fit(wide, [1, 2, 3])
    found = Publication("any", estimator, wide, [1, 2, 3]).signature.features
    assert all(feature.nullable for feature in found)
