"""The routes of the API, asked over a real socket."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from sklearn.ensemble import BaggingClassifier
from sklearn.neighbors import KNeighborsClassifier

from tests.api.rest.refusal import refused
from tests.support.live import LiveApi, running_api
from tests.support.models import BIRD, FLOWER, body_mass, iris, penguins

# Good requests.


def test_the_reference_request_is_answered_exactly(http: httpx.Client) -> None:
    response = http.get("/predict", params=FLOWER)
    assert response.status_code == 200
    assert response.content == b'{"prediction":0}'
    assert response.headers["X-Model"] == "iris"
    assert response.headers["X-Model-Version"] == "1"
    assert len(response.headers["X-Prediction-Id"]) == 36


def test_an_empty_query_value_is_missing(http: httpx.Client) -> None:
    bird: dict[str, Any] = {**BIRD, "sex": ""}
    response = http.get("/models/penguins/predict", params=bird)
    assert response.json() == {"prediction": "Gentoo"}


@pytest.mark.parametrize("name", ["iris", "penguins"])
def test_rows_and_columns_match_the_estimator(http: httpx.Client, name: str) -> None:
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


def test_a_regressor_has_no_probabilities(http: httpx.Client) -> None:
    trained = body_mass()
    response = http.post("/models/body-mass/predict", json={"rows": trained.X.to_dict("records")})
    answer = response.json()
    assert answer["classes"] is answer["probabilities"] is None
    assert answer["predictions"] == trained.estimator.predict(trained.X).tolist()


def test_the_feature_order_is_free(http: httpx.Client) -> None:
    backwards = dict(reversed(BIRD.items()))
    assert http.post("/models/penguins/predict", json={"rows": [backwards]}).json()[
        "predictions"
    ] == ["Gentoo"]


def test_whole_numbers_are_numbers(http: httpx.Client) -> None:
    flower = {name: round(value) for name, value in FLOWER.items()}
    assert http.post("/models/iris/predict", json={"rows": [flower]}).is_success


# Many at once.


def test_small_requests_pass_large_ones(api: LiveApi) -> None:
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


def test_a_failing_row_fails_alone(api: LiveApi) -> None:
    birds = [BIRD if n % 3 else {**BIRD, "island": "Hispaniola"} for n in range(30)]

    async def ask() -> list[int]:
        async with httpx.AsyncClient(base_url=api.url, trust_env=False) as http:
            path = "/models/strict-penguins/predict"
            asked = [http.post(path, json={"rows": [bird]}) for bird in birds]
            return [response.status_code for response in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [200 if n % 3 else 422 for n in range(30)]


# What is not there.


@pytest.mark.parametrize(
    "path, words",
    [
        ("/models/daisies", ["'daisies'", "iris, line, penguins"]),
        ("/models/daisies/predict", ["'daisies'", "iris, line, penguins"]),
        ("/models/iris/versions/9", ["no version 9", "published: 1"]),
        ("/models/..%2Firis", ["no page"]),
        ("/nowhere", ["'/nowhere'", "/docs"]),
    ],
)
def test_unknown_names_are_404(http: httpx.Client, path: str, words: list[str]) -> None:
    refused(http.get(path), 404, *words)


def test_an_unknown_version_is_404(http: httpx.Client) -> None:
    response = http.post("/models/iris/predict?version=9", json={"rows": [FLOWER]})
    refused(response, 404, "no version 9", "published: 1")


def test_a_version_must_be_a_number(http: httpx.Client) -> None:
    response = http.post("/models/iris/predict?version=latest", json={"rows": [FLOWER]})
    refused(response, 422, "version", "integer")


def test_another_method_is_405(http: httpx.Client) -> None:
    response = http.post("/predict")
    refused(response, 405, "POST", "/predict")
    assert "GET" in response.headers["Allow"]


def test_a_too_large_body_is_413(
    http: httpx.Client,
) -> None:
    content = b'{"rows": [' + b" " * 4_000_000 + b"]}"
    for path in ("/models/iris/predict", "/models/iris/predict?version=latest"):
        refused(http.post(path, content=content), 413, "4000000", "MAX_BODY_BYTES")

    def parts() -> Iterator[bytes]:
        yield from (content[start : start + 100_000] for start in range(0, len(content), 100_000))

    refused(http.post("/models/iris/predict", content=parts()), 413, "4000000")
    many = {"columns": {name: [value] * 20_001 for name, value in FLOWER.items()}}
    refused(http.post("/models/iris/predict", json=many), 413, "20001 rows", "MAX_ROWS")
    assert http.get("/predict", params=FLOWER).json() == {"prediction": 0}


# What is served.


def test_a_model_shows_its_signature(http: httpx.Client) -> None:
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
        "never_missing": False,
        "missing_is_none": False,
        "fractional": False,
        "category_count": 2,
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


def test_a_bad_setting_stops_the_start(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("setting")
    with pytest.raises(AssertionError) as caught, running_api(folder, LOG_SYNC="sometimes"):
        pass
    assert "LOG_SYNC='sometimes' cannot be used" in str(caught.value)
    assert "Change or unset LOG_SYNC" in str(caught.value)
