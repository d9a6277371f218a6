"""What the API answers, asked over a real socket."""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from service.contract.errors import ApiError
from service.contract.model.manifest import installed_libraries
from tests.support.live import LiveApi, running_api
from tests.support.models import FLOWER, body_mass, iris, penguins

FLOWER_TEXT = json.dumps(FLOWER)
BIRD = {
    "island": "Biscoe",
    "bill_length_mm": 46.1,
    "bill_depth_mm": 13.2,
    "flipper_length_mm": 211.0,
    "body_mass_g": 4500.0,
    "sex": "female",
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("api")) as api:
        lab = api.lab()
        for name, trained in [
            ("iris", iris()),
            ("penguins", penguins()),
            ("strict-penguins", penguins(handle_unknown="error")),
            ("body-mass", body_mass()),
        ]:
            lab.publish(name, trained.estimator, trained.X, trained.y)
        yield api


@pytest.fixture
def http(api: LiveApi) -> Iterator[httpx.Client]:
    with api.http() as client:
        yield client


def refused(response: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """Check that an error has its one shape and says what it must."""
    content: dict[str, Any] = response.json()
    assert response.status_code == status, content
    assert content.keys() == {"error", "code", "details"}
    assert ApiError.of_code(content["code"]).status == status
    assert content["error"][0].isupper()
    assert content["error"].endswith(".")
    for word in words:
        assert word in content["error"]
    return content


# Good questions.


def test_the_reference_request_is_answered_exactly(http: httpx.Client) -> None:
    response = http.get("/predict", params=FLOWER)
    assert response.status_code == 200
    assert response.content == b'{"prediction":0}'
    assert response.headers["X-Model"] == "iris"
    assert response.headers["X-Model-Version"] == "1"
    assert len(response.headers["X-Prediction-Id"]) == 36


def test_any_model_is_asked_by_a_url_and_an_empty_value_is_missing(http: httpx.Client) -> None:
    bird: dict[str, Any] = {**BIRD, "sex": ""}
    response = http.get("/models/penguins/predict", params=bird)
    assert response.json() == {"prediction": "Gentoo"}


@pytest.mark.parametrize("name", ["iris", "penguins"])
def test_rows_and_columns_get_the_answers_of_the_estimator(http: httpx.Client, name: str) -> None:
    trained = {"iris": iris, "penguins": penguins}[name]()
    table = trained.X.astype(object).where(trained.X.notna(), None)
    by_rows = http.post(f"/models/{name}/predict", json={"rows": table.to_dict("records")})
    by_columns = http.post(f"/models/{name}/predict", json={"columns": table.to_dict("list")})
    for response in (by_rows, by_columns):
        answer = response.json()
        assert [*answer] == ["model", "version", "ids", "predictions", "classes", "probabilities"]
        assert answer["predictions"] == trained.estimator.predict(trained.X).tolist()
        assert answer["classes"] == trained.estimator.classes_.tolist()
        expected = trained.estimator.predict_proba(trained.X)
        assert np.array_equal(answer["probabilities"], expected)
        assert len(set(answer["ids"])) == len(trained.X)
        assert response.headers["X-Prediction-Id"] == answer["ids"][0]


def test_a_regressor_answers_numbers_and_no_probabilities(http: httpx.Client) -> None:
    trained = body_mass()
    response = http.post("/models/body-mass/predict", json={"rows": trained.X.to_dict("records")})
    answer = response.json()
    assert answer["classes"] is answer["probabilities"] is None
    assert answer["predictions"] == trained.estimator.predict(trained.X).tolist()


def test_the_order_of_the_features_does_not_matter(http: httpx.Client) -> None:
    backwards = dict(reversed(BIRD.items()))
    assert http.post("/models/penguins/predict", json={"rows": [backwards]}).json()[
        "predictions"
    ] == ["Gentoo"]


def test_whole_numbers_are_numbers(http: httpx.Client) -> None:
    flower = {name: round(value) for name, value in FLOWER.items()}
    assert http.post("/models/iris/predict", json={"rows": [flower]}).is_success


# Rows that do not fit.


@pytest.mark.parametrize(
    "change, words",
    [
        ({"petal_width": None}, ["'petal_width' is missing", "petal_width (number)"]),
        ({"colour": "red"}, ["'colour' is not known"]),
        ({"petal_width": None, "petal_widht": 1}, ["'petal_widht'", "did you mean 'petal_width'?"]),
        ({"petal_width": "wide"}, ["'petal_width'", "row 0", "'wide'", "a number"]),
        ({"petal_width": "nan"}, ["'petal_width'", "row 0", "not a finite number"]),
        ({"petal_width": "Infinity"}, ["'petal_width'", "row 0", "not a finite number"]),
        ({"petal_width": "1e999"}, ["'petal_width'", "row 0", "not a finite number"]),
        ({"petal_width": "9" * 400}, ["'petal_width'", "row 0"]),
        ({"petal_width": ""}, ["'petal_width'", "row 0", "never missing in training"]),
        ({"petal_width": "1e300"}, ["cannot predict", "too large for dtype('float32')"]),
    ],
)
def test_a_url_that_does_not_fit_names_the_feature(
    http: httpx.Client, change: dict[str, Any], words: list[str]
) -> None:
    params = {k: v for k, v in {**FLOWER, **change}.items() if v is not None}
    refused(http.get("/predict", params=params), 422, *words)


def test_a_feature_given_twice_in_a_url_is_refused(http: httpx.Client) -> None:
    pairs: Any = [*FLOWER.items(), ("petal_width", 1)]
    refused(http.get("/predict", params=pairs), 422, "'petal_width' is given twice")


@pytest.mark.parametrize(
    "value, words",
    [
        ("NaN", ["not a finite number", "null"]),
        ("Infinity", ["not a finite number"]),
        ("-Infinity", ["not a finite number"]),
        ("1e999", ["not a finite number"]),
        ("null", ["never missing in training"]),
        ('"five"', ["'five'", "a number is expected"]),
        ("true", ["True", "a number is expected"]),
        ("[1]", ["[1]", "a number is expected"]),
        ("1" + "0" * 400, ["not a finite number"]),
        (r'"\ud800"', ["a number is expected"]),
    ],
)
def test_a_row_that_does_not_fit_names_feature_and_row(
    http: httpx.Client, value: str, words: list[str]
) -> None:
    row = FLOWER_TEXT.replace("0.2", value)
    body = f'{{"rows": [{FLOWER_TEXT}, {row}]}}'
    content = refused(
        http.post("/models/iris/predict", content=body), 422, "'petal_width' in row 1", *words
    )
    assert [(d["feature"], d["row"]) for d in content["details"]] == [("petal_width", 1)]


@pytest.mark.parametrize(
    "body, words",
    [
        (b"", ["not JSON"]),
        (b"{", ["not JSON", "line 1"]),
        (b'{"rows": [\xff]}', ["cannot be read"]),
        (b"[" * 100_000, ["nested 100000 levels deep", "at most 32", "Send plain values."]),
        (b'{"rows": ' + b"[" * 32 + b"]" * 32 + b"}", ["nested 33 levels deep"]),
        (b'{"rows": ' + b"[" * 31 + b"]" * 31 + b"}", ["Row 0 is"]),
        (b'{"rows": [], "rows": []}', ["'rows' twice"]),
        (b'{"rows": [{"sepal_length": 1, "sepal_length": 2}]}', ["'sepal_length' twice"]),
        (b"[]", ["rows", "columns"]),
        (b'{"row": []}', ["rows", "columns"]),
        (b'{"rows": [], "columns": {}}', ["rows", "columns"]),
        (b'{"rows": []}', ["at least one"]),
        (b'{"rows": [1]}', ["Row 0 is 1"]),
        (b'{"columns": []}', ["columns"]),
        (b'{"columns": {"sepal_length": 1}}', ["list of values"]),
        (b'{"rows": [{}]}', ["'sepal_length' in row 0 is missing", "And 1 more"]),
        (rb'{"rows": [{"\ud800": 1}]}', ["is not known"]),
    ],
)
def test_a_body_that_cannot_be_used_says_why(
    http: httpx.Client, body: bytes, words: list[str]
) -> None:
    refused(http.post("/models/iris/predict", content=body), 422, *words)


def test_columns_of_unequal_length_are_refused(http: httpx.Client) -> None:
    columns = {name: [value] for name, value in FLOWER.items()} | {"petal_width": [1, 2]}
    response = http.post("/models/iris/predict", json={"columns": columns})
    refused(response, 422, "same number of rows", "'petal_width': 2")


def test_a_refused_request_is_not_logged(api: LiveApi, http: httpx.Client) -> None:
    before = len(api.lab().predictions("iris"))
    http.post("/models/iris/predict", json={"rows": [FLOWER, {}]})
    assert len(api.lab().predictions("iris")) == before


# A category that training never saw.


def test_an_unseen_category_is_answered_as_the_pipeline_does_and_marked(
    api: LiveApi, http: httpx.Client
) -> None:
    bird = {**BIRD, "island": "Hispaniola", "body_mass_g": 9000.0}
    answer = http.post("/models/penguins/predict", json={"rows": [BIRD, bird]}).json()
    log = api.lab().predictions("penguins").set_index("prediction_id")
    assert log.loc[answer["ids"][0], "marks"] == []
    assert log.loc[answer["ids"][1], "marks"] == ["unseen:island", "out_of_range:body_mass_g"]
    expected = penguins().estimator.predict(pd.DataFrame([bird]))
    assert answer["predictions"][1] == expected[0]


def test_an_unseen_category_is_refused_where_the_pipeline_raises(http: httpx.Client) -> None:
    bird = {**BIRD, "island": "Hispaniola"}
    response = http.post("/models/strict-penguins/predict", json={"rows": [bird]})
    refused(response, 422, "Hispaniola")


def test_half_a_surrogate_pair_as_a_category_is_refused(http: httpx.Client) -> None:
    body = json.dumps({"rows": [{**BIRD, "island": "\ud800"}]})
    response = http.post("/models/penguins/predict", content=body)
    refused(response, 422, "'island' in row 0", "not valid Unicode")


# Many at once.


def test_small_requests_are_answered_while_a_large_one_is_computed(api: LiveApi) -> None:
    X, y = iris().X, iris().y
    slow = BaggingClassifier(KNeighborsClassifier(), random_state=0).fit(X, y)
    api.lab().publish("slow", slow, X, y)
    columns = {name: [value] * 20_000 for name, value in FLOWER.items()}
    answered = 0
    with ThreadPoolExecutor(1) as pool, api.http() as large, api.http() as small:
        asked = pool.submit(large.post, "/models/slow/predict", json={"columns": columns})
        while not asked.done():
            for path in ("/predict", "/models/slow/predict"):
                assert small.get(path, params=FLOWER).json() == {"prediction": 0}
            answered += 1
        assert len(asked.result().json()["ids"]) == 20_000
    assert answered > 5


def test_a_row_that_cannot_be_answered_fails_alone(api: LiveApi) -> None:
    birds = [BIRD if n % 3 else {**BIRD, "island": "Hispaniola"} for n in range(30)]

    async def ask() -> list[int]:
        async with httpx.AsyncClient(base_url=api.url, trust_env=False) as http:
            path = "/models/strict-penguins/predict"
            asked = [http.post(path, json={"rows": [bird]}) for bird in birds]
            return [response.status_code for response in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [200 if n % 3 else 422 for n in range(30)]


@pytest.mark.parametrize("labels", [[0, 1], [7, -3], [False, True], ["no", "yes"]])
def test_values_keep_their_types_in_request_answer_and_log(api: LiveApi, labels: list[Any]) -> None:
    X = pd.DataFrame(
        {
            "whole": pd.array([1, 2, None, 4] * 5, dtype="Int64"),
            "on": [True, False, True, False] * 5,
            "word": ["a", "b", None, "b"] * 5,
            "real": [0.1, 2.0, -3.5, 1e-300] * 5,
        }
    )
    y = np.array(labels * 10)
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["word"]),
        (SimpleImputer(), ["whole", "real"]),
        ("passthrough", ["on"]),
    )
    pipeline = make_pipeline(prepare, DecisionTreeClassifier()).fit(X, y)
    lab, name = api.lab(), f"types-{type(labels[0]).__name__}{len(str(labels))}"
    lab.publish(name, pipeline, X, y)
    row = {"whole": 3, "on": True, "word": None, "real": 0.1}
    with api.http() as http:
        answer = http.post(f"/models/{name}/predict", json={"rows": [row]}).json()
        url = http.get(f"/models/{name}/predict", params={**row, "on": "true", "word": ""})
    expected = pipeline.predict(pd.DataFrame([row]).astype(X.dtypes.to_dict())).tolist()
    assert repr(answer["predictions"]) == repr([url.json()["prediction"]]) == repr(expected)
    assert repr(answer["classes"]) == repr(sorted(labels))
    segments = (api.logs / "predictions").glob("*.jsonl")
    lines = [json.loads(line) for segment in segments for line in segment.read_text().splitlines()]
    (by_body, by_url) = [line for line in lines if line.get("model") == name]
    assert repr(by_body["inputs"]) == repr(by_url["inputs"])
    assert repr(by_body["inputs"]) == repr({key: [value] for key, value in row.items()})
    assert repr(by_body["predictions"]) == repr(expected)


def test_many_names_that_are_not_known_are_refused_at_once(http: httpx.Client) -> None:
    names: Any = [(f"feature_{number}", 1) for number in range(2000)]
    response = http.get("/predict", params=[*names, names[-1]])
    refused(response, 422, "'feature_1999' is given twice")
    content = refused(http.get("/predict", params=names), 422, "'feature_0' is not known")
    assert len(content["details"]) == 20


# What is not there.


@pytest.mark.parametrize(
    "path, words",
    [
        ("/models/daisies", ["'daisies'", "iris, penguins"]),
        ("/models/daisies/predict", ["'daisies'", "iris, penguins"]),
        ("/models/iris/versions/9", ["no version 9", "published: 1"]),
        ("/models/..%2Firis", ["no page"]),
        ("/nowhere", ["'/nowhere'", "/docs"]),
    ],
)
def test_what_is_not_there_is_404_and_names_what_is(
    http: httpx.Client, path: str, words: list[str]
) -> None:
    refused(http.get(path), 404, *words)


def test_an_unknown_version_is_404_and_names_those_that_exist(http: httpx.Client) -> None:
    response = http.post("/models/iris/predict?version=9", json={"rows": [FLOWER]})
    refused(response, 404, "no version 9", "published: 1")


def test_a_version_that_is_no_number_is_422(http: httpx.Client) -> None:
    response = http.post("/models/iris/predict?version=latest", json={"rows": [FLOWER]})
    refused(response, 422, "version", "integer")


def test_another_method_is_405(http: httpx.Client) -> None:
    response = http.post("/predict")
    refused(response, 405, "POST", "/predict")
    assert "GET" in response.headers["Allow"]


def test_a_body_that_is_too_large_is_413_and_the_next_request_is_answered(
    http: httpx.Client,
) -> None:
    content = b'{"rows": [' + b" " * 4_000_000 + b"]}"
    refused(http.post("/models/iris/predict", content=content), 413, "4000000", "MAX_BODY_BYTES")

    def parts() -> Iterator[bytes]:
        yield from (content[start : start + 100_000] for start in range(0, len(content), 100_000))

    refused(http.post("/models/iris/predict", content=parts()), 413, "4000000")
    many = {"columns": {name: [value] * 20_001 for name, value in FLOWER.items()}}
    refused(http.post("/models/iris/predict", json=many), 413, "20001 rows", "MAX_ROWS")
    assert http.get("/predict", params=FLOWER).json() == {"prediction": 0}


def test_without_a_model_the_answer_is_503_and_names_the_notebook(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running_api(tmp_path_factory.mktemp("empty")) as api, api.http() as http:
        for path in ("/predict", "/health/ready", "/models/iris/predict"):
            response = http.get(path, params=FLOWER)
            refused(response, 503, "02_train.ipynb")
            assert response.headers["Retry-After"]
        live = http.get("/health/live").json()
        assert datetime.now(UTC) - datetime.fromisoformat(live.pop("time")) < timedelta(minutes=1)
        assert live == {"status": "live", "image": "local", "libraries": installed_libraries()}
        assert http.get("/models").json()["models"] == []


# What is served.


def test_a_model_shows_what_it_takes_and_gives(http: httpx.Client) -> None:
    names = [each["name"] for each in http.get("/models").json()["models"]]
    assert names == sorted(names)
    assert {"body-mass", "iris", "penguins", "strict-penguins"} <= {*names}
    shown = http.get("/models/penguins").json()
    assert shown["live"]["version"] == 1
    assert shown["versions"] == [1]
    assert shown["refused"] == []
    features = {f["name"]: f for f in shown["live"]["signature"]["features"]}
    assert features["sex"] == {
        "name": "sex",
        "kind": "category",
        "dtype": "str",
        "nullable": True,
        "categories": ["female", "male"],
        "minimum": None,
        "maximum": None,
        "private": False,
        "type": "string",
    }
    assert features["body_mass_g"]["minimum"] == 2700.0
    assert shown["live"]["signature"]["output"]["classes"] == ["Adelie", "Chinstrap", "Gentoo"]


def test_a_version_shows_its_manifest(http: httpx.Client) -> None:
    manifest = http.get("/models/iris/versions/1").json()
    assert manifest["rows"] == 150
    assert manifest["refused"] is None
    assert manifest["libraries"].keys() == {"python", "scikit-learn", "numpy", "pandas", "skops"}


def test_health_says_what_is_served(http: httpx.Client) -> None:
    ready = http.get("/health/ready").json()
    assert (ready["status"], ready["model"], ready["version"]) == ("ready", "iris", 1)


def test_the_documentation_needs_no_other_server(http: httpx.Client) -> None:
    page = http.get("/docs").text
    assert "http://" not in page
    assert "https://" not in page
    for link in re.findall(r'(?:src|href|url)(?:=|: )["\']([^"\']+)', page):
        assert not link.startswith("/")  # so that it works under another address, too
        assert http.get(f"/{link}").is_success


def test_each_published_model_is_described_with_types_and_an_example_that_works(
    api: LiveApi, http: httpx.Client
) -> None:
    def operations() -> dict[str, Any]:
        paths: dict[str, Any] = http.get("/openapi.json").json()["paths"]
        return {path: each for path, each in paths.items() if "{" not in path}

    trained = body_mass()
    assert "/models/new/predict" not in operations()
    api.lab().publish("new", trained.estimator, trained.X, trained.y)
    described = operations()
    assert "/models/new/predict" in described
    for name in ("iris", "penguins", "body-mass", "new"):
        operation = described[f"/models/{name}/predict"]
        body = operation["post"]["requestBody"]["content"]["application/json"]
        answered = http.post(f"/models/{name}/predict", json=body["example"])
        assert answered.status_code == 200
        rows = body["schema"]["oneOf"][0]["properties"]["rows"]["items"]
        assert rows["required"] == [p["name"] for p in operation["get"]["parameters"]]
        infer = described[f"/v2/models/{name}/infer"]["post"]["requestBody"]["content"]
        tensors = http.post(f"/v2/models/{name}/infer", json=infer["application/json"]["example"])
        assert tensors.json()["outputs"][0]["data"] == answered.json()["predictions"]
        query = {p["name"]: p["example"] for p in operation["get"]["parameters"]}
        one = http.get(f"/models/{name}/predict", params=query)
        assert one.json()["prediction"] == answered.json()["predictions"][0]
    sex = rows_of(described, "penguins")["sex"]
    assert sex["type"] == ["string", "null"]
    assert rows_of(described, "iris")["petal_width"]["type"] == "number"
    narrow = trained.X[["bill_length_mm"]]
    api.lab().publish("new", LinearRegression().fit(narrow, trained.y), narrow, trained.y)
    assert [*rows_of(operations(), "new")] == ["bill_length_mm"]


def rows_of(described: dict[str, Any], name: str) -> dict[str, Any]:
    body = described[f"/models/{name}/predict"]["post"]["requestBody"]["content"]
    rows = body["application/json"]["schema"]["oneOf"][0]["properties"]["rows"]
    properties: dict[str, Any] = rows["items"]["properties"]
    return properties


def test_a_setting_that_cannot_be_used_stops_the_start_and_is_named(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("setting")
    with pytest.raises(AssertionError) as caught, running_api(folder, LOG_SYNC="sometimes"):
        pass
    assert "LOG_SYNC='sometimes' cannot be used" in str(caught.value)
    assert "Change or unset LOG_SYNC" in str(caught.value)
