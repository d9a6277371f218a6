"""The label of an outlier detector follows from its score, as in the estimator itself."""

from typing import Any

import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from service.contract.json_columns import as_columns
from service.contract.predictors.estimator_math import is_by_vote
from service.contract.predictors.predictor import Predictor
from service.contract.signature.output import task_of
from service.lab.publish.publication import Publication
from tests.support.unsupervised import ALONE, customers

DETECTORS = {name: each for name, each in ALONE.items() if task_of(each) == "outlier"}
# LocalOutlierFactor takes the names off its table, and then warns that they are gone.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("rows", [21, 51, 200])
@pytest.mark.parametrize("inside", [False, True])
def test_labels_are_the_estimators_own(name: str, rows: int, inside: bool) -> None:
    """With a tenth of 21 or 51 rows as outliers, one row lies exactly on the boundary."""
    estimator: Any = clone(DETECTORS[name])
    if "contamination" in estimator.get_params():
        estimator.set_params(contamination=0.1)
    X = customers(rows)
    estimator = (make_pipeline(StandardScaler(), estimator) if inside else estimator).fit(X)
    publication = Publication("m", estimator, X)
    given = Predictor(estimator, publication.signature)(as_columns(X))
    assert given.predictions == estimator.predict(X).tolist()
    assert given.scores == pytest.approx(estimator.decision_function(X), rel=1e-9, abs=1e-7)
    assert is_by_vote(estimator) == (name != "OneClassSVM")
