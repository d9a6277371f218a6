"""An infinite prediction is refused, and never becomes a missing value."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer

from service.contract.errors import EstimatorError, InputError
from service.contract.model.store import ModelStore
from service.lab import Lab
from service.lab.publish.publication import Publication
from tests.api.v2.tensors import infer, refused, tensor
from tests.support.live import LiveApi, running_api
from tests.support.log_lines import requests

X = pd.DataFrame({"size": np.linspace(0, 5, 60)})
Y = np.expm1(X["size"])
WORDS = "predicts inf for row 1, which is no finite number"


def exponential(y: object = Y, X: pd.DataFrame = X) -> TransformedTargetRegressor:
    model = TransformedTargetRegressor(
        LinearRegression(), func=np.log1p, inverse_func=np.expm1, check_inverse=False
    )
    return model.fit(X, y)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("infinite")) as api:
        lab, small = api.lab(), X.astype("float32")
        lab.publish("growth", exponential(), X, Y)
        lab.publish("pair", exponential(np.c_[Y, Y]), X, np.c_[Y, Y])
        lab.publish("small", exponential(Y.astype("float32"), small), small, Y)
        lab.publish("line", LinearRegression().fit(X * 1e-300, X["size"]), X * 1e-300, X["size"])
        lab.publish("secret", exponential(), X, Y, private=["size"])
        yield api


ROWS = {"growth": 1000.0, "pair": 1000.0, "small": 100.0, "line": 1e300, "secret": 1000.0}


@pytest.mark.parametrize("name", ROWS)
def test_an_infinite_prediction_names_its_row(api: LiveApi, name: str) -> None:
    lab = api.lab()
    before = len(requests(api.logs))
    with pytest.raises(InputError, match=WORDS) as caught:
        lab.predict(name, pd.DataFrame({"size": [0.0, ROWS[name], 0.0]}))
    assert [each["row"] for each in caught.value.details] == [1]
    many = pd.DataFrame({"size": [0.0] * 200})
    many.loc[150, "size"] = ROWS[name]
    with pytest.raises(InputError, match="for row 150"):
        lab.predict(name, many)
    assert len(requests(api.logs)) == before
    assert lab.predict(name, {"size": 0.0}).iloc[:, 1:].notna().all(axis=None)


def test_tensors_are_refused_too(api: LiveApi) -> None:
    with api.http() as http:
        sizes = tensor("size", "FP64", [0.0, 1000.0])
        for binary in (False, True):
            more = {"parameters": {"binary_data_output": binary}}
            response = infer(http, "growth", [sizes], **more)
            refused(response, 400, WORDS)
        response = infer(http, "small", [tensor("size", "FP32", [0.0, 100.0])])
        refused(response, 400, WORDS)


def test_others_in_a_batch_are_unharmed(api: LiveApi) -> None:
    def ask(size: float) -> int:
        with api.http() as http:
            body = {"rows": [{"size": size}]}
            return http.post("/models/growth/predict", json=body).status_code

    sizes = [1000.0 if number % 5 == 0 else 1.0 for number in range(60)]
    with ThreadPoolExecutor(12) as pool:
        statuses = [*pool.map(ask, sizes)]
    assert statuses == [422 if size == 1000.0 else 200 for size in sizes]
    predicted = [each for line in requests(api.logs) for each in line["predictions"]]
    assert None not in predicted


def test_replay_leaves_infinite_predictions_out(api: LiveApi) -> None:
    lab = api.lab()
    lab.publish("later", LinearRegression().fit(X, Y), X, Y)
    lab.predict("later", pd.DataFrame({"size": [0.0, 1000.0, 2.0]}))
    lab.publish("later", exponential(), X, Y)
    with np.errstate(over="ignore"):
        replay = lab.replay("later", 2)
    assert len(replay.compared) == 2
    assert np.isfinite(replay.compared["new_prediction"]).all()
    assert "Left out: 1 row. The model predicts inf" in replay.notes[-1]


def test_infinite_training_predictions_are_refused(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    model = TransformedTargetRegressor(
        LinearRegression(), transformer=FunctionTransformer(np.log1p, np.expm1)
    ).fit(X, Y)
    model.regressor_.coef_ *= 1000
    with np.errstate(over="ignore"):
        with pytest.raises(EstimatorError, match="predicts inf for row"):
            Publication("m", model, X, Y).write(store, {}, None, {})
        with pytest.raises(EstimatorError, match="predicts inf for row"):
            Lab(models_dir=tmp_path).publish("m", model, X, Y)
    assert [*tmp_path.iterdir()] == []
