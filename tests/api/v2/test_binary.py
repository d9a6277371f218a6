"""V2 reads and writes binary tensors."""

import json
import struct
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from tests.api.v2.tensors import flower, outputs, refused
from tests.support.models import FLOWER, MEASURES, iris, penguins

LENGTH = "Inference-Header-Content-Length"

# Binary tensors.


def binary(
    http: httpx.Client, model: str, tensors: list[tuple[dict[str, Any], bytes]], **more: Any
) -> httpx.Response:
    """Send the tensors' bytes after the JSON."""
    inputs = [
        {**each, "parameters": {"binary_data_size": len(data), **each.get("parameters", {})}}
        for each, data in tensors
    ]
    content = json.dumps({"inputs": inputs, **more}).encode()
    return http.post(
        f"/v2/models/{model}/infer",
        content=content + b"".join(data for _, data in tensors),
        headers={LENGTH: str(len(content)), "Content-Type": "application/octet-stream"},
    )


def texts(values: list[str]) -> bytes:
    return b"".join(struct.pack("<I", len(v.encode())) + v.encode() for v in values)


def test_binary_tensors_are_read_and_written(http: httpx.Client) -> None:
    trained = penguins()
    X = trained.X[trained.X["sex"].notna()]
    rows = [len(X), 1]
    tensors = [
        ({"name": name, "shape": rows, "datatype": "BYTES"}, texts(X[name].tolist()))
        for name in ("island", "sex")
    ] + [
        ({"name": name, "shape": rows, "datatype": "FP64"}, X[name].to_numpy().tobytes())
        for name in MEASURES
    ]
    response = binary(http, "penguins", tensors, parameters={"binary_data_output": True})
    assert response.headers["Content-Type"] == "application/octet-stream"
    length = int(response.headers[LENGTH])
    content, rest = json.loads(response.content[:length]), response.content[length:]
    predict, probabilities = content["outputs"]
    size = predict["parameters"]["binary_data_size"]
    assert rest[:size] == texts(trained.estimator.predict(X).tolist())
    assert rest[size:] == trained.estimator.predict_proba(X).tobytes()
    assert len(rest[size:]) == probabilities["parameters"]["binary_data_size"]
    assert (predict["shape"], probabilities["shape"]) == ([len(X)], [len(X), 3])


def test_each_output_may_be_binary(http: httpx.Client) -> None:
    numbers = np.array([[5.1, 3.5, 1.4, 0.2]], dtype="<f4")
    asked = [{"name": "predict", "parameters": {"binary_data": False}}, {"name": "predict_proba"}]
    response = binary(
        http,
        "iris",
        [({"name": "X", "shape": [1, 4], "datatype": "FP32"}, numbers.tobytes())],
        outputs=asked,
        parameters={"binary_data_output": True},
    )
    length = int(response.headers[LENGTH])
    predict, probabilities = json.loads(response.content[:length])["outputs"]
    assert predict["data"] == [0]
    wide = pd.DataFrame(numbers.astype(float), columns=[*FLOWER])
    expected = iris().estimator.predict_proba(wide)
    assert probabilities["parameters"] == {"binary_data_size": 24}
    assert response.content[length:] == expected.tobytes()


def test_binary_nan_is_a_missing_value(http: httpx.Client) -> None:
    bird = {"island": "Biscoe", "sex": "female"}
    tensors = [
        ({"name": name, "shape": [1], "datatype": "BYTES"}, texts([value]))
        for name, value in bird.items()
    ] + [
        ({"name": name, "shape": [1], "datatype": "FP32"}, struct.pack("<f", float("nan")))
        for name in MEASURES
    ]
    row = pd.DataFrame([{**bird, **dict.fromkeys(MEASURES, np.nan)}])[[*penguins().X]]
    given = outputs(binary(http, "penguins", tensors))
    assert given["predict"].tolist() == penguins().estimator.predict(row).tolist()
    flower = (
        {"name": "X", "shape": [1, 4], "datatype": "FP64"},
        struct.pack("<4d", 1, 2, 3, np.nan),
    )
    row = np.array([[1, 2, 3, np.nan]])
    expected = iris().estimator.predict(pd.DataFrame(row, columns=[*iris().X]))
    assert outputs(binary(http, "iris", [flower]))["predict"].tolist() == expected.tolist()


ONE = {"name": "X", "shape": [1, 4], "datatype": "FP64"}
FOUR = struct.pack("<4d", 5.1, 3.5, 1.4, 0.2)
WORDS = {"name": "X", "shape": [1, 4], "datatype": "BYTES"}


@pytest.mark.parametrize(
    "given, data, words",
    [
        (ONE, FOUR[:-1], ["31 bytes", "32"]),
        (ONE | {"parameters": {"binary_data_size": 33}}, FOUR, ["33", "32 bytes are left"]),
        (ONE | {"parameters": {"binary_data_size": 31}}, FOUR, ["32 bytes", "31"]),
        (ONE | {"parameters": {"binary_data_size": -1}}, FOUR, ["-1", "a number of bytes"]),
        (ONE | {"parameters": {"binary_data_size": "32"}}, FOUR, ["'32'", "a number of bytes"]),
        (ONE | {"parameters": {"binary_data_size": True}}, FOUR, ["True", "a number of bytes"]),
        (ONE | {"parameters": {"binary_data_size": 10**18}}, FOUR, ["bytes are left"]),
        (ONE | {"data": [1, 2, 3, 4]}, FOUR, ["both data and binary_data_size"]),
        (ONE | {"datatype": "BOOL"}, b"\0\1\2\0", ["neither 0", "1 (true)"]),
        (ONE | {"shape": [1, 10**15]}, FOUR, ["[rows, 4]"]),
        (WORDS, texts(["a", "b", "c"]), ["text 3 of 4"]),
        (WORDS, texts(["a", "b", "c", "d"])[:-1], ["within its text 3"]),
        (WORDS, texts(["a", "b", "c"]) + b"\xff\xff\xff\xff", ["within its text 3"]),
        (WORDS, texts(["a", "b", "c", "d"]) + b"e", ["1 bytes after its 4 texts"]),
        (WORDS, texts(["a", "b", "c"]) + b"\1\0\0\0\xff", ["not UTF-8"]),
        (WORDS, texts(["a", "b", "c", "d"]), ["'sepal_length' in row 0 is 'a'", "a number"]),
    ],
)
def test_bad_binary_data_is_400(
    http: httpx.Client, given: dict[str, Any], data: bytes, words: list[str]
) -> None:
    refused(binary(http, "iris", [(given, data)]), 400, *words)


@pytest.mark.parametrize("length", ["-1", "x", "9" * 30, "1.5", "100000", "", "5"])
def test_a_bad_header_length_is_400(http: httpx.Client, length: str) -> None:
    content = json.dumps({"inputs": flower()})
    response = http.post("/v2/models/iris/infer", content=content, headers={LENGTH: length})
    refused(response, 400)
    without = {"inputs": [ONE | {"parameters": {"binary_data_size": 32}}]}
    refused(http.post("/v2/models/iris/infer", json=without), 400, LENGTH)
