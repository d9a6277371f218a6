"""Models without a target, for the tests."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import ClusterMixin, DensityMixin, OutlierMixin, clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

SETTINGS: dict[str, dict[str, Any]] = {
    "AffinityPropagation": {"damping": 0.9, "preference": -50_000.0, "random_state": 0},
    "BayesianGaussianMixture": {"n_components": 3, "max_iter": 1000, "random_state": 0},
    "Birch": {"threshold": 20.0},
    "BisectingKMeans": {"n_clusters": 3, "random_state": 0},
    "EllipticEnvelope": {"random_state": 0},
    "GaussianMixture": {"n_components": 3, "random_state": 0},
    "IsolationForest": {"n_estimators": 20, "random_state": 0},
    "KMeans": {"n_clusters": 3, "random_state": 0},
    "LocalOutlierFactor": {"novelty": True},
    "MiniBatchKMeans": {"n_clusters": 3, "random_state": 0},
    "SGDOneClassSVM": {"random_state": 0},
}
# Each clusterer, mixture and outlier detector of scikit-learn that predicts new rows.
ALONE: dict[str, Any] = {
    name: kind(**SETTINGS.get(name, {}))
    for name, kind in all_estimators()
    if issubclass(kind, ClusterMixin | DensityMixin | OutlierMixin) and hasattr(kind, "predict")
}
COMBINED: dict[str, Any] = {
    "a pipeline of KMeans": make_pipeline(StandardScaler(), KMeans(3, random_state=0)),
    "a pipeline of a mixture": make_pipeline(PCA(2), GaussianMixture(2, random_state=0)),
    "a pipeline of a forest": make_pipeline(StandardScaler(), ALONE["IsolationForest"]),
    "a search of KMeans": GridSearchCV(KMeans(random_state=0), {"n_clusters": [2, 4]}, cv=2),
    "a search of a mixture": GridSearchCV(
        make_pipeline(StandardScaler(), GaussianMixture(random_state=0)),
        {"gaussianmixture__n_components": [1, 3]},
        cv=2,
    ),
    "a search of a forest": GridSearchCV(
        ALONE["IsolationForest"], {"max_samples": [50, 100]}, scoring="balanced_accuracy", cv=2
    ),
}
MODELS = ALONE | COMBINED


@cache
def customers(rows: int = 500, seed: int = 0) -> pd.DataFrame:
    """Return three groups of people, and a few who are like none of them."""
    random = np.random.default_rng(seed)
    centres = np.array([[20.0, 3.0, 30.0], [60.0, 12.0, 45.0], [90.0, 1.0, 60.0]])
    values = centres[random.integers(3, size=rows)] + random.normal(size=(rows, 3)) * [6, 1, 5]
    values[:: rows // 10] *= 3
    return pd.DataFrame(values, columns=["spend", "visits", "age"])


@cache
def fitted(name: str) -> Any:
    X = customers()
    return clone(MODELS[name]).fit(X, np.where(X.index % 50, 1, -1))  # which only a scorer reads
