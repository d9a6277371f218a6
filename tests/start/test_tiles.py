"""JupyterLab's port passes requests on to the API and a cluster's dashboard, and nothing else."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from traitlets.config.loader import PyFileConfigLoader

from tests.support.jupyter import running_jupyter
from tests.support.live import CHECKOUT, free_ports

pytestmark = pytest.mark.slow  # a server of Jupyter
TOKEN = "a token&of jupyter"
API_TOKEN = "a-token-of-the-api"


class Echo(BaseHTTPRequestHandler):
    """Stands where the API and the dashboard are, and answers with what arrived."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = f"{self.command} {self.path}\n{self.headers}".encode() + body
        self.send_response(307 if self.path == "/moved" else 200)
        self.send_header("Location", "/docs")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def api() -> Iterator[ThreadingHTTPServer]:
    """Start what echoes."""
    api = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    yield api
    api.shutdown()
    api.server_close()


@pytest.fixture(scope="module")
def jupyter(api: ThreadingHTTPServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start JupyterLab's server in front of it."""
    environment = {
        "API_URL": f"http://127.0.0.1:{api.server_port}",
        "API_TOKEN": API_TOKEN,
        "DASK_SCHEDULER_ADDRESS": "tcp://127.0.0.1:8786",
        "DASHBOARD_PORT": str(api.server_port),
        "JUPYTER_TOKEN": TOKEN,
        "ALLOWED_HOSTS": "Lab.example,192.0.2.7",
    }
    with running_jupyter(tmp_path_factory.mktemp("jupyter"), environment) as jupyter:
        yield jupyter.url


@pytest.fixture
def visitor(jupyter: str) -> Iterator[httpx.Client]:
    """Log in, as the printed URL does: the cookie is there from now on."""
    with httpx.Client(base_url=jupyter, trust_env=False) as visitor:
        visitor.get("/api/status", params={"token": TOKEN})
        assert visitor.cookies
        yield visitor


def test_a_request_arrives_as_sent(visitor: httpx.Client) -> None:
    origin = str(visitor.base_url).rstrip("/")
    headers = {"Origin": origin, "Content-Type": "application/json"}
    said = visitor.post("/labloop-api/a%20b?q=%C3%A9&r=", headers=headers, content=b'{"a": 1}').text
    assert said.startswith("POST /a%20b?q=%C3%A9&r=\n")
    assert said.endswith('{"a": 1}')
    assert f"\nHost: {origin.removeprefix('http://')}\n" in said
    assert f"\nOrigin: {origin}\n" in said
    assert f"\nAuthorization: Bearer {API_TOKEN}\n" in said


def test_the_api_never_sees_jupyters_token(visitor: httpx.Client) -> None:
    entry = httpx.QueryParams({"token": TOKEN})
    headers = {"Referer": f"{visitor.base_url}lab?{entry}", "X-XSRFToken": "secret"}
    said = visitor.get(f"/labloop-api/docs?a=1&{entry}&b=2", headers=headers).text
    assert said.startswith("GET /docs?a=1&b=2\n")
    named = {line.partition(":")[0].lower() for line in said.splitlines()}
    assert not named & {"cookie", "referer", "x-xsrftoken"}

    by_header = visitor.get("/labloop-api/", headers={"Authorization": f"token {TOKEN}"}).text
    assert TOKEN not in by_header


def test_redirects_stay_below_the_prefix(visitor: httpx.Client) -> None:
    assert visitor.get("/labloop-api/moved").headers["Location"] == "/labloop-api/docs"


def test_strangers_reach_nothing(jupyter: str) -> None:
    asked = httpx.get(f"{jupyter}/labloop-api/docs", trust_env=False)
    assert asked.status_code == 302
    assert "/login" in asked.headers["Location"]
    assert httpx.post(f"{jupyter}/labloop-api/x", trust_env=False).status_code in (302, 403)


def test_foreign_pages_cannot_send(visitor: httpx.Client) -> None:
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        assert visitor.post("/labloop-api/x", headers={"Origin": origin}).status_code == 403
    assert visitor.get("/labloop-api/x", headers={"Host": "evil.example"}).status_code == 403


def test_allowed_hosts_are_answered(visitor: httpx.Client) -> None:
    for name in ("lab.example", "192.0.2.7"):
        port = visitor.base_url.port
        own = {"Host": f"{name}:{port}", "Origin": f"http://{name}:{port}"}
        entered = {"Authorization": f"token {TOKEN}"}
        assert visitor.get("/api/contents", headers=own | entered).status_code == 200
        told = visitor.post("/labloop-api/x", headers=own | entered).text
        assert f"\nHost: {name}:{port}\n" in told
    for name in ("192.0.2.8", "lab.example.evil.example", "0.0.0.0"):
        assert visitor.get("/api/contents", headers={"Host": name}).status_code == 403


def test_no_other_port_is_reached(visitor: httpx.Client) -> None:
    (port,) = free_ports(1)
    for path in (
        str(port),
        f"{port}/",
        f"absolute/{port}/x",
        f"localhost:{port}/x",
        f"127.0.0.1:{port}/x",
        f"absolute/127.0.0.1:{port}/x",
    ):
        asked = visitor.get(f"/proxy/{path}")
        assert asked.status_code == 404, path


WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_a_websocket_is_refused(visitor: httpx.Client) -> None:
    assert visitor.get("/labloop-api/x", headers=WEBSOCKET).status_code == 404


def test_the_dashboard_gets_no_secrets(visitor: httpx.Client) -> None:
    entry = httpx.QueryParams({"token": TOKEN})
    headers = {"Referer": f"{visitor.base_url}lab?{entry}", "X-XSRFToken": "secret"}
    said = visitor.get(f"/labloop-cluster/status?a=1&{entry}", headers=headers).text
    assert said.startswith("GET /status?a=1\n")
    named = {line.partition(":")[0].lower() for line in said.splitlines()}
    assert not named & {"cookie", "referer", "x-xsrftoken", "authorization"}
    by_header = visitor.get("/labloop-cluster/", headers={"Authorization": f"token {TOKEN}"}).text
    assert by_header.startswith("GET /\n")
    assert TOKEN not in by_header


def test_the_dashboard_is_for_visitors_alone(jupyter: str, visitor: httpx.Client) -> None:
    path = f"{jupyter}/labloop-cluster/status/ws"
    asked = httpx.get(path, trust_env=False)
    assert asked.status_code == 302
    assert "/login" in asked.headers["Location"]
    assert httpx.get(path, headers=WEBSOCKET, trust_env=False).status_code == 403
    foreign = WEBSOCKET | {"Origin": "http://evil.example"}
    assert visitor.get(path, headers=foreign).status_code == 403
    assert visitor.post(path, headers={"Origin": "http://evil.example"}).status_code == 403


@pytest.mark.parametrize(
    "address, host",
    [
        ("tls://scheduler:8786", "scheduler"),
        ("192.0.2.5:8786", "192.0.2.5"),
        ("tls://127.0.0.2:8786", "127.0.0.1"),  # this machine, by another address
        ("", "127.0.0.1"),
    ],
)
def test_the_dashboard_is_the_schedulers(
    monkeypatch: pytest.MonkeyPatch, address: str, host: str
) -> None:
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
    monkeypatch.setenv("DASHBOARD_PORT", "")
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "")
    loader = PyFileConfigLoader("jupyter_server_config.py", str(CHECKOUT / "start"))
    server = loader.load_config().ServerProxy.servers["labloop-cluster"]
    assert (server.handler.host, server.port) == (host, 8787)


def test_each_page_has_a_tile(visitor: httpx.Client) -> None:
    servers = visitor.get("/server-proxy/servers-info").json()["server_processes"]
    entries = [each["launcher_entry"] for each in servers]
    tiles = {each["title"]: each for each in entries if each["enabled"]}
    paths = {title: tile["path_info"] for title, tile in tiles.items()}
    assert paths == {
        "API": "labloop-api/",
        "API documentation": "labloop-api/docs",
        "Cluster": "labloop-cluster/status",
    }
    for tile in tiles.values():
        assert "<svg" in visitor.get(tile["icon_url"]).text


@pytest.mark.parametrize(
    "url, names",
    [
        ("http://api", {"proxy", "labloop-api", "labloop-docs", "labloop-cluster"}),
        ("https://api.example.org", {"proxy", "labloop-cluster"}),
        ("http://example.org/api", {"proxy", "labloop-cluster"}),
    ],
)
def test_unreachable_apis_have_no_tile(
    monkeypatch: pytest.MonkeyPatch, url: str, names: set[str]
) -> None:
    monkeypatch.setenv("API_URL", url)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "")
    loader = PyFileConfigLoader("jupyter_server_config.py", str(CHECKOUT / "start"))
    assert loader.load_config().ServerProxy.servers.keys() == names


def test_settings_come_from_files_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = {"JUPYTER_TOKEN": "from a file\n", "API_URL": "http://api-replicas:8000\n"}
    for name, text in files.items():
        monkeypatch.delenv(name, raising=False)
        (tmp_path / name).write_text(text)
    (tmp_path / "..data").mkdir()
    monkeypatch.setenv("SETTINGS_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "")
    for name in ("API_PORT", "LAB_PORT"):
        monkeypatch.setenv(name, "tcp://10.96.0.12:8000")
    loader = PyFileConfigLoader("jupyter_server_config.py", str(CHECKOUT / "start"))
    with patch.dict(os.environ):  # all notebooks have it from there, and no other test
        config = loader.load_config()
    assert config.IdentityProvider.token == "from a file"
    assert config.ServerApp.port == 8888
    assert config.ServerProxy.servers["labloop-api"].port == 8000


def test_a_missing_api_is_named(visitor: httpx.Client, api: ThreadingHTTPServer) -> None:
    api.shutdown()
    api.server_close()
    asked = visitor.get("/labloop-api/")
    assert asked.status_code == 502
    assert f"The API at http://127.0.0.1:{api.server_port} does not answer" in asked.text
    asked = visitor.get("/labloop-cluster/status")
    assert asked.status_code == 502
    told = f"The dashboard of a cluster at 127.0.0.1:{api.server_port}, by DASK_SCHEDULER_ADDRESS"
    assert told in asked.text


# The rest of JupyterLab's port.

ASKED = [
    ("GET", "/api/contents"),
    ("GET", "/api/kernels"),
    ("GET", "/api/sessions"),
    ("GET", "/files/README.md"),
    ("GET", "/labloop-api/models"),
    ("GET", "/labloop-cluster/status"),
    ("POST", "/api/kernels"),
    ("POST", "/api/contents"),
    ("PUT", "/api/contents/mine.txt"),
    ("DELETE", "/api/contents/mine.txt"),
    ("POST", "/labloop-api/models/iris/predict"),
]


@pytest.mark.parametrize("method, path", ASKED)
def test_jupyters_own_routes_are_guarded(
    jupyter: str, visitor: httpx.Client, method: str, path: str
) -> None:
    with httpx.Client(base_url=jupyter, trust_env=False) as stranger:
        for given in ({}, {"token": ""}, {"token": "wrong"}):
            assert stranger.request(method, path, params=given).status_code in (302, 403)
        named = {"Authorization": f"token {TOKEN}", "Host": "evil.example"}
        assert stranger.request(method, path, headers=named).status_code == 403
    if method == "GET":
        return  # a page cannot read what another site answers
    for page in ({"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert visitor.request(method, path, headers=page).status_code in (403, 404)
    if path.startswith("/api"):
        assert visitor.request(method, path).status_code == 403  # without the token against XSRF
