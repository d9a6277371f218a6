"""No page on the web can use the API; with a token, nobody without it can."""

import base64
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.contract.errors import TokenError
from tests.support.live import LiveApi, running_api
from tests.support.models import FLOWER, publish_iris

TOKEN = "föhn & rain"
HEALTH = ["/health/live", "/health/ready"]
GET = [
    "/",
    "/docs",
    "/openapi.json",
    "/metrics",
    "/models",
    "/models/iris",
    "/predict",
    "/models/iris/predict",
    "/v2/models/iris",
    "/nowhere",
    *HEALTH,
]
POST = ["/models/iris/predict", "/feedback", "/v2/models/iris/infer", "/nowhere"]
ROUTES = [("GET", path) for path in GET] + [("POST", path) for path in POST]

FOREIGN_HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.",
    "[::2]",
    "",
    "a@127.0.0.1",
    "api",
]
FOREIGN_PAGES = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
]


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as http:
        yield http


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Return an API as it is by default."""
    folder = tmp_path_factory.mktemp("access")
    publish_iris(folder / "models")
    with running_api(folder) as api:
        yield api


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Return an API with a token, another name, and a friend."""
    folder = tmp_path_factory.mktemp("guarded")
    publish_iris(folder / "models")
    more = {"ALLOWED_HOSTS": "127.0.0.1,lab.example", "ALLOWED_ORIGINS": "https://friend.example"}
    more |= {"API_URL": "http://api:8000"}  # as among the containers
    with running_api(folder, API_TOKEN=TOKEN, **more) as api:
        yield api


def ask(http: httpx.Client, api: LiveApi, method: str, path: str, **headers: Any) -> httpx.Response:
    """Send a request with these headers; a POST is a good one to predict."""
    body: Any = {"json": {"rows": [FLOWER]}} if method == "POST" else {"params": FLOWER}
    return http.request(method, api.url + path, headers=headers, **body)


def lines(api: LiveApi) -> int:
    segments = (api.logs / "predictions").glob("*.jsonl")
    return sum(segment.read_text().count('"model"') for segment in segments)


@pytest.mark.parametrize("method, path", ROUTES)
def test_foreign_hosts_and_origins_are_refused(
    http: httpx.Client, api: LiveApi, method: str, path: str
) -> None:
    before = lines(api)
    for host in FOREIGN_HOSTS if path not in HEALTH else []:  # a kubelet asks an address
        refused = ask(http, api, method, path, Host=host)
        assert refused.status_code in (400, 403), (host, refused.text)
        assert "ALLOWED_HOSTS" in refused.json()["error"]
    for page in FOREIGN_PAGES:
        refused = ask(http, api, method, path, **page)
        assert refused.status_code == 403, (page, refused.text)
        assert not any(name.startswith("access-control") for name in refused.headers)
    assert lines(api) == before


def test_own_names_and_pages_are_answered(http: httpx.Client, api: LiveApi) -> None:
    port = api.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
        own = {"Host": f"{host}:{port}"}
        for page in ({}, {"Origin": f"http://{host}:{port}", "Sec-Fetch-Site": "same-origin"}):
            for method, path in product(("GET", "POST"), ["/models/iris/predict"]):
                answered = ask(http, api, method, path, **own, **page)
                assert answered.status_code == 200, answered.text
    typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
    assert ask(http, api, "GET", "/predict", **typed).status_code == 200


@pytest.mark.parametrize("path, status", [("/", 200), ("/docs", 200), ("/predict", 403)])
def test_cross_site_links_open_pages_only(
    http: httpx.Client, api: LiveApi, path: str, status: int
) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answered = http.get(api.url + path, params=FLOWER, headers=link, follow_redirects=True)
    assert answered.status_code == status
    framed = link | {"Sec-Fetch-Dest": "iframe"}
    assert http.get(api.url + path, params=FLOWER, headers=framed).status_code == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", None]
)
@pytest.mark.parametrize("path", POST)
def test_other_content_types_are_415(
    http: httpx.Client, api: LiveApi, path: str, kind: str | None
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    if path.startswith("/v2") and not kind:
        return  # what tritonclient sends; see below
    refused = http.post(api.url + path, content=b"{}", headers=headers)
    assert refused.status_code == 415
    assert "Content-Type: application/json" in refused.json()["error"]


@pytest.mark.parametrize("kind", ["application/octet-stream", "", None])
def test_v2_takes_bodies_without_content_type(
    http: httpx.Client, api: LiveApi, kind: str | None
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    url = f"{api.url}/v2/models/iris/infer"
    assert http.post(url, content=b"{}", headers=headers).status_code == 400
    for page in FOREIGN_PAGES:
        assert http.post(url, content=b"{}", headers=headers | page).status_code == 403


def test_a_compressed_body_is_415(http: httpx.Client, api: LiveApi) -> None:
    for path in POST:
        refused = ask(http, api, "POST", path, **{"Content-Encoding": "gzip"})
        assert refused.status_code == 415
        assert "'gzip'" in refused.json()["error"]


def test_json_may_name_its_encoding(http: httpx.Client, api: LiveApi) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert ask(http, api, "POST", "/models/iris/predict", **headers).status_code == 200


# With a token.


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


@pytest.mark.parametrize("method, path", ROUTES)
def test_health_alone_needs_no_token(
    http: httpx.Client, guarded: LiveApi, method: str, path: str
) -> None:
    wrong = [
        "",
        "Bearer",
        "Bearer x",
        f"Token {TOKEN}",
        basic("x"),
        "Basic !",
        "Basic é",
    ]
    for given in (None, *wrong):
        headers = {} if given is None else {"Authorization": given.encode()}
        answered = ask(http, guarded, method, path, **headers)
        if path in HEALTH:
            assert answered.status_code == 200
            continue
        assert answered.status_code == 401, given
        assert "API_TOKEN" in answered.json()["error"]
        assert answered.headers["WWW-Authenticate"].startswith("Basic ")


def test_the_token_opens_everything(http: httpx.Client, guarded: LiveApi) -> None:
    for given in (f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(TOKEN)):
        headers = {"Authorization": given.encode()}
        answered = ask(http, guarded, "GET", "/predict", **headers)
        assert answered.json() == {"prediction": 0}
    for host in ("lab.example", "api:8000"):
        answered = ask(http, guarded, "GET", "/predict", Host=host, **headers)
        assert answered.status_code == 200
    assert ask(http, guarded, "GET", "/predict", Host="localhost", **headers).status_code == 403


@pytest.mark.parametrize("path", [*HEALTH, "/health/live/", "/v2/health/live"])
def test_health_is_told_to_any_host(http: httpx.Client, guarded: LiveApi, path: str) -> None:
    for host in ("10.1.2.3:8000", *FOREIGN_HOSTS[:-1]):
        assert ask(http, guarded, "GET", path, Host=host).status_code in (200, 307)
        page = {"Host": host, "Origin": "http://other.example"}
        assert ask(http, guarded, "GET", path, **page).status_code == 403


def test_metrics_at_addresses_need_the_token(http: httpx.Client, guarded: LiveApi) -> None:
    pod = {"Host": "10.1.2.3:8000"}
    token = {"Authorization": f"Bearer {TOKEN}".encode()}
    assert ask(http, guarded, "GET", "/metrics", **pod, **token).status_code == 200
    assert ask(http, guarded, "GET", "/models", **pod, **token).status_code == 403
    assert ask(http, guarded, "GET", "/metrics", **pod).status_code == 403
    wrong = {"Authorization": "Bearer x"}
    assert ask(http, guarded, "GET", "/metrics", **pod, **wrong).status_code == 403


@pytest.mark.parametrize("networks, told", [("10.0.0.0/8,127.0.0.0/8", 200), ("10.0.0.0/8", 403)])
def test_metrics_are_told_to_networks(
    http: httpx.Client, tmp_path: Path, networks: str, told: int
) -> None:
    pod = {"Host": "10.1.2.3:8000"}
    with running_api(tmp_path, API_TOKEN=TOKEN, METRICS_FROM=networks) as api:
        assert ask(http, api, "GET", "/metrics", **pod).status_code == told
        assert ask(http, api, "GET", "/models", **pod).status_code == 403
        assert ask(http, api, "GET", "/models").status_code == 401
        behind = pod | {"X-Forwarded-For": "somebody"}
        assert ask(http, api, "GET", "/metrics", **behind).status_code == 403
        page = {"Origin": "http://evil.example"}
        assert ask(http, api, "GET", "/metrics", **pod, **page).status_code == 403


def test_a_lab_sends_its_token(http: httpx.Client, guarded: LiveApi) -> None:
    assert guarded.lab(api_token=TOKEN).predict("iris", FLOWER)["prediction"].tolist() == [0]
    with pytest.raises(TokenError, match="API_TOKEN"):
        guarded.lab().predict("iris", FLOWER)


def test_an_allowed_origin_needs_the_token(http: httpx.Client, guarded: LiveApi) -> None:
    friend = {"Origin": "https://friend.example", "Sec-Fetch-Site": "cross-site"}
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}
    allowed = ask(http, guarded, "OPTIONS", "/models/iris/predict", **friend, **asks)
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://friend.example"
    token = {"Authorization": basic(TOKEN)}
    answered = ask(http, guarded, "POST", "/models/iris/predict", **friend, **token)
    assert answered.status_code == 200
    assert answered.headers["Access-Control-Allow-Origin"] == "https://friend.example"
    stranger = {"Origin": "https://evil.example"}
    refused = ask(http, guarded, "POST", "/models/iris/predict", **stranger, **token)
    assert refused.status_code == 403
