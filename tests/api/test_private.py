"""No value of a private feature is seen outside of its request."""

import json
import traceback
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor
from starlette.routing import BaseRoute, Mount

from service.api.page.routes import PAGE_ROUTES
from service.api.rest.predict import PREDICT_ROUTES
from service.api.rest.routes import router
from service.api.v2.routes import V2_ROUTES
from service.contract.errors import LabloopError, RefusedError
from service.contract.json_columns import as_columns
from service.contract.model import checksums
from service.contract.model.manifest import GOLDEN
from service.contract.model.store import ModelStore
from service.contract.signature.output import Output
from service.contract.signature.predictions import predict_columns
from service.contract.signature.signature import Signature
from service.lab.publish.publication import Publication
from tests.api.private_rows import ESTIMATORS, PRIVATE, WRONG, X, Y, boosted, told
from tests.support.browser import new_browser
from tests.support.live import LiveApi, running_api


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("private"), DEFAULT_MODEL="lenient") as api:
        lab = api.lab()
        for name, (estimator, y) in ESTIMATORS.items():
            lab.publish(name, estimator, X, y, private=PRIVATE)
        lab.publish("lenient", *ESTIMATORS["lenient"][:1], X, Y, private=PRIVATE)
        table, booster = boosted()
        lab.publish("boosted", booster, table, Y, private=["person"])
        refuse(api)
        yield api


def refuse(api: LiveApi) -> None:
    """Publish versions whose golden rows are answered otherwise, or do not fit."""
    store = ModelStore(api.models)
    tree = DecisionTreeRegressor(random_state=0)
    estimator = make_pipeline(make_column_transformer(("passthrough", ["salary"])), tree)
    estimator.fit(X, X["salary"])
    for number in range(3):
        publication = Publication("tree", estimator, X, X["salary"], PRIVATE)
        version = publication.write(store, {}, None, {})
        if not number:
            api.lab().promote("tree", version)
            continue
        file = store.folder("tree", version) / GOLDEN
        kept = json.loads(file.read_text())
        if number == 1:
            kept["answers"]["predictions"][0] += 1
        else:
            kept["columns"]["salary"][0] = "Quetzal-z"
        file.write_text(json.dumps(kept))
        checksums.write(file.parent)
        with pytest.raises(RefusedError):
            api.lab().promote("tree", version)


def ask(http: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
    """Ask, and look for secrets in everything that comes back."""
    answer = http.request(method, path, **more)
    head = repr(answer.headers.raw).encode()
    assert told(answer.content + head) == [], (method, path, more, answer.text[:2000])
    return answer


def paths(routes: list[BaseRoute], before: str = "") -> Iterator[str]:
    for route in routes:
        path = before + getattr(route, "path", "")
        if isinstance(route, Mount):
            yield from paths([*route.routes], path)
        else:
            yield path


def test_no_route_tells_training_values(api: LiveApi) -> None:
    with api.http() as http:
        described = http.get("/openapi.json").json()["paths"]
        pages = [f"/page/{f.name}" for f in Path("service/api/page/static").iterdir()]
        known = {*described, *pages, "/openapi.json"}
        known |= {*paths([*PREDICT_ROUTES, *V2_ROUTES, *PAGE_ROUTES, *router.routes])}
        assert len(known) > 60
        places = {
            path.replace("{name}", name).replace("{version}", version).replace("{rest:path}", "x")
            for path, name, version in product(known, [*ESTIMATORS, "tree"], ["1", "2", "3", "9"])
        }
        for place, method in product(places, ("GET", "POST")):
            ask(http, method, place, content=b"" if method == "GET" else b"{}")
        shown = http.get("/models/lenient").json()["live"]
    features = {each["name"]: each for each in shown["signature"]["features"]}
    for name in PRIVATE:
        feature = features[name]
        assert feature["kind"] and feature["type"] and feature["private"]
        assert [feature[key] for key in ("categories", "minimum", "maximum")] == [None] * 3
    assert (features["size"]["minimum"], features["size"]["maximum"]) == (1.0, 2.0)
    assert shown["example"] == {
        "size": shown["example"]["size"], "person": "string", "nick": None, "code": "string",
        "ward": 0, "salary": 0, "bonus": None, "badge": 0, "member": False,
    }  # fmt: skip


def test_the_examples_are_answered(api: LiveApi) -> None:
    with api.http() as http:
        described = ask(http, "GET", "/openapi.json").json()["paths"]
        operation = described["/models/lenient/predict"]
        body = operation["post"]["requestBody"]["content"]["application/json"]
        answered = ask(http, "POST", "/models/lenient/predict", json=body["example"])
        query = {each["name"]: each["example"] for each in operation["get"]["parameters"]}
        one = ask(http, "GET", "/models/lenient/predict", params=query)
        infer = described["/v2/models/lenient/infer"]["post"]["requestBody"]["content"]
        example = infer["application/json"]["example"]
        tensors = ask(http, "POST", "/v2/models/lenient/infer", json=example)
        assert [a.status_code for a in (answered, one, tensors)] == [200] * 3
        assert tensors.json()["outputs"][0]["data"] == answered.json()["predictions"]
        # Where the model itself refuses whatever training has not seen, none is given.
        strict = described["/models/strict/predict"]
        body = strict["post"]["requestBody"]["content"]["application/json"]
        assert "example" not in body
        assert [p["name"] for p in strict["get"]["parameters"] if "example" in p] == ["size"]
        assert "'strict'" not in str(described["/v2/models/strict/infer"].get("example"))


def test_no_error_repeats_private_values(api: LiveApi) -> None:
    (right,) = json.loads(X.head(1).to_json(orient="records"))
    statuses = set()
    with api.http() as http:
        for model in ESTIMATORS:
            path, infer = f"/models/{model}/predict", f"/v2/models/{model}/infer"
            answered = http.post(path, json={"rows": [right]})
            assert answered.status_code == 200, answered.text
            for name, values in WRONG.items():
                for value in values:
                    row = {**right, name: value}
                    columns = {key: [each] for key, each in row.items()}
                    bodies = [
                        {"rows": [row]},
                        {"rows": [right, row, [value]]},
                        {"rows": [[value]]},
                        {"columns": columns},
                        {"columns": {**columns, name: value}},
                        {"columns": {**columns, name: [value, value]}},
                        {"rows": [{**row, f"{name}s": value}]},
                    ]
                    for each in bodies:
                        answer = ask(http, "POST", path, content=json.dumps(each))
                        statuses.add(answer.status_code)
                    ask(http, "GET", path, params={**right, name: repr(value)[:40]})
                    for datatype in ("BYTES", "INT32", "FP32", "BOOL", "INT64"):
                        tensor = {"shape": [1], "datatype": datatype, "data": [value]}
                        whole = {"shape": [1, 9], "datatype": datatype, "data": [*row.values()]}
                        for inputs in (
                            [{"name": name, **tensor}],
                            [tensor],
                            [[value]],
                            [value],
                            [{"name": "all", **whole}],
                            [{"name": key, **tensor} for key in PRIVATE],
                        ):
                            answer = ask(
                                http, "POST", infer, content=json.dumps({"inputs": inputs})
                            )
                            statuses.add(answer.status_code)
            unseen = {**right, "person": "Quetzal-unseen", "code": "Quetzal-unseen"}
            answer = ask(http, "POST", path, json={"rows": [unseen]})
            statuses.add(answer.status_code)
            if model in ("strict", "scaled", "named"):
                assert "Its own message is kept back" in answer.json()["error"]
        row = {**right, "salary": "x"}
        wrong = ask(http, "POST", "/models/lenient/predict", json={"rows": [row]})
    assert statuses <= {200, 400, 413, 422}, statuses
    assert wrong.json()["details"] == [
        {
            "feature": "salary",
            "row": 0,
            "problem": "is of another kind, but a number is expected",
        }
    ]
    assert "Expected: size (number), person (category), nick (category, may be null)" in wrong.text


class Broken:
    """An estimator that tells what it was asked."""

    def predict(self, X: pd.DataFrame) -> Any:
        raise TypeError(f"cannot answer {X['person'].tolist()}")


def test_an_estimator_s_words_are_kept() -> None:
    signature = Signature.from_table(X, Output(task="regression"))
    columns = as_columns(X)
    with pytest.raises(TypeError, match="Zebulon"):
        predict_columns(Broken(), signature, columns)
    with pytest.raises(LabloopError, match=r"The model fails: TypeError\. Its own") as caught:
        predict_columns(Broken(), signature.keep_private(PRIVATE), columns)
    assert told("".join(traceback.format_exception(caught.value)).encode()) == []


def test_refusals_name_the_row_alone(api: LiveApi) -> None:
    with api.http() as http:
        refused = ask(http, "GET", "/models/tree").json()["refused"]
    reasons = [each["reason"] for each in refused]
    assert "Golden row 0 is not predicted as in training." in reasons[0]
    assert "Feature 'salary' in row 0 is of another kind, but a number is expected" in reasons[1]


def test_log_and_output_hold_none(api: LiveApi) -> None:
    lab = api.lab()
    lab.predict("lenient", X)
    with api.http() as http:
        assert "labloop_predictions_total" in ask(http, "GET", "/metrics").text
    files = [file for file in api.logs.rglob("*") if file.is_file()]
    lines = [line for f in files for line in f.read_bytes().splitlines() if b'"tree"' not in line]
    assert any(b'"lenient"' in line for line in lines)
    # The trees answer with a salary: what a model answers is logged, whatever it is made of.
    assert told(b"\n".join(lines)) == []
    assert told(api.output.read_bytes()) == []
    assert {"size"} == {*lab.predictions("lenient").columns} & {*X.columns}
    assert lab.drift("lenient").table.loc["salary", "verdict"] == "private"


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with new_browser() as page:
        yield page


def test_the_page_offers_plain_fields(api: LiveApi, browser: Page) -> None:
    for name in ("lenient", "strict", "tree"):
        browser.goto("about:blank")
        browser.goto(f"{api.url}/#{name}")
        article = browser.get_by_role("article", name=name, exact=True)
        expect(article.get_by_role("button", name="Predict")).to_be_visible()
        for summary in article.locator("summary:visible").all():
            summary.click()
        if name == "lenient":
            article.get_by_label("person", exact=True).fill("somebody")
            expect(article.get_by_label("person", exact=True)).to_have_accessible_description(
                "not logged"
            )
            article.get_by_label("ward", exact=True).fill("7")
            article.get_by_role("button", name="Predict").click()
            expect(article.get_by_text("Predicted by version 2")).to_be_visible()
        assert article.locator("datalist option").count() == 0
        assert told(browser.content().encode()) == []
