"""The verbs of `Lab` about the log."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from service.api.log.ids import prediction_ids
from service.contract.errors import InputError
from tests.support.live import LiveApi, running_api
from tests.support.log_lines import segments
from tests.support.models import FLOWER, iris, penguins, publish_iris


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    folder = tmp_path_factory.mktemp("feedback")
    publish_iris(folder / "models")
    with running_api(folder, LABLOOP_IMAGE="labloop-api:9.9") as api:
        yield api


def test_from_request_to_row_and_truth(api: LiveApi) -> None:
    lab = api.lab()
    answers = lab.predict("iris", FLOWER)
    lab.feedback(answers["prediction_id"], [0])
    row = lab.predictions("iris", last=1).iloc[0]
    count = lab.sql("SELECT count(*) AS n FROM predictions JOIN feedback USING (prediction_id)")
    assert row["sepal_length"] == 5.1
    assert row["prediction"] == row["truth"] == 0
    assert row["version"] == 1
    assert row["image"] == "labloop-api:9.9"
    assert row["proba_0"] == iris().estimator.predict_proba(pd.DataFrame([FLOWER]))[0, 0]
    assert row["latency"] > 0
    assert count["n"][0] == 1


def test_truth_comes_back_beside_its_prediction(api: LiveApi) -> None:
    lab = api.lab()
    answers = lab.predict("iris", iris().X)
    assert lab.feedback(answers["prediction_id"], iris().y) == 150
    table = lab.predictions("iris").set_index("prediction_id").loc[answers["prediction_id"]]
    assert table["truth"].tolist() == iris().y.tolist()
    assert "accuracy 1" in lab.quality("iris").notes[0]


def test_the_last_feedback_counts(api: LiveApi) -> None:
    lab = api.lab()
    table = pd.concat([iris().X] * 20, ignore_index=True)
    answers = lab.predict("iris", table)
    first, *_ = ids = answers["prediction_id"].tolist()
    assert lab.feedback(ids, np.ones(3000, dtype=int)) == 3000
    assert lab.feedback(first, 2) == 1
    truth = lab.predictions("iris", last=3000).set_index("prediction_id")["truth"]
    assert truth[first] == 2
    assert set(truth.drop(first)) == {1}


def test_an_unknown_id_is_unmatched(api: LiveApi) -> None:
    lab = api.lab()
    lab.feedback(prediction_ids(1)[0], 1)
    assert lab.predictions("iris").attrs["unmatched_feedback"] == 1


GOOD = prediction_ids(1)[0]
BAD: list[tuple[Any, str]] = [
    ({"items": []}, "`items` must be a list"),
    ({"items": {"id": GOOD, "truth": 1}}, "`items` must be a list"),
    ({"rows": []}, "The body must be"),
    ([], "The body must be"),
    ({"items": [{"id": GOOD}]}, "Item 0 is {'id'"),
    ({"items": [7]}, "Item 0 is 7"),
    ({"items": [{"id": GOOD, "truth": 1}, {"id": "abc", "truth": 1}]}, "Item 1 has the id 'abc'"),
    ({"items": [{"id": 7, "truth": 1}]}, "Item 0 has the id 7"),
    ({"items": [{"id": GOOD.replace("-7", "-4"), "truth": 1}]}, "Item 0 has the id"),
    ({"items": [{"id": GOOD, "truth": None}]}, "Item 0 has the truth None"),
    ({"items": [{"id": GOOD, "truth": [1]}]}, "Item 0 has the truth [1]"),
    ({"items": [{"id": GOOD, "truth": {}}]}, "Item 0 has the truth {}"),
    ({"items": [{"id": GOOD, "truth": {"a": [1]}}]}, "Item 0 has the truth {'a': [1]}"),
    ({"items": [{"id": "x", "truth": 1}] * 5}, "And 2 more."),
]


@pytest.mark.parametrize("body, words", BAD)
def test_unusable_feedback_is_refused_whole(api: LiveApi, body: Any, words: str) -> None:
    before = len(api.lab().sql("SELECT * FROM feedback"))
    with api.http() as http:
        response = http.post("/feedback", json=body)
    assert response.status_code == 422
    assert words in response.json()["error"]
    assert len(api.lab().sql("SELECT * FROM feedback")) == before


@pytest.mark.parametrize("text", ["NaN", "1e999", '"\\ud800"'])
def test_truths_outside_json_are_refused(api: LiveApi, text: str) -> None:
    with api.http() as http:
        content = f'{{"items": [{{"id": "{GOOD}", "truth": {text}}}]}}'
        response = http.post("/feedback", content=content)
    assert response.status_code == 422
    assert "Item 0 has the truth" in response.json()["error"]


def test_too_many_items_are_refused(api: LiveApi) -> None:
    items = [{"id": GOOD, "truth": 1}] * 20_001
    with api.http() as http:
        assert http.post("/feedback", json={"items": items}).status_code == 413


def test_what_lab_cannot_send_is_named(api: LiveApi) -> None:
    lab = api.lab()
    with pytest.raises(InputError, match="There are 2 ids, but 1 truths"):
        lab.feedback([GOOD, GOOD], [1])
    with pytest.raises(InputError, match="Item 0 has the truth None"):
        lab.feedback([GOOD], [np.nan])
    with pytest.raises(InputError, match="`items` must be a list"):
        lab.feedback([], [])


# The verbs that look at the log.


def test_drift_quality_and_replay(api: LiveApi) -> None:
    lab = api.lab()
    began, shifted = pd.Timestamp.now("UTC"), iris().X + 3
    lab.feedback(lab.predict("iris", shifted)["prediction_id"], iris().y)
    drift = lab.drift("iris", since=began)
    assert drift.table.loc["petal_width", "verdict"] == "shifted"
    assert lab.quality("iris", since=began, every="1h").total["accuracy"] < 1
    replay = lab.replay("iris", 1, last=100)
    assert len(replay.compared) == 100
    assert replay.table.empty
    with pytest.raises(Exception, match="has no version 9"):
        lab.replay("iris", 9)


# Versions of other types.


def test_old_versions_replay_their_rows(api: LiveApi) -> None:
    lab, y = api.lab(), (iris().y > 0).astype(int)
    X = iris().X[["petal_length"]].assign(b=np.arange(150) % 3 + 2)
    line = LogisticRegression(max_iter=1000)
    encode = make_column_transformer((OneHotEncoder(), ["b"]), remainder="passthrough")
    text = X.assign(b=X["b"].map("k{}".format))
    lab.publish("types", clone(line).fit(X, y), X, y)
    lab.predict("types", X.head(40))
    lab.publish("types", make_pipeline(encode, line).fit(text, y), text, y)
    lab.predict("types", text.head(3))
    switch = X.assign(b=X["b"] > 3)
    lab.publish("types", clone(line).fit(switch, y), switch, y)
    lab.predict("types", switch.head(5))
    for version, rows in ((1, 40), (2, 3), (3, 5)):
        replay = lab.replay("types", version)
        assert len(replay.compared) == rows
        assert replay.notes[0] == "All agree."
        assert replay.notes[1].startswith(f"Left out: {48 - rows} rows. 'b' is ")


def test_new_classes_leave_old_numbers(api: LiveApi) -> None:
    lab, X, y = api.lab(), iris().X, iris().y
    lab.publish("classes", LogisticRegression(C=0.001).fit(X, y), X, y)
    lab.feedback(lab.predict("classes", X)["prediction_id"], y)
    was = lab.quality("classes").total["accuracy"]
    assert 0.3 < was < 1
    names = y.map({0: "a", 1: "b", 2: "c"})
    lab.publish("classes", LogisticRegression(max_iter=1000).fit(X, names), X, names)
    assert lab.quality("classes").total["accuracy"] == was
    lab.publish("classes", LogisticRegression(max_iter=1000).fit(X, y > 0), X, y > 0)
    assert lab.quality("classes").total["accuracy"] == was
    lab.delete("classes", 1)
    assert lab.quality("classes").total["accuracy"] == was


# Private features.


def test_a_private_feature_is_never_written(api: LiveApi) -> None:
    lab = api.lab()
    with api.http() as http:
        trained = penguins()
        lab.publish("penguins", trained.estimator, trained.X, trained.y, private=["sex"])
        rows = trained.X.head(20).assign(sex="hidden-value", body_mass_g=99_999.0)
        lab.predict("penguins", rows)
        table = lab.predictions("penguins")
        manifest = http.get("/models/penguins").json()["live"]["signature"]
    assert "sex" not in table and len(table) == 20
    assert table["marks"].tolist() == [["out_of_range:body_mass_g"]] * 20
    assert [f["name"] for f in manifest["features"] if f["private"]] == ["sex"]
    text = "".join(segment.read_text() for segment in segments(api.logs))
    assert "hidden-value" not in text and '"sex"' not in text
