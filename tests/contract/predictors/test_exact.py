"""The API predicts what the estimator predicts, for every kind, over HTTP."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from service.contract.errors import InputError
from service.contract.json_columns import as_columns
from service.contract.model import golden
from service.contract.model.manifest import GOLDEN
from service.contract.model.store import ModelStore
from service.contract.signature.predictions import Predictions, disagreement, predict
from service.contract.signature.signature import Columns, Signature
from service.lab.publish.publication import Publication
from tests.contract.predictors.zoo import everything
from tests.support.live import LiveApi, running_api
from tests.support.models import Trained
from tests.support.soak import times

ROWS = times(20_000, 200)
ONE_BY_ONE = times(200, 3)
pytestmark = pytest.mark.filterwarnings("ignore")  # what scikit-learn says of small data


@pytest.fixture(scope="module")
def zoo() -> dict[str, Trained]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return everything()


@pytest.fixture(scope="module")
def api(zoo: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    folder = tmp_path_factory.mktemp("zoo")
    store = ModelStore(folder / "models")
    for name, trained in zoo.items():
        publication = Publication(name, trained.estimator, trained.X, trained.y)
        store.promote(name, publication.write(store, {}, None, {}))
    with running_api(folder) as api:
        yield api


def predictions(content: dict[str, Any]) -> Predictions:
    return Predictions(
        predictions=content["predictions"],
        probabilities=content["probabilities"],
        scores=content.get("scores"),
    )


def tables(signature: Signature, kept: Columns) -> Iterator[Columns]:
    """Training rows; rows like them, with every category and missing value; unseen categories."""
    yield kept
    yield golden.perturb(signature, kept, ROWS, unseen=False)
    if any(feature.kind == "category" for feature in signature.features):
        yield golden.perturb(signature, kept, ROWS, unseen=True)


def part(given: Predictions, start: int, stop: int) -> Predictions:
    probabilities, scores = given.probabilities, given.scores
    return Predictions.model_construct(
        predictions=given.predictions[start:stop],
        probabilities=None if probabilities is None else probabilities[start:stop],
        scores=None if scores is None else scores[start:stop],
    )


# Through the lab, while its log is short.


def test_the_training_table_comes_back(zoo: dict[str, Trained], api: LiveApi) -> None:
    lab = api.lab()
    for name in ("mixed-randomforestclassifier", "boolean-classes", "text-classes"):
        trained = zoo[name]
        given = lab.predict(name, trained.X)
        assert given["prediction"].tolist() == trained.estimator.predict(trained.X).tolist()
        logged = lab.predictions(name).tail(len(trained.X))
        assert logged["prediction"].tolist() == given["prediction"].tolist()
        features = logged[[*trained.X.columns]].astype(object)
        assert as_columns(features) == as_columns(trained.X)


def test_several_targets_have_a_column_each(zoo: dict[str, Trained], api: LiveApi) -> None:
    trained, lab = zoo["two-targets"], api.lab()
    given = lab.predict("two-targets", trained.X)
    expected = trained.estimator.predict(trained.X)
    assert np.array_equal(given[["prediction_kind", "prediction_large"]], expected)
    probabilities = trained.estimator.predict_proba(trained.X)[0]
    assert np.array_equal(given[[f"proba_kind_{label}" for label in (0, 1, 2)]], probabilities)
    logged = lab.predictions("two-targets").tail(len(trained.X))
    assert np.array_equal(logged[["prediction_kind", "prediction_large"]], expected)


# All of them.


def test_every_estimator_is_served_exactly(zoo: dict[str, Trained], api: LiveApi) -> None:
    store = ModelStore(api.models)
    problems: dict[str, str | None] = {}
    compared, fast, rows = 0, 0, 0
    with api.http() as http:

        def difference(name: str, columns: Columns, expected: Predictions) -> str | None:
            given = http.post(f"/models/{name}/predict", json={"columns": columns})
            if not given.is_success:
                return given.text
            return disagreement(
                store.manifest(name, 1).signature, expected, predictions(given.json())
            )

        for name, trained in zoo.items():
            about = http.get(f"/models/{name}").json()
            if about["live"] is None:
                problems[name] = about["refused"][0]["reason"]
                continue
            fast += about["live"]["fast_path"]
            signature = store.manifest(name, 1).signature
            kept = golden.Golden.model_validate_json((store.folder(name, 1) / GOLDEN).read_bytes())
            for columns in tables(signature, kept.columns):
                X = signature.table(columns)
                try:
                    expected = predict(trained.estimator, signature, X)
                except InputError:
                    continue  # it refuses what it never saw
                found = difference(name, columns, expected)
                for row in range(min(ONE_BY_ONE, len(X))):
                    one = {feature: values[row : row + 1] for feature, values in columns.items()}
                    found = found or difference(name, one, part(expected, row, row + 1))
                if found:
                    problems[name] = found
                rows += len(X)
            compared += 1
    assert problems == {}
    assert compared == len(zoo) >= 110
    assert fast >= 40
    assert rows >= compared * ROWS
