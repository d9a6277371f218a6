"""V2 refuses what does not fit, and says why."""

import json
from typing import Any

import httpx
import pytest

from tests.api.v2.tensors import columns, flower, infer, outputs, refused, table, tensor
from tests.support.models import body_mass

# What is refused.


@pytest.mark.parametrize(
    "inputs, words",
    [
        (table([5.1, 3.5, 1.4, 0.2], [4]), ["'input-0'", "[4]", "[rows, 4]", "sepal_length, "]),
        (table([5.1, 3.5, 1.4], [1, 3]), ["[1, 3]", "[rows, 4]"]),
        (table([1.0] * 4, [1, 2, 2]), ["[1, 2, 2]", "[rows, 4]"]),
        (table([1.0] * 5, [1, 4]), ["4 values", "has 5"]),
        (table([[1.0] * 4, [1.0] * 3], [2, 4]), ["not 2 lists of 4"]),
        (table([[[1.0] * 4]], [1, 4]), ["not 1 lists of 4"]),
        (table([1.0, [2.0], 3.0, 4.0], [1, 4]), ["'sepal_width' in row 0 is [2.0]", "FP64"]),
        (table([], [0, 4]), ["at least one"]),
        (table(["a"] * 4, [1, 4], "BYTES"), ["'sepal_length' in row 0 is 'a'", "a number"]),
        (table([True] * 4, [1, 4], "BOOL"), ["is True", "a number"]),
        ([tensor("sepal_length", "FP64", [1.0] * 4, [1, 4])], ["no feature's"]),
        (flower()[:3], ["'petal_width' is missing"]),
        ([*flower()[:3], tensor("petal_widht", "FP64", [1.0])], ["did you mean 'petal_width'?"]),
        ([*flower(), flower()[0]], ["'sepal_length' is given twice"]),
        ([*flower()[:3], tensor("petal_width", "FP64", [1.0, 2.0])], ["same number of rows"]),
        (flower(petal_width="x"), ["'petal_width' in row 0 is 'x'", "FP64 holds numbers"]),
        (flower(petal_width=True), ["is True"]),
        ([*flower()[:3], tensor("petal_width", "UINT8", [300])], ["is 300", "from 0 to 255"]),
        ([*flower()[:3], tensor("petal_width", "INT64", [1.5])], ["is 1.5", "INT64"]),
        ([*flower()[:3], tensor("petal_width", "FP16", [70000])], ["is 70000", "FP16"]),
        ([*flower()[:3], tensor("petal_width", "BF16", [1.0])], ["'BF16'", "FP32"]),
        ([*flower()[:3], tensor("petal_width", "BOOL", [2])], ["is 2", "BOOL"]),
        ([{**flower()[0], "parameters": {"content_type": "base64"}}], ["'base64'", "pd, np, str"]),
        ([{**flower()[0], "parameters": {"shared_memory_region": "x"}}], ["not offered"]),
        ([{**flower()[0], "parameters": [1]}], ["parameters [1]"]),
        ([{"name": "x", "shape": [1, 4], "datatype": "FP64"}], ["no list of data"]),
    ],
)
def test_a_bad_input_is_400(http: httpx.Client, inputs: Any, words: list[str]) -> None:
    refused(infer(http, "iris", inputs), 400, *words)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"outputs": [{"name": "chances"}]}, ["'chances'", "predict, predict_proba"]),
        ({"outputs": [{"name": "predict"}] * 2}, ["'predict' is asked for twice"]),
        ({"outputs": ["predict"]}, ["Output 0 is 'predict'"]),
        ({"outputs": "predict"}, ["a list is expected"]),
        (
            {"outputs": [{"name": "predict", "parameters": {"classification": 2}}]},
            ["classification"],
        ),
        (
            {"outputs": [{"name": "predict", "parameters": {"binary_data": 1}}]},
            ["binary_data is 1"],
        ),
        ({"parameters": {"content_type": "datetime"}}, ["'datetime'"]),
        ({"parameters": {"binary_data_output": "yes"}}, ["binary_data_output is 'yes'"]),
        ({"id": 5}, ["id is 5"]),
        ({"inputs": []}, ["no inputs"]),
        ({"inputs": {}}, ["The body must be"]),
    ],
)
def test_a_bad_request_is_400(http: httpx.Client, change: dict[str, Any], words: list[str]) -> None:
    body = {"inputs": flower(), **change}
    refused(http.post("/v2/models/iris/infer", json=body), 400, *words)


def test_a_missing_value_may_be_400(http: httpx.Client) -> None:
    inputs = flower(petal_width=None)
    assert outputs(infer(http, "iris", inputs))["predict"].tolist() == [0]
    refused(infer(http, "line", inputs), 400, "'petal_width' in row 0", "never missing")


def test_a_regressor_has_no_probabilities(http: httpx.Client) -> None:
    asked = [{"name": "predict_proba"}]
    response = infer(http, "body-mass", columns(body_mass().X), outputs=asked)
    refused(response, 400, "'predict_proba'", "It has: predict")


VALUES = [
    "NaN", "-Infinity", "1e999", "1" + "0" * 400, "1" * 5000, "[]", "{}", '"\\ud800"', "null",
    "-1", "true", "1.5", '"x"', "[[[[1]]]]", "9" * 400, "[" * 500 + "]" * 500,
]  # fmt: skip
PLACES = [
    '{"inputs": %s}',
    '{"inputs": [%s]}',
    '{"inputs": [{"name": %s, "shape": [1, 4], "datatype": "FP64", "data": [1, 1, 1, 1]}]}',
    '{"inputs": [{"name": "X", "shape": %s, "datatype": "FP64", "data": [1, 1, 1, 1]}]}',
    '{"inputs": [{"name": "X", "shape": [%s], "datatype": "FP64", "data": [1, 1, 1, 1]}]}',
    '{"inputs": [{"name": "X", "shape": [1, %s], "datatype": "FP64", "data": [1, 1, 1, 1]}]}',
    '{"inputs": [{"name": "X", "shape": [1, 4], "datatype": %s, "data": [1, 1, 1, 1]}]}',
    '{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP64", "data": %s}]}',
    '{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP64", "data": [1, 1, 1, %s]}]}',
    '{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [1, 1, 1, %s]}]}',
    '{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "INT8", "data": [1, 1, 1, %s]}]}',
    '{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "BYTES", "data": [1, 1, 1, %s]}]}',
    '{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "BOOL", "data": [1, 1, 1, %s]}]}',
    '{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP64", "data": [1, 1, 1, 1], '
    '"parameters": {"content_type": %s}}]}',
    '{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP64", "parameters": '
    '{"binary_data_size": %s}}]}',
    '{"inputs": [], "id": %s}',
    '{"inputs": [], "outputs": %s}',
    '{"inputs": [], "parameters": %s}',
]


@pytest.mark.parametrize("place", PLACES)
def test_no_body_fails_the_server(http: httpx.Client, place: str) -> None:
    for value in VALUES:
        response = http.post("/v2/models/iris/infer", content=place % value)
        if response.status_code == 200:  # some values are good at some places
            assert outputs(response)["predict"].shape == (1,)
        else:
            assert response.status_code in (400, 413), (value, response.text)
            assert response.json().keys() == {"error"}


def test_request_ids_come_back(http: httpx.Client) -> None:
    start = json.dumps({"inputs": flower()})[:-1]
    bad = http.post("/v2/models/iris/infer", content=start + r', "id": "\ud800"}')
    refused(bad, 400, "id is")
    good = http.post("/v2/models/iris/infer", content=start + ', "id": "\u2603"}')
    assert good.json()["id"] == "\u2603"


def test_many_inputs_have_short_errors(http: httpx.Client) -> None:
    inputs = [tensor(f"x{number}", "FP64", [1]) for number in range(20_000)]
    response = infer(http, "iris", inputs)
    refused(response, 400, "'x0' is not known", "more")
    assert len(response.content) < 1000


def test_too_many_rows_are_413(http: httpx.Client) -> None:
    refused(infer(http, "iris", table([1.0], [20_001, 4])), 413, "20001 rows", "MAX_ROWS")
    body = b" " * 4_000_001
    refused(http.post("/v2/models/iris/infer", content=body), 413, "MAX_BODY_BYTES")
    response = http.post("/v2/models/iris/infer", json={}, headers={"Content-Encoding": "gzip"})
    refused(response, 415, "'gzip'")


def test_unknown_names_are_404(http: httpx.Client) -> None:
    for path in ("daisies", "daisies/ready", "daisies/versions/1"):
        refused(http.get(f"/v2/models/{path}"), 404, "'daisies'", "iris, ")
    refused(infer(http, "daisies", flower()), 404, "'daisies'")
    refused(http.get("/v2/models/iris/versions/9"), 404, "no version 9")
    refused(infer(http, "iris/versions/9", flower()), 404, "no version 9")
    refused(http.get("/v2/models/iris/versions/latest"), 400, "'latest'", "an integer")
    refused(http.get("/v2/nowhere"), 404, "'/v2/nowhere'")
    refused(http.get("/v2/models/iris/infer"), 405, "GET")


@pytest.mark.parametrize(
    "method, path, words",
    [
        ("POST", "repository/models/iris/load", ["lab.publish", "lab.promote"]),
        ("POST", "repository/models/iris/unload", ["lab.promote"]),
        ("GET", "models/iris/config", ["/models/<name>"]),
        ("GET", "models/iris/versions/1/stats", ["/metrics"]),
        ("POST", "models/iris/generate", ["infer"]),
        ("GET", "systemsharedmemory/status", ["Shared memory"]),
        ("POST", "cudasharedmemory/region/x/register", ["Shared memory"]),
        ("POST", "models/iris/trace/setting", ["environment"]),
        ("GET", "logging/", ["environment"]),
    ],
)
def test_unsupported_extensions_are_501(
    http: httpx.Client, method: str, path: str, words: list[str]
) -> None:
    refused(http.request(method, f"/v2/{path}"), 501, *words)
