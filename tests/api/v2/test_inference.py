"""V2 predicts what the estimator predicts, in every form of a request."""

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from tests.api.v2.models import MODELS, types
from tests.api.v2.tensors import columns, flower, infer, outputs, tensor
from tests.support.live import LiveApi
from tests.support.models import iris, penguins
from tests.support.unsupervised import customers, fitted

# What is answered.


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_the_estimators_own(http: httpx.Client, name: str) -> None:
    trained = MODELS[name]()
    given = outputs(infer(http, name, columns(trained.X), parameters={"content_type": "pd"}))
    assert np.array_equal(given.pop("predict"), trained.estimator.predict(trained.X))
    if hasattr(trained.estimator, "predict_proba"):
        probabilities = trained.estimator.predict_proba(trained.X)
        probabilities = (
            np.hstack(probabilities) if isinstance(probabilities, list) else probabilities
        )
        assert np.array_equal(given.pop("predict_proba"), probabilities)
    assert given == {}


@pytest.mark.parametrize(
    "inputs",
    [
        lambda X: [tensor(name, "FP64", X[name].tolist()) for name in X],
        lambda X: [tensor(name, "FP64", X[name].tolist(), [len(X), 1]) for name in X],
        lambda X: [tensor(name, "FP64", X[[name]].to_numpy().tolist(), [len(X), 1]) for name in X],
        lambda X: [tensor("X", "FP64", X.to_numpy().tolist(), [*X.shape])],
        lambda X: [tensor("X", "FP32", X.to_numpy().ravel().tolist(), [*X.shape])],
    ],
    ids=["[N]", "[N, 1] flat", "[N, 1] nested", "[N, F] nested", "[N, F] flat"],
)
def test_every_table_form_is_equal(
    http: httpx.Client, inputs: Callable[[pd.DataFrame], Any]
) -> None:
    trained = iris()
    given = outputs(infer(http, "iris", inputs(trained.X)))
    assert np.array_equal(given["predict_proba"], trained.estimator.predict_proba(trained.X))


def test_predictions_are_logged_under_their_ids(api: LiveApi, http: httpx.Client) -> None:
    birds = penguins().X.head(3)
    response = http.post(
        "/v2/models/penguins/infer",
        json={"inputs": columns(birds), "outputs": [{"name": "prediction_id"}]},
        headers={"User-Agent": "v2-test"},
    )
    ids = outputs(response)["prediction_id"].tolist()
    assert response.json()["id"] == response.headers["X-Prediction-Id"] == ids[0]
    log = api.lab().predictions("penguins").set_index("prediction_id").loc[ids]
    assert (log["client"] == "v2-test").all()
    assert log["prediction"].tolist() == penguins().estimator.predict(birds).tolist()
    assert log["body_mass_g"].tolist()[:2] == birds["body_mass_g"].tolist()[:2]
    items = [{"id": name, "truth": "Adelie"} for name in ids]
    assert http.post("/feedback", json={"items": items}).json() == {"accepted": 3}


def test_outputs_come_in_requested_order(http: httpx.Client) -> None:
    asked = [{"name": "predict_proba"}, {"name": "predict", "parameters": {"content_type": "np"}}]
    content = infer(http, "iris", flower(), outputs=asked, id="mine").json()
    assert content["id"] == "mine"
    assert [*outputs(infer(http, "iris", flower(), outputs=asked))] == ["predict_proba", "predict"]
    assert content["outputs"] == [
        {"name": "predict_proba", "shape": [1, 3], "datatype": "FP64", "data": [1.0, 0.0, 0.0]},
        {"name": "predict", "shape": [1], "datatype": "INT64", "data": [0]},
    ]
    assert [*outputs(infer(http, "iris", flower(), outputs=[]))] == ["predict", "predict_proba"]


@pytest.mark.parametrize(
    "change",
    [
        {"whole": tensor("whole", "UINT8", [3])},
        {"whole": tensor("whole", "FP32", [3.0])},
        {"on": tensor("on", "BOOL", [1])},
        {"real": tensor("real", "INT8", [2])},
        {"word": tensor("word", "BYTES", [None])},
        {"whole": tensor("whole", "INT64", [None])},
        {"real": tensor("real", "FP16", [2.5], parameters={"content_type": "np", "mine": 1})},
        {"word": tensor("word", "BYTES", ["a"], parameters={"content_type": "str"})},
    ],
)
def test_a_feature_takes_fitting_datatypes(
    api: LiveApi, http: httpx.Client, change: dict[str, Any]
) -> None:
    row = {
        "whole": tensor("whole", "INT64", [3]),
        "on": tensor("on", "BOOL", [True]),
        "word": tensor("word", "BYTES", ["b"]),
        "real": tensor("real", "FP64", [0.1]),
    }
    sent = row | change
    response = infer(http, "types", [*sent.values()])
    values = {name: each["data"][0] for name, each in sent.items()}
    frame = pd.DataFrame([values]).astype(types().X.dtypes.to_dict())
    assert outputs(response)["predict"].tolist() == types().estimator.predict(frame).tolist()


def test_a_score_is_a_tensor(api: LiveApi, http: httpx.Client) -> None:
    X = customers().head(20)
    lab = api.lab()
    for name, kind in (("forest", "IsolationForest"), ("mixture", "GaussianMixture")):
        lab.publish(name, fitted(kind), customers())
    described = {
        name: {t["name"]: t for t in http.get(f"/v2/models/{name}").json()["outputs"]}
        for name in ("forest", "mixture", "iris")
    }
    assert described["forest"]["score"] == {"name": "score", "datatype": "FP64", "shape": [-1]}
    assert described["forest"]["predict"]["datatype"] == "INT64"
    assert [*described["forest"]] == ["predict", "score"]
    assert [*described["mixture"]] == ["predict", "predict_proba", "score"]
    assert "score" not in described["iris"]
    given = outputs(infer(http, "forest", columns(X)))
    assert given["predict"].tolist() == fitted("IsolationForest").predict(X).tolist()
    expected = fitted("IsolationForest").decision_function(X)
    assert given["score"] == pytest.approx(expected, abs=1e-7)
    given = outputs(infer(http, "mixture", columns(X), outputs=[{"name": "score"}]))
    assert [*given] == ["score"]
    assert given["score"] == pytest.approx(fitted("GaussianMixture").score_samples(X), rel=1e-9)
    asked = [{"name": "score", "parameters": {"binary_data": True}}]
    response = infer(http, "forest", columns(X), outputs=asked)
    length = int(response.headers["Inference-Header-Content-Length"])
    assert np.frombuffer(response.content[length:]) == pytest.approx(expected, abs=1e-7)
