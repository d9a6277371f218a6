"""Clusterers, mixtures and outlier detectors answer as the estimator does, with its score."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from service.lab import Lab
from service.lab.publish.publication import ModelVersion
from tests.support.live import LiveApi
from tests.support.models import FLOWER
from tests.support.unsupervised import MODELS, customers, fitted

NAMES = [*MODELS]
NEW = customers(seed=1)
# LocalOutlierFactor takes the names off its table, and then warns that they are gone.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


def model(name: str) -> str:
    return name.lower().replace(" ", "-")


@pytest.fixture(scope="module")
def lab(api: LiveApi) -> Lab:
    lab = api.lab()
    for name in NAMES:
        published = lab.publish(model(name), fitted(name), customers())
        assert isinstance(published, ModelVersion)
    return lab


def scores(estimator: Any, X: pd.DataFrame) -> np.ndarray | None:
    for method in ("decision_function", "score_samples"):
        if hasattr(estimator, method):
            return np.asarray(getattr(estimator, method)(X))
    return None


def check(given: pd.DataFrame, name: str, X: pd.DataFrame) -> None:
    """Check answers, or what is logged of them, against the estimator."""
    estimator = fitted(name)
    assert given["prediction"].tolist() == estimator.predict(X).tolist()
    expected = scores(estimator, X)
    assert ("score" in given) == (expected is not None)
    if expected is not None:
        assert given["score"].to_numpy() == pytest.approx(expected, rel=1e-9, abs=1e-7)
    columns = [column for column in given if str(column).startswith("proba_")]
    if hasattr(estimator, "predict_proba"):
        probabilities = estimator.predict_proba(X)
        assert columns == [f"proba_{number}" for number in range(probabilities.shape[1])]
        assert given[columns].to_numpy() == pytest.approx(probabilities, rel=1e-9, abs=1e-12)
    else:
        assert columns == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, 2, 500])
def test_answers_are_the_estimators_own(lab: Lab, name: str, rows: int) -> None:
    given = lab.predict(model(name), NEW.head(rows))
    check(given, name, NEW.head(rows))
    log = lab.predictions(model(name)).set_index("prediction_id").loc[given["prediction_id"]]
    check(log, name, NEW.head(rows))
    assert np.array_equal(log[[*NEW]], NEW.head(rows))


@pytest.mark.parametrize("name", NAMES)
def test_requests_in_one_batch_stay_apart(lab: Lab, name: str) -> None:
    parts = [NEW.iloc[start : start + 1 + start % 3] for start in range(0, 120, 3)]
    with ThreadPoolExecutor(16) as pool:
        answers = [*pool.map(lambda part: lab.predict(model(name), part), parts)]
    for given, part in zip(answers, parts, strict=True):
        check(given, name, part)


@pytest.fixture
def http(api: LiveApi, lab: Lab) -> Iterator[httpx.Client]:
    with api.http() as client:
        yield client


def test_only_a_score_adds_a_member(http: httpx.Client) -> None:
    row = NEW.iloc[0].to_dict()
    for name, members in [
        ("isolationforest", {"scores"}),
        ("gaussianmixture", {"scores"}),
        ("kmeans", set()),
    ]:
        content = http.post(f"/models/{name}/predict", json={"rows": [row]}).json()
        plain = {"model", "version", "ids", "predictions", "classes", "probabilities"}
        assert content.keys() == plain | members
        one = http.get(f"/models/{name}/predict", params=row).json()
        both = {"prediction": content["predictions"][0]}
        both |= {"score": content["scores"][0]} if members else {}
        assert one == both
        written = http.get("/openapi.json").json()["paths"][f"/models/{name}/predict"]
        for verb, answer in (("get", one), ("post", content)):
            schema = written[verb]["responses"]["200"]["content"]["application/json"]["schema"]
            assert schema["properties"].keys() == {*schema["required"]} == answer.keys()
    assert http.get("/predict", params=FLOWER).json() == {"prediction": 0}


def test_labels_and_names_are_known(http: httpx.Client) -> None:
    row = NEW.iloc[0].to_dict()
    labels = {
        name: http.post(f"/models/{name}/predict", json={"rows": [row]}).json()["classes"]
        for name in ("isolationforest", "kmeans", "gaussianmixture", "a-search-of-kmeans")
    }
    clusters = [0, 1, 2]
    expected = {"isolationforest": [-1, 1], "kmeans": clusters, "gaussianmixture": clusters}
    assert labels.pop("a-search-of-kmeans") in ([0, 1], [0, 1, 2, 3])
    assert labels == expected
    live = http.get("/models/isolationforest").json()["live"]
    assert live["class_names"] == {"-1": "outlier", "1": "inlier"}
    assert live["signature"]["output"]["task"] == "outlier"


def test_an_infinite_score_is_refused(http: httpx.Client) -> None:
    rows = [NEW.iloc[0].to_dict(), {**NEW.iloc[1], "spend": 1e200}]
    answer = http.post("/models/gaussianmixture/predict", json={"rows": rows})
    assert answer.status_code == 422
    assert "the score of row 1 is -inf" in answer.json()["error"]
    parts = [NEW.iloc[[row]].to_dict("records") for row in range(20)] + [[rows[1]]] * 3
    with ThreadPoolExecutor(16) as pool:  # nobody else's row is refused with it
        path = "/models/gaussianmixture/predict"
        answers = [*pool.map(lambda part: http.post(path, json={"rows": part}), parts)]
    assert [each.status_code for each in answers] == [200] * 20 + [422] * 3
    assert all("of row 0 is -inf" in each.json()["error"] for each in answers[20:])
