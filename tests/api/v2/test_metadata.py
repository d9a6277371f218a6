"""V2 describes the server and its models."""

import json

import httpx
import pytest

from tests.api.v2.models import MODELS
from tests.api.v2.tensors import flower, outputs, refused
from tests.support.live import LiveApi
from tests.support.models import iris

# What is there.


@pytest.mark.parametrize("slash", ["", "/"])
def test_metadata_ignores_a_trailing_slash(http: httpx.Client, slash: str) -> None:
    about = http.get(f"/v2{slash}").json()
    assert about["name"] == "labloop"
    assert about["extensions"] == ["binary_tensor_data", "model_repository"]
    assert http.get(f"/v2/health/live{slash}").json() == {"live": True}
    assert {*MODELS} <= {*http.get(f"/v2/models{slash}").json()["models"]}
    for path in ("/v2/models/iris", "/v2/models/iris/versions/1"):
        assert http.get(f"{path}{slash}").json()["name"] == "iris"
        assert http.get(f"{path}/ready{slash}").json() == {"name": "iris", "ready": True}
        response = http.post(f"{path}/infer{slash}", json={"inputs": flower()})
        assert outputs(response)["predict"].tolist() == [0]
    for ask in (http.get, http.post):
        index = ask(f"/v2/repository/index{slash}").json()
        assert {"name": "iris", "version": "1", "state": "READY", "reason": ""} in index


def test_metadata_comes_from_the_signature(http: httpx.Client) -> None:
    described = http.get("/v2/models/types").json()
    assert described["versions"] == ["1"]
    assert [(t["name"], t["datatype"], t["shape"]) for t in described["inputs"]] == [
        ("whole", "INT64", [-1]),
        ("on", "BOOL", [-1]),
        ("word", "BYTES", [-1]),
        ("real", "FP64", [-1]),
    ]
    assert [t["parameters"]["nullable"] for t in described["inputs"]] == [True] * 4
    predict, probabilities = described["outputs"]
    assert predict == {"name": "predict", "datatype": "BOOL", "shape": [-1]}
    assert (probabilities["datatype"], probabilities["shape"]) == ("FP64", [-1, 2])
    assert json.loads(probabilities["parameters"]["classes"]) == [False, True]
    (number,) = http.get("/v2/models/body-mass").json()["outputs"]
    assert number == {"name": "predict", "datatype": "FP64", "shape": [-1]}
    predict, probabilities = http.get("/v2/models/two-targets").json()["outputs"]
    assert (predict["datatype"], predict["shape"]) == ("BYTES", [-1, 2])
    assert json.loads(probabilities["parameters"]["targets"]) == ["kind", "large"]
    assert json.loads(probabilities["parameters"]["classes"]) == [
        ["a", "b", "c"],
        ["False", "True"],
    ]


def test_ready_means_the_default_model(api: LiveApi, http: httpx.Client) -> None:
    response = http.get("/v2/health/ready")
    refused(response, 503, "'late'")
    assert response.headers["Retry-After"]
    api.lab().publish("late", iris().estimator, iris().X, iris().y)
    assert http.get("/v2/health/ready").json() == {"ready": True}


def test_older_versions_predict_by_number(api: LiveApi, http: httpx.Client) -> None:
    for _ in range(2):
        api.lab().publish("twice", iris().estimator, iris().X, iris().y)
    assert http.get("/v2/models/twice").json()["versions"] == ["1", "2"]
    index = {
        each["version"]: each
        for each in http.get("/v2/repository/index").json()
        if each["name"] == "twice"
    }
    assert {version: each["state"] for version, each in index.items()} == {
        "1": "UNAVAILABLE",
        "2": "READY",
    }
    assert "asked for by number" in index["1"]["reason"]
    only = http.post("/v2/repository/index", json={"ready": True}).json()
    assert [each["version"] for each in only if each["name"] == "twice"] == ["2"]
    for version in ("1", "2"):
        path = f"/v2/models/twice/versions/{version}"
        assert http.get(f"{path}/ready").json()["ready"]
        response = http.post(f"{path}/infer", json={"inputs": flower()})
        assert response.json()["model_version"] == response.headers["X-Model-Version"] == version
