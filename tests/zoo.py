"""Fitted estimators of every kind, to be served and compared."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators

from tests.models import MEASURES, Trained, iris, penguins

# Not served, each for the reason that README.md gives.
NOT_SERVED = {
    "IsotonicRegression": "it takes one column, not a table",
    "CategoricalNB": "it refuses categories that it never saw by an index error",
    "GaussianProcessClassifier": "too slow for this test; tests/test_artifact.py loads it",
    "GaussianProcessRegressor": "too slow for this test; tests/test_artifact.py loads it",
}


def plain(kind: str) -> Iterator[tuple[str, Trained]]:
    """Each classifier or regressor of scikit-learn that fits a table of numbers as it comes."""
    X = iris().X
    for name, estimator in all_estimators(type_filter=kind):
        if name in NOT_SERVED:
            continue
        y = iris().y if kind == "classifier" else X["petal_width"] * 2 + X["sepal_length"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                fitted = estimator().fit(X, y)
                fitted.predict(X)
            except (TypeError, ValueError):  # needs an inner estimator, or several targets
                continue
        yield name, Trained(fitted, X, y)


def prepared(unknown: str = "ignore", scaler: Any = None) -> Any:
    encode = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown=unknown)
    )
    numbers = make_pipeline(SimpleImputer(), scaler or StandardScaler())
    return make_column_transformer((encode, ["island", "sex"]), (numbers, MEASURES))


def mixed() -> Iterator[tuple[str, Trained]]:
    """Pipelines on the penguins: text and numbers, some missing."""
    X, y = penguins().X, penguins().y
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    by_type = make_column_transformer(
        (codes, make_column_selector(dtype_exclude=np.number)), remainder="passthrough"
    )
    chances = [
        LogisticRegression(max_iter=2000),
        RandomForestClassifier(20, random_state=0),
        ExtraTreesClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=10),
        HistGradientBoostingClassifier(max_iter=10),
        DecisionTreeClassifier(),
        KNeighborsClassifier(),
        GaussianNB(),
        RidgeClassifier(),
        SGDClassifier(random_state=0),
        SVC(),
        Ridge(),
        RandomForestRegressor(20, random_state=0),
        HistGradientBoostingRegressor(max_iter=10),
    ]
    pipelines = [(f"mixed-{type(last).__name__}", prepared(), last) for last in chances]
    pipelines += [
        ("mixed-error", prepared("error", MinMaxScaler()), chances[0]),
        ("mixed-robust", prepared(scaler=RobustScaler()), chances[1]),
        ("mixed-codes", by_type, chances[4]),
    ]
    for name, prepare, last in pipelines:
        target = y if is_classifier(last) else X["bill_length_mm"].fillna(0)
        yield name, Trained(make_pipeline(prepare, clone(last)).fit(X, target), X, target)


def composed() -> Iterator[tuple[str, Trained]]:
    """Estimators of estimators, other classes, several targets."""
    X, y = iris().X, iris().y
    forest, line = RandomForestClassifier(10, random_state=0), LogisticRegression(max_iter=1000)
    two = pd.DataFrame({"kind": y, "large": (X["petal_length"] > 3).astype(int)})
    wide = X[["petal_length", "petal_width"]]
    made: list[tuple[str, Any, Any]] = [
        ("calibrated", CalibratedClassifierCV(forest, cv=3), y),
        ("voting", VotingClassifier([("f", forest), ("l", line)], voting="soft"), y),
        ("stacking", StackingClassifier([("f", forest), ("l", line)], cv=3), y),
        ("bagging", BaggingClassifier(DecisionTreeClassifier(), random_state=0), y),
        ("searched", GridSearchCV(line, {"C": [0.1, 1.0]}, cv=3), y),
        ("text-classes", forest, y.map({0: "setosa", 1: "versicolor", 2: "virginica"})),
        ("boolean-classes", line, y == 0),
        ("integer-classes", forest, y * 10 + 7),
        ("two-targets", forest, two),
        ("two-targets-each", MultiOutputClassifier(line), two),
        ("two-numbers", RandomForestRegressor(10, random_state=0), wide),
        ("two-numbers-line", Ridge(), wide),
    ]
    for name, estimator, target in made:
        yield name, Trained(clone(estimator).fit(X, target), X, target)


def everything() -> dict[str, Trained]:
    """Give all of them by name, small letters and digits as a model's name must be."""
    found = [*plain("classifier"), *plain("regressor"), *mixed(), *composed()]
    return {name.lower(): trained for name, trained in found}
