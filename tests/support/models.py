"""Small trained models for the tests."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from service.contract.model.manifest import BASELINE, GOLDEN, MODEL, Manifest
from service.contract.model.store import ModelStore
from service.contract.signature.feature import Feature
from service.contract.signature.output import Output
from service.contract.signature.signature import Signature
from service.lab.publish.publication import Publication
from tests.support.live import CHECKOUT

FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
BIRD = {
    "island": "Biscoe",
    "bill_length_mm": 46.1,
    "bill_depth_mm": 13.2,
    "flipper_length_mm": 211.0,
    "body_mass_g": 4500.0,
    "sex": "female",
}
MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


@dataclass(frozen=True)
class Trained:
    estimator: Any
    X: pd.DataFrame
    y: pd.Series


@cache
def iris(seed: int = 0) -> Trained:
    """Numbers only, nothing missing, classes 0, 1, 2."""
    table = pd.read_csv(CHECKOUT / "data" / "iris.csv")
    X, y = table[[*FLOWER]], table["target"]
    return Trained(RandomForestClassifier(20, random_state=seed).fit(X, y), X, y)


@cache
def line() -> Trained:
    """Fit what refuses a missing value."""
    X, y = iris().X, iris().y
    return Trained(LogisticRegression(max_iter=1000).fit(X, y), X, y)


@cache
def penguins(handle_unknown: str = "ignore") -> Trained:
    """Text and numbers, some missing, classes in text."""
    table = pd.read_csv(CHECKOUT / "data" / "penguins.csv")
    X, y = table[["island", *MEASURES, "sex"]], table["species"]
    encode = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown=handle_unknown)
    )
    prepare = make_column_transformer((encode, ["island", "sex"]), (SimpleImputer(), MEASURES))
    pipeline = make_pipeline(prepare, RandomForestClassifier(20, random_state=0))
    return Trained(pipeline.fit(X, y), X, y)


@cache
def body_mass() -> Trained:
    """A regressor."""
    table = pd.read_csv(CHECKOUT / "data" / "penguins.csv").dropna()
    X, y = table[MEASURES[:3]], table["body_mass_g"]
    return Trained(LinearRegression().fit(X, y), X, y)


def publish_iris(folder: Path) -> None:
    """Put a live iris into a store that no API looks at yet."""
    store, trained = ModelStore(folder), iris()
    publication = Publication("iris", trained.estimator, trained.X, trained.y)
    store.promote("iris", publication.write(store, {}, None, {}))


MANIFEST = Manifest(
    model="m",
    estimator="none",
    rows=1,
    image="local",
    signature=Signature(
        features=[Feature(name="x", kind="number", dtype="float64", nullable=False)],
        output=Output(task="regression"),
    ),
)


def write_files(folder: Path) -> Manifest:
    """Fill a version's folder with files that no API would load."""
    for name in (MODEL, GOLDEN, BASELINE):
        (folder / name).write_bytes(os.urandom(2000))
    return MANIFEST
