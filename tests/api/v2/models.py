"""Models whose tensors are of all kinds."""

from collections.abc import Callable

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from tests.support.models import Trained, body_mass, iris, line, penguins


def two_targets() -> Trained:
    """A classifier of two targets, of three and two classes."""
    X, y = iris().X, iris().y
    both = pd.DataFrame({"kind": y.map({0: "a", 1: "b", 2: "c"}), "large": (y > 1).map(str)})
    return Trained(RandomForestClassifier(5, random_state=0).fit(X, both), X, both)


def types() -> Trained:
    """A column of each kind of feature, some with missing values; classes true and false."""
    X = pd.DataFrame(
        {
            "whole": pd.array([1, 2, None, 4] * 5, dtype="Int64"),
            "on": [True, False, True, False] * 5,
            "word": ["a", "b", None, "b"] * 5,
            "real": [0.1, 2.0, -3.5, 1e-300] * 5,
        }
    )
    y = pd.Series([True, False, False, True] * 5)
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["word"]),
        (SimpleImputer(), ["whole", "real"]),
        ("passthrough", ["on"]),
    )
    return Trained(make_pipeline(prepare, DecisionTreeClassifier(random_state=0)).fit(X, y), X, y)


MODELS: dict[str, Callable[[], Trained]] = {
    "iris": iris,
    "penguins": penguins,
    "body-mass": body_mass,
    "two-targets": two_targets,
    "types": types,
    "line": line,
}
