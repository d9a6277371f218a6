"""Drift of small models, measured without an API."""

from functools import cache

import pandas as pd

from service.lab.publish.publication import Publication
from service.lab.reports.drift.drift import Drift
from service.lab.reports.drift.measurement import measure
from tests.lab.reports.logged import logged, manifest_of
from tests.support.models import Trained, body_mass, iris, penguins

MODELS = {"iris": iris, "penguins": penguins, "body_mass": body_mass}


@cache
def published(name: str) -> Publication:
    trained: Trained = MODELS[name]()
    return Publication(name, trained.estimator, trained.X, trained.y)


def measured(publication: Publication, X: pd.DataFrame) -> Drift:
    return measure(logged(publication, X), publication.baseline, manifest_of(publication))


def some_rows(name: str, rows: int, seed: int = 0) -> pd.DataFrame:
    return MODELS[name]().X.sample(rows, replace=True, random_state=seed)
