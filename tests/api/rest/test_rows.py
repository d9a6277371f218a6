"""Rows that do not fit, unseen categories, and the types of values."""

import json
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from tests.api.rest.refusal import refused
from tests.support.live import LiveApi
from tests.support.models import BIRD, FLOWER, iris, penguins

FLOWER_TEXT = json.dumps(FLOWER)

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
        ({"petal_width": "1e300"}, ["cannot predict", "too large for dtype('float32')"]),
    ],
)
def test_a_bad_query_names_its_feature(
    http: httpx.Client, change: dict[str, Any], words: list[str]
) -> None:
    params = {k: v for k, v in {**FLOWER, **change}.items() if v is not None}
    refused(http.get("/predict", params=params), 422, *words)


def test_a_tolerated_missing_value_is_marked(api: LiveApi, http: httpx.Client) -> None:
    answers = [
        http.get("/predict", params=FLOWER | {"petal_width": ""}),
        http.post("/models/iris/predict", json={"rows": [FLOWER | {"petal_width": None}]}),
    ]
    X = pd.DataFrame([FLOWER]).assign(petal_width=np.nan)
    expected = iris().estimator.predict(X)[0]
    for answer in answers:
        assert answer.status_code == 200
        given = answer.json()
        assert given.get("prediction", given.get("predictions")) in (expected, [expected])
    log = api.lab().predictions("iris", last=2)
    assert [list(marks) for marks in log["marks"]] == [["missing:petal_width"]] * 2


def test_a_missing_value_that_is_refused(http: httpx.Client) -> None:
    words = "'petal_width'", "row 0", "never missing in training, and the model refuses it"
    refused(http.get("/models/line/predict", params=FLOWER | {"petal_width": ""}), 422, *words)
    body = {"rows": [FLOWER | {"petal_width": None}]}
    refused(http.post("/models/line/predict", json=body), 422, *words)


def test_a_repeated_query_feature_is_refused(http: httpx.Client) -> None:
    pairs: Any = [*FLOWER.items(), ("petal_width", 1)]
    refused(http.get("/predict", params=pairs), 422, "'petal_width' is given twice")


@pytest.mark.parametrize(
    "value, words",
    [
        ("NaN", ["not a finite number", "null"]),
        ("Infinity", ["not a finite number"]),
        ("-Infinity", ["not a finite number"]),
        ("1e999", ["not a finite number"]),
        ('"five"', ["'five'", "a number is expected"]),
        ("true", ["True", "a number is expected"]),
        ("[1]", ["[1]", "a number is expected"]),
        ("1" + "0" * 400, ["not a finite number"]),
        (r'"\ud800"', ["a number is expected"]),
    ],
)
def test_a_bad_row_names_its_feature(http: httpx.Client, value: str, words: list[str]) -> None:
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
        (b'{"rows": ' + b"[" * 31 + b"]" * 31 + b"}", ["Row 0 has length 1, but the model has 4"]),
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
def test_a_bad_body_says_why(http: httpx.Client, body: bytes, words: list[str]) -> None:
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


def test_an_unseen_category_is_marked(api: LiveApi, http: httpx.Client) -> None:
    bird = {**BIRD, "island": "Hispaniola", "body_mass_g": 9000.0}
    answer = http.post("/models/penguins/predict", json={"rows": [BIRD, bird]}).json()
    log = api.lab().predictions("penguins").set_index("prediction_id")
    assert log.loc[answer["ids"][0], "marks"] == []
    assert log.loc[answer["ids"][1], "marks"] == ["unseen:island", "out_of_range:body_mass_g"]
    expected = penguins().estimator.predict(pd.DataFrame([bird]))
    assert answer["predictions"][1] == expected[0]


def test_an_unseen_category_may_be_refused(http: httpx.Client) -> None:
    bird = {**BIRD, "island": "Hispaniola"}
    response = http.post("/models/strict-penguins/predict", json={"rows": [bird]})
    refused(response, 422, "Hispaniola")


def test_a_lone_surrogate_is_refused(http: httpx.Client) -> None:
    body = json.dumps({"rows": [{**BIRD, "island": "\ud800"}]})
    response = http.post("/models/penguins/predict", content=body)
    refused(response, 422, "'island' in row 0", "not valid Unicode")


@pytest.mark.parametrize("labels", [[0, 1], [7, -3], [False, True], ["no", "yes"]])
def test_values_keep_their_types(api: LiveApi, labels: list[Any]) -> None:
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


def test_many_unknown_names_are_refused(http: httpx.Client) -> None:
    names: Any = [(f"feature_{number}", 1) for number in range(2000)]
    response = http.get("/predict", params=[*names, names[-1]])
    refused(response, 422, "'feature_1999' is given twice")
    content = refused(http.get("/predict", params=names), 422, "'feature_0' is not known")
    assert len(content["details"]) == 20
