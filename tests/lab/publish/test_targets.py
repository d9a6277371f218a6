"""Targets in every shape that estimators predict them in are published and predicted alike."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

from service.contract.errors import EstimatorError
from service.contract.signature.predictions import predict_columns
from service.lab.publish.publication import Publication

random = np.random.default_rng(0)
X = pd.DataFrame(random.normal(size=(60, 2)), columns=["a", "b"])
TWO = (X > 0).astype(int)
ON = TWO[["a"]]


def predicted(estimator: Any, y: Any) -> tuple[Publication, Any]:
    """Publish an estimator, and predict its training rows as the API does."""
    publication = Publication("any", estimator.fit(X, y), X, y)
    columns = {name: X[name].tolist() for name in X}
    return publication, predict_columns(estimator, publication.signature, columns)


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        KNeighborsRegressor(),
        MultiOutputRegressor(Ridge()),
        make_pipeline(StandardScaler(), LinearRegression()),
    ],
)
def test_a_single_number_in_a_column(estimator: Any) -> None:
    publication, given = predicted(estimator, X[["a"]])
    assert publication.signature.output.targets is None
    assert given.predictions == pytest.approx(np.ravel(estimator.predict(X)))


def test_a_single_class_in_a_column() -> None:
    estimator = MultiOutputClassifier(LogisticRegression())
    publication, given = predicted(estimator, ON)
    assert publication.signature.output.classes == [0, 1]
    assert given.predictions == estimator.predict(X)[:, 0].tolist()
    assert given.probabilities == pytest.approx(estimator.predict_proba(X)[0])


@pytest.mark.parametrize(
    "estimator",
    [
        ClassifierChain(LogisticRegression()),
        ClassifierChain(RidgeClassifier()),
        MultiOutputClassifier(LogisticRegression()),
        XGBClassifier(n_estimators=3),
    ],
)
def test_several_labels_are_integers(estimator: Any) -> None:
    publication, given = predicted(estimator, TWO)
    assert publication.signature.output.targets == ["a", "b"]
    assert given.predictions == estimator.predict(X).astype(int).tolist()
    assert {*map(type, given.predictions[0])} == {int}
    counts = [mix["counts"] for mix in publication.baseline["predictions"].values()]
    assert all(each.keys() <= {"0", "1"} for each in counts)
    if publication.signature.output.classes is None and given.probabilities is not None:
        assert np.shape(given.probabilities) == (60, 2)


def test_float_classes_stay_floats() -> None:
    _, given = predicted(LogisticRegression(), ON["a"].astype(float))
    assert {*map(type, given.predictions)} == {float}


@pytest.mark.parametrize("label", ["a\0b", "\ud800"])
def test_names_that_no_log_holds(label: str) -> None:
    y = ON["a"].map({0: label, 1: "other"})
    with pytest.raises(EstimatorError, match=r"Class .* no file of text can hold"):
        predicted(LogisticRegression(), y.tolist())
    with pytest.raises(EstimatorError, match=r"Target .* no file of text can hold"):
        predicted(LinearRegression(), TWO.set_axis([label, "other"], axis=1))


@pytest.mark.parametrize("kind", [list, pd.Categorical])
def test_texts_of_numpy_are_texts(kind: Any) -> None:
    table = pd.DataFrame({"city": kind([*random.choice(["p", "q"], 60)])})
    estimator = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(table, ON["a"])
    publication = Publication("any", estimator, table, ON["a"])
    assert publication.signature.features[0].categories == ["p", "q"]


def test_an_answer_that_depends_on_others() -> None:
    class Centred(LinearRegression):  # type: ignore[misc]
        def predict(self, X: Any) -> Any:
            return np.asarray(X)[:, 0] - np.asarray(X)[:, 0].mean()

    with pytest.raises(EstimatorError, match="depends on the other rows"):
        many = pd.concat([X] * 3, ignore_index=True)
        Publication("any", Centred().fit(many, many["a"]), many, many["a"])


def test_a_bare_booster_hears_what_fits() -> None:
    booster = XGBClassifier(n_estimators=2).fit(X, ON["a"]).get_booster()
    with pytest.raises(EstimatorError, match="fit the classes with"):
        Publication("any", booster, X, ON["a"])
