"""The Open Inference Protocol (V2), asked over a real socket as clients of other servers ask."""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from tests.support.live import LiveApi, running_api
from tests.support.models import FLOWER, MEASURES, Trained, body_mass, iris, penguins

LENGTH = "Inference-Header-Content-Length"


def two_targets() -> Trained:
    """A classifier of two targets, of three and two classes."""
    X, y = iris().X, iris().y
    both = pd.DataFrame({"kind": y.map({0: "a", 1: "b", 2: "c"}), "large": (y > 1).map(str)})
    return Trained(RandomForestClassifier(5, random_state=0).fit(X, both), X, both)


def types() -> Trained:
    """A column of each kind of feature, some with missing values; classes true and false."""
    X = pd.DataFrame(
        {
            "whole": pd.array([1, 2, None, 4] * 5, dtype="Int64"),
            "on": [True, False, True, False] * 5,
            "word": ["a", "b", None, "b"] * 5,
            "real": [0.1, 2.0, -3.5, 1e-300] * 5,
        }
    )
    y = pd.Series([True, False, False, True] * 5)
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["word"]),
        (SimpleImputer(), ["whole", "real"]),
        ("passthrough", ["on"]),
    )
    return Trained(make_pipeline(prepare, DecisionTreeClassifier(random_state=0)).fit(X, y), X, y)


MODELS: dict[str, Callable[[], Trained]] = {
    "iris": iris,
    "penguins": penguins,
    "body-mass": body_mass,
    "two-targets": two_targets,
    "types": types,
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("v2"), DEFAULT_MODEL="late") as api:
        lab = api.lab()
        for name, make in MODELS.items():
            trained = make()
            lab.publish(name, trained.estimator, trained.X, trained.y)
        yield api


@pytest.fixture
def http(api: LiveApi) -> Iterator[httpx.Client]:
    with api.http() as client:
        client.headers["Content-Type"] = "application/json"
        yield client


def tensor(name: str, datatype: str, data: Any, shape: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data, **more}


def columns(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a tensor a column, None where a value is missing."""
    kinds = {"b": "BOOL", "i": "INT64", "f": "FP64"}
    tensors = []
    for name in table:
        column = table[name].astype(object).where(table[name].notna(), None).tolist()
        tensors.append(tensor(str(name), kinds.get(table[name].dtype.kind, "BYTES"), column))
    return tensors


def flower(**change: Any) -> list[dict[str, Any]]:
    return [tensor(name, "FP64", [value]) for name, value in {**FLOWER, **change}.items()]


def table(data: list[Any], shape: list[int], datatype: str = "FP64") -> list[dict[str, Any]]:
    return [tensor("input-0", datatype, data, shape)]


def infer(http: httpx.Client, model: str, inputs: Any, **more: Any) -> httpx.Response:
    return http.post(f"/v2/models/{model}/infer", json={"inputs": inputs, **more})


def outputs(response: httpx.Response) -> dict[str, Any]:
    """Return each output as an array, in its shape."""
    content = response.json()
    assert response.status_code == 200, content
    return {
        each["name"]: np.array(each["data"]).reshape(each["shape"]) for each in content["outputs"]
    }


def refused(response: httpx.Response, status: int, *words: str) -> None:
    """Check that an error has its one shape and says what it must."""
    content = response.json()
    assert response.status_code == status, content
    assert content.keys() == {"error"}
    assert content["error"][0].isupper()
    assert content["error"].endswith(".")
    for word in words:
        assert word in content["error"]


# What is there.


@pytest.mark.parametrize("slash", ["", "/"])
def test_server_and_models_are_described_with_and_without_a_slash(
    http: httpx.Client, slash: str
) -> None:
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
    assert [t["parameters"]["nullable"] for t in described["inputs"]] == [True, False, True, False]
    predict, chances = described["outputs"]
    assert predict == {"name": "predict", "datatype": "BOOL", "shape": [-1]}
    assert (chances["datatype"], chances["shape"]) == ("FP64", [-1, 2])
    assert json.loads(chances["parameters"]["classes"]) == [False, True]
    (number,) = http.get("/v2/models/body-mass").json()["outputs"]
    assert number == {"name": "predict", "datatype": "FP64", "shape": [-1]}
    predict, chances = http.get("/v2/models/two-targets").json()["outputs"]
    assert (predict["datatype"], predict["shape"]) == ("BYTES", [-1, 2])
    assert json.loads(chances["parameters"]["targets"]) == ["kind", "large"]
    assert json.loads(chances["parameters"]["classes"]) == [["a", "b", "c"], ["False", "True"]]


def test_the_server_is_ready_when_its_default_model_is_served(
    api: LiveApi, http: httpx.Client
) -> None:
    response = http.get("/v2/health/ready")
    refused(response, 503, "'late'")
    assert response.headers["Retry-After"]
    api.lab().publish("late", iris().estimator, iris().X, iris().y)
    assert http.get("/v2/health/ready").json() == {"ready": True}


def test_a_version_that_is_not_live_answers_by_its_number(api: LiveApi, http: httpx.Client) -> None:
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


# What is answered.


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_the_estimators_own(http: httpx.Client, name: str) -> None:
    trained = MODELS[name]()
    given = outputs(infer(http, name, columns(trained.X), parameters={"content_type": "pd"}))
    assert np.array_equal(given.pop("predict"), trained.estimator.predict(trained.X))
    if hasattr(trained.estimator, "predict_proba"):
        chances = trained.estimator.predict_proba(trained.X)
        chances = np.hstack(chances) if isinstance(chances, list) else chances
        assert np.array_equal(given.pop("predict_proba"), chances)
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
def test_every_form_of_a_table_is_read_alike(
    http: httpx.Client, inputs: Callable[[pd.DataFrame], Any]
) -> None:
    trained = iris()
    given = outputs(infer(http, "iris", inputs(trained.X)))
    assert np.array_equal(given["predict_proba"], trained.estimator.predict_proba(trained.X))


def test_what_is_answered_is_logged_under_its_ids(api: LiveApi, http: httpx.Client) -> None:
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


def test_outputs_are_given_in_the_order_in_which_they_are_asked_for(http: httpx.Client) -> None:
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
def test_a_feature_takes_every_datatype_that_holds_its_values(
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
        (flower(petal_width=None), ["'petal_width' in row 0", "never missing"]),
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
def test_an_input_that_does_not_fit_is_400_and_named(
    http: httpx.Client, inputs: Any, words: list[str]
) -> None:
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
def test_a_request_that_cannot_be_used_is_400_and_says_why(
    http: httpx.Client, change: dict[str, Any], words: list[str]
) -> None:
    body = {"inputs": flower(), **change}
    refused(http.post("/v2/models/iris/infer", json=body), 400, *words)


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
def test_nothing_that_is_sent_fails_the_server(http: httpx.Client, place: str) -> None:
    for value in VALUES:
        response = http.post("/v2/models/iris/infer", content=place % value)
        if response.status_code == 200:  # some values are good at some places
            assert outputs(response)["predict"].shape == (1,)
        else:
            assert response.status_code in (400, 413), (value, response.text)
            assert response.json().keys() == {"error"}


def test_an_id_that_cannot_be_written_is_refused_and_others_come_back(http: httpx.Client) -> None:
    start = json.dumps({"inputs": flower()})[:-1]
    bad = http.post("/v2/models/iris/infer", content=start + r', "id": "\ud800"}')
    refused(bad, 400, "id is")
    good = http.post("/v2/models/iris/infer", content=start + ', "id": "\u2603"}')
    assert good.json()["id"] == "\u2603"


def test_many_inputs_are_refused_in_a_short_text(http: httpx.Client) -> None:
    inputs = [tensor(f"x{number}", "FP64", [1]) for number in range(20_000)]
    response = infer(http, "iris", inputs)
    refused(response, 400, "'x0' is not known", "more")
    assert len(response.content) < 1000


def test_too_many_rows_are_413_and_compressed_bodies_415(http: httpx.Client) -> None:
    refused(infer(http, "iris", table([1.0], [20_001, 4])), 413, "20001 rows", "MAX_ROWS")
    body = b" " * 4_000_001
    refused(http.post("/v2/models/iris/infer", content=body), 413, "MAX_BODY_BYTES")
    response = http.post("/v2/models/iris/infer", json={}, headers={"Content-Encoding": "gzip"})
    refused(response, 415, "'gzip'")


def test_what_is_not_there_is_404_and_names_what_is(http: httpx.Client) -> None:
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
def test_what_is_not_offered_is_501_and_says_what_is(
    http: httpx.Client, method: str, path: str, words: list[str]
) -> None:
    refused(http.request(method, f"/v2/{path}"), 501, *words)


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
    predict, chances = content["outputs"]
    size = predict["parameters"]["binary_data_size"]
    assert rest[:size] == texts(trained.estimator.predict(X).tolist())
    assert rest[size:] == trained.estimator.predict_proba(X).tobytes()
    assert len(rest[size:]) == chances["parameters"]["binary_data_size"]
    assert (predict["shape"], chances["shape"]) == ([len(X)], [len(X), 3])


def test_each_output_may_be_binary_or_not(http: httpx.Client) -> None:
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
    predict, chances = json.loads(response.content[:length])["outputs"]
    assert predict["data"] == [0]
    wide = pd.DataFrame(numbers.astype(float), columns=[*FLOWER])
    expected = iris().estimator.predict_proba(wide)
    assert chances["parameters"] == {"binary_data_size": 24}
    assert response.content[length:] == expected.tobytes()


def test_nan_in_a_binary_tensor_is_a_missing_value(http: httpx.Client) -> None:
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
    refused(binary(http, "iris", [flower]), 400, "'petal_width' in row 0", "never missing")


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
def test_bytes_that_do_not_fit_are_400_and_said(
    http: httpx.Client, given: dict[str, Any], data: bytes, words: list[str]
) -> None:
    refused(binary(http, "iris", [(given, data)]), 400, *words)


@pytest.mark.parametrize("length", ["-1", "x", "9" * 30, "1.5", "100000", "", "5"])
def test_a_length_that_does_not_fit_is_400(http: httpx.Client, length: str) -> None:
    content = json.dumps({"inputs": flower()})
    response = http.post("/v2/models/iris/infer", content=content, headers={LENGTH: length})
    refused(response, 400)
    without = {"inputs": [ONE | {"parameters": {"binary_data_size": 32}}]}
    refused(http.post("/v2/models/iris/infer", json=without), 400, LENGTH)
