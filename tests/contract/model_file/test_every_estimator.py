"""Every estimator of scikit-learn is written, read again, and answers the same."""

from random import Random

import pytest

from service.contract.model_file import artifact
from tests.contract.model_file.estimators import Variant, answers, fitted, same, variants
from tests.support.soak import times

# What cannot be compared or read, each with its reason.
EXCEPTIONS = {
    "BernoulliRBM": "draws its answers at random, each time others",
    "DummyClassifier(strategy='stratified')": "draws its answers at random",
    "DummyClassifier(strategy='uniform')": "draws its answers at random",
    "HashingVectorizer(input='file')": "reads from what a row is",
    "HashingVectorizer(input='filename')": "opens what a row names",
}


# What has no answer for a row that it has not seen, or is no estimator of tables, and so on.
WITHOUT_ANSWERS = {
    "AgglomerativeClustering",
    "ClassicalMDS",
    "DBSCAN",
    "EmpiricalCovariance",
    "FrozenEstimator",
    "GaussianRandomProjection",
    "GraphicalLasso",
    "GraphicalLassoCV",
    "HDBSCAN",
    "KernelCenterer",
    "LabelBinarizer",
    "LabelEncoder",
    "LedoitWolf",
    "LocalOutlierFactor",
    "MDS",
    "MinCovDet",
    "MultiLabelBinarizer",
    "NearestNeighbors",
    "OAS",
    "OPTICS",
    "PatchExtractor",
    "ShrunkCovariance",
    "SparseRandomProjection",
    "SpectralBiclustering",
    "SpectralClustering",
    "SpectralCoclustering",
    "SpectralEmbedding",
    "TSNE",
}


def chosen() -> dict[str, list[Variant]]:
    """Return each class with its variants: the defaults, and of the others all or a few."""
    found: dict[str, list[Variant]] = {}
    others = []
    for each in variants():
        if each.parameters:
            others.append(each)
        else:
            found[each.kind.__name__] = [each]
    for each in Random(0).sample(others, times(len(others), 60)):
        found[each.kind.__name__].append(each)
    return found


CHOSEN = chosen()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CHOSEN)
def test_every_estimator_survives_its_file(name: str) -> None:
    for variant in CHOSEN[name]:
        made = fitted(variant)
        if made is None:
            assert variant.parameters or name in WITHOUT_ANSWERS
            continue
        estimator, X = made
        if str(variant) in EXCEPTIONS:
            continue
        again = artifact.loads(artifact.dumps(estimator))
        assert same(answers(estimator, X), answers(again, X)), variant
