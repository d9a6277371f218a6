"""The documentation, and the OpenAPI document behind it."""

import re
from typing import Any

import httpx
from sklearn.linear_model import LinearRegression

from tests.support.live import LiveApi
from tests.support.models import body_mass


def test_the_documentation_needs_no_other_server(http: httpx.Client) -> None:
    page = http.get("/docs").text
    assert "http://" not in page
    assert "https://" not in page
    for link in re.findall(r'(?:src|href|url)(?:=|: )["\']([^"\']+)', page):
        assert not link.startswith("/")  # so that it works under another address, too
        assert http.get(f"/{link}").is_success


def test_openapi_describes_each_published_model(api: LiveApi, http: httpx.Client) -> None:
    def operations() -> dict[str, Any]:
        paths: dict[str, Any] = http.get("/openapi.json").json()["paths"]
        return {path: each for path, each in paths.items() if "{" not in path}

    trained = body_mass()
    assert "/models/published-later/predict" not in operations()
    api.lab().publish("published-later", trained.estimator, trained.X, trained.y)
    described = operations()
    assert "/models/published-later/predict" in described
    for name in ("iris", "penguins", "body-mass", "published-later"):
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
    assert rows_of(described, "line")["petal_width"]["type"] == "number"
    narrow = trained.X[["bill_length_mm"]]
    api.lab().publish(
        "published-later", LinearRegression().fit(narrow, trained.y), narrow, trained.y
    )
    assert [*rows_of(operations(), "published-later")] == ["bill_length_mm"]


def rows_of(described: dict[str, Any], name: str) -> dict[str, Any]:
    body = described[f"/models/{name}/predict"]["post"]["requestBody"]["content"]
    rows = body["application/json"]["schema"]["oneOf"][0]["properties"]["rows"]
    properties: dict[str, Any] = rows["items"]["properties"]
    return properties
