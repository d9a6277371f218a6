"""What a model predicts is read from the estimator: its task, its labels, and whether it scores."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import AffinityPropagation, KMeans
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from service.contract.errors import InputError
from service.contract.signature.output import Output
from service.contract.signature.predictions import Predictions, disagreement, predict
from service.contract.signature.signature import Signature
from tests.support.models import body_mass, iris, penguins
from tests.support.unsupervised import MODELS, customers, fitted

# LocalOutlierFactor takes the names off its table, and then warns that they are gone.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


def output_of(estimator: Any, X: Any, y: Any = None) -> Output:
    return Output.of(estimator, X, y, np.asarray(estimator.predict(X)))


def test_a_target_decides_the_task() -> None:
    flowers, birds, masses = iris(), penguins(), body_mass()
    assert output_of(flowers.estimator, flowers.X, flowers.y).task == "classification"
    assert output_of(birds.estimator, birds.X, birds.y).classes == ["Adelie", "Chinstrap", "Gentoo"]
    assert output_of(masses.estimator, masses.X, masses.y) == Output(task="regression")


@pytest.mark.parametrize("name", MODELS)
def test_without_a_target_tags_decide(name: str) -> None:
    estimator = fitted(name)
    output = output_of(estimator, customers())
    assert output.task == ("outlier" if hasattr(estimator, "decision_function") else "clustering")
    assert output.score == hasattr(estimator, "score_samples")
    assert output.probabilities == hasattr(estimator, "predict_proba")
    assert output.targets is None
    if output.task == "outlier":
        assert output.classes == [-1, 1]
    else:
        assert output.classes == [*range(len(output.classes or ()))]
        assert {*estimator.predict(customers())} <= {*output.classes}
        assert len(output.classes) > 1


def test_an_ignored_target_changes_nothing() -> None:
    X, y = customers(), np.arange(len(customers())) % 2
    for name in ("KMeans", "IsolationForest"):
        assert output_of(fitted(name), X, y) == output_of(fitted(name), X)


def test_labels_include_what_training_lacks() -> None:
    X = customers()
    clusters = KMeans(3, random_state=0).fit(X)
    near = X[clusters.predict(X) == 1]
    assert output_of(clusters, near).classes == [0, 1, 2]
    mixture = GaussianMixture(3, random_state=0).fit(X)
    near = X[mixture.predict(X) == 1]
    assert output_of(mixture, near).classes == [0, 1, 2]
    assert output_of(IsolationForest(random_state=0, contamination=1e-9).fit(X), X.head(1)).classes


class Regions(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """A clusterer whose labels are words."""

    def fit(self, X: Any, y: Any = None) -> "Regions":
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.where(X["spend"] > 50, "south", "north")


def test_clusters_may_have_words() -> None:
    assert output_of(Regions(), customers()).classes == ["north", "south"]


def test_clusters_of_a_sparse_table() -> None:
    texts = ["see you", "a prize", "see you at noon", "win a prize"] * 5
    model = make_pipeline(TfidfVectorizer(), AffinityPropagation(random_state=0)).fit(texts)
    labels = output_of(model, texts).classes
    assert labels is not None and {*model.predict(texts).tolist()} <= {*labels}


# A score is proved like a probability.


def scored(*scores: float) -> Predictions:
    return Predictions(predictions=[1] * len(scores), scores=[*scores])


def test_another_score_is_a_disagreement() -> None:
    output = Output(task="outlier", classes=[-1, 1], score=True)
    signature = Signature.from_table(customers(), output)
    assert disagreement(signature, scored(0.5, -0.25), scored(0.5, -0.25)) is None
    assert disagreement(signature, scored(0.5, -1e6), scored(0.5 + 1e-9, -1e6 - 0.1)) is None
    said = disagreement(signature, scored(0.5, -0.25), scored(0.5, -0.26))
    assert said == "row 1 has the score -0.26; it was -0.25"
    said = disagreement(signature.keep_private(["age"]), scored(0.5), scored(0.7))
    assert said == "row 0 has another score than"


def test_an_infinite_score_is_refused() -> None:
    mixture = GaussianMixture(2, random_state=0).fit(customers())
    signature = Signature.from_table(customers(), output_of(mixture, customers()))
    rows = customers().head(3).copy()
    rows.iloc[1, 0] = 1e200  # its square is infinite
    said = pytest.raises(InputError, match=r"the score of row 1 is -inf\. Its values are too far")
    with said, np.errstate(over="ignore", invalid="ignore"):
        predict(mixture, signature, rows)
