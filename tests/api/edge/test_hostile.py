"""What is sent by those who do not mean well: refused in words, and nobody else notices."""

import contextlib
import json
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from tests.support.live import LiveApi, resident, running_api, wait_until
from tests.support.models import FLOWER, iris, penguins
from tests.support.soak import times

QUERY = "&".join(f"{name}={value}" for name, value in FLOWER.items())
ROW = json.dumps(FLOWER)
REQUEST_SECONDS = 1
CODES = {
    400: {"malformed", "repeated_header"},
    403: {"foreign_request"},
    408: {"late"},
    413: {"too_large"},
    414: {"too_large"},
    415: {"media_type"},
    422: {"invalid_input"},
    431: {"too_large"},
    503: {"overloaded"},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Return an API that does not wait long, and a model that takes its time."""
    short = {"REQUEST_SECONDS": str(REQUEST_SECONDS), "MAX_WAITING": "20"}
    with running_api(tmp_path_factory.mktemp("hostile"), **short) as api:
        lab = api.lab()
        flowers, birds = iris(), penguins()
        lab.publish("iris", flowers.estimator, flowers.X, flowers.y)
        lab.publish("penguins", birds.estimator, birds.X, birds.y)
        slow = BaggingClassifier(KNeighborsClassifier(), 50, random_state=0)
        lab.publish("slow", slow.fit(flowers.X, flowers.y), flowers.X, flowers.y)
        yield api


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, api: LiveApi) -> Iterator[LiveApi]:
    """Return an API with few connections, which is stopped in the end."""
    more = {"MODELS_DIR": str(api.models), "MAX_CONNECTIONS": "10", "DRAIN_SECONDS": "2"}
    with running_api(tmp_path_factory.mktemp("small"), REQUEST_SECONDS="60", **more) as small:
        yield small


@pytest.fixture(scope="module", autouse=True)
def idle(api: LiveApi) -> Iterator[HTTPConnection]:
    """Keep a connection idle from the first test on; the API closes it after 15 s."""
    with contextlib.closing(idle_connection(api)) as connection:
        yield connection


def idle_connection(api: LiveApi) -> HTTPConnection:
    """Return a connection on which one request was answered."""
    connection = HTTPConnection(api.url.removeprefix("http://"), timeout=30)
    connection.request("GET", "/health/live")
    assert json.loads(connection.getresponse().read())["status"] == "live"
    return connection


def connect(api: LiveApi) -> socket.socket:
    host, _, port = api.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def answer(connection: socket.socket) -> bytes:
    """Read until the API closes; nothing where it resets."""
    content = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            content += part
    return content


def send(api: LiveApi, data: bytes) -> bytes:
    """Send bytes on a connection of their own; return all that comes back until it is closed."""
    with connect(api) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        return answer(connection)


def post(body: bytes, path: str = "/models/iris/predict", *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def status(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


def words(response: bytes) -> str:
    """Check the one shape of an error; return its sentence."""
    content: dict[str, Any] = json.loads(response.partition(b"\r\n\r\n")[2])
    assert content.keys() == {"error", "code", "details"}
    assert content["code"] in CODES[status(response)]
    return str(content["error"])


# One request that is wrong in itself.

HEAD = (
    b"POST /models/iris/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "data, expected, word",
    [
        (b"HELLO\r\n\r\n", 400, "HTTP/1.1"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "HTTP/1.1"),
        (b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", 400, "HTTP/1.1"),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 403, "ALLOWED_HOSTS"),
        (get("/predict?" + "x" * 70_000), 414, "64000"),
        (b"GET /" + b"x" * 400_000, 431, "32000"),
        (get("/predict?" + QUERY, "X: " + "x" * 40_000), 431, "32000"),
        (get("/", *["X: y"] * 20_000), 431, "32000"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 400_000, 431, "32000"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, "HTTP/1.1"),
        (HEAD + b"Content-Length: 9\r\nContent-Length: 8\r\n\r\n{}", 400, "HTTP/1.1"),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400, "HTTP/1.1"),
        (CHUNKED + b"x\r\n{}\r\n0\r\n\r\n", 400, "HTTP/1.1"),
        (CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", 422, "rows"),
        (HEAD + b"Content-Length: 100\r\n\r\n{", 408, "1 s"),
        (CHUNKED + b"64\r\n{", 408, "1 s"),
        (b"GET /predict", 408, "1 s"),
        (CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 1_000_000, 431, "32000"),
        (CHUNKED + b"2\r\n{}\r\n0\r\nX: " + b"y" * 5_000_000, 431, "32000"),
        (
            HEAD + b"Content-Length: 99999999999\r\nConnection: close\r\n\r\n{",
            413,
            "MAX_BODY_BYTES",
        ),
        (b"GET /predict HTTP/1.1\r\nHost: localhost\r\n", 408, "1 s"),
    ],
)
def test_what_is_not_a_request_is_refused_in_words(
    api: LiveApi, data: bytes, expected: int, word: str
) -> None:
    response = send(api, data)
    assert status(response) == expected, response
    assert word in words(response)


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
def test_who_sends_nothing_is_closed_without_a_word(api: LiveApi, sent: bytes) -> None:
    assert send(api, sent) == b""


def test_an_idle_connection_outlives_a_late_request(api: LiveApi) -> None:
    with contextlib.closing(idle_connection(api)) as connection:
        own = connection.sock
        assert status(send(api, b"GET /predict")) == 408
        connection.request("GET", "/health/live")
        assert connection.getresponse().status == 200
        assert connection.sock is own


def test_a_trailer_is_no_header(api: LiveApi) -> None:
    trailer = CHUNKED.replace(b"localhost", b"evil.example") + b"0\r\nHost: localhost\r\n\r\n"
    assert status(send(api, trailer)) == 403


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/health/live", f"/predict?{QUERY}", "/v2", "/v2/models/iris/infer"]
)
def test_a_header_that_decides_is_there_once(api: LiveApi, path: str) -> None:
    before = len(api.lab().predictions("iris"))
    for name in ("Host", "hOsT", "Origin", "Content-Type", "Authorization", "Sec-Fetch-Site"):
        other = "evil.example" if name == "Host" else "localhost"
        twice = [f"{name.upper()}: {other}"] * (1 if name.lower() == "host" else 2)
        for request in (get(path, *twice), post(ROW.encode(), path, f"{name}: localhost", *twice)):
            response = send(api, request)
            assert status(response) == 400, response
            assert f"The header {name.title()} is there".encode() in response
    assert len(api.lab().predictions("iris")) == before


@pytest.mark.parametrize("path", ["/predict", "/models/slow/predict"])
def test_who_has_said_all_is_still_answered(api: LiveApi, path: str) -> None:
    with connect(api) as connection:
        connection.sendall(get(f"{path}?{QUERY}").replace(b"Connection: close\r\n", b""))
        connection.shutdown(socket.SHUT_WR)
        assert status(answer(connection)) == 200


def test_what_is_wrong_behind_a_good_request_costs_it_nothing(api: LiveApi) -> None:
    good = get(f"/models/slow/predict?{QUERY}").replace(b"Connection: close\r\n", b"")
    response = send(api, good + b"GARBAGE\r\n\r\n")
    assert status(response) == 200
    assert response.endswith(b'{"prediction":0}')


def test_an_upgrade_is_not_taken_up(api: LiveApi) -> None:
    websocket = ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="]
    request = get(f"/predict?{QUERY}", *websocket).replace(
        b"Connection: close", b"Connection: Upgrade, close"
    )
    assert status(send(api, request)) == 200


@pytest.mark.parametrize(
    "body",
    [
        rb'{"rows": [{"\ud800": "\udfff"}]}',
        b'{"rows": [{"sepal_length": ' + b"9" * 5000 + b"}]}",
        b'{"rows": [{"sepal_length": 1e999999999}]}',
        b'{"rows": [' + b'{"":' * 3000,
        b'"' + rb"\"" * 1_000_000,
        b"[" * 1_000_000,
        b'{"rows": [' + b"{}," * 19_999 + b"{}]}",
        b'{"columns": {' + b",".join(b'"%d": []' % n for n in range(100_000)) + b"}}",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b"null",
    ],
)
@pytest.mark.parametrize("path", ["/models/iris/predict", "/models/penguins/predict", "/feedback"])
def test_bodies_of_all_kinds_are_4xx(api: LiveApi, path: str, body: bytes) -> None:
    response = send(api, post(body, path))
    assert 400 <= status(response) < 500, response
    assert words(response)


@pytest.mark.parametrize("path", ["/nowhere", "/v2/nowhere", "/page/nowhere"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS", "HEAD"])
def test_a_page_that_is_not_there_leaves_the_connection_open(
    api: LiveApi, method: str, path: str
) -> None:
    with connect(api) as connection, connection.makefile("rb") as answers:
        for _ in range(2):
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            connection.sendall(head.encode())
            assert int(answers.readline().split()[1]) in (404, 405)
            length = 0
            while (line := answers.readline()) != b"\r\n":
                name, _, value = line.decode().partition(":")
                length = int(value) if name == "content-length" else length
            answers.read(0 if method == "HEAD" else length)


def test_a_client_that_leaves_midway_leaves_nothing_behind(api: LiveApi) -> None:
    before = api.output.read_text()
    for part in (1, 60, 150):
        with connect(api) as connection:
            connection.sendall(post(f'{{"rows": [{ROW}]}}'.encode())[:part])
    with api.http() as http:
        assert http.get("/predict", params=FLOWER).status_code == 200
    assert "Traceback" not in api.output.read_text()[len(before) :]


def test_a_client_that_does_not_read_is_no_burden_to_others(api: LiveApi) -> None:
    columns = {name: [value] * 20_000 for name, value in FLOWER.items()}
    body = json.dumps({"columns": columns}).encode()
    with contextlib.ExitStack() as stack, api.http() as http:
        for _ in range(5):
            deaf = stack.enter_context(connect(api))
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1000)
            deaf.sendall(post(body))
        for _ in range(20):
            assert http.get("/predict", params=FLOWER).json() == {"prediction": 0}


@pytest.mark.parametrize("path", ["/metrics", "/models", "/openapi.json", "/"])
def test_a_strange_wish_for_a_format_is_no_failure(api: LiveApi, path: str) -> None:
    for accept in ("text/plain;version=x.y", "application/openmetrics-text;version=1.0.0a1", "é"):
        assert status(send(api, get(path, f"Accept: {accept}"))) == 200


def test_an_integer_of_any_size_as_a_category_is_refused(api: LiveApi) -> None:
    X = pd.DataFrame({"c": pd.Categorical([1, 2] * 10), "x": [0.5, 1.5] * 10})
    forest = make_pipeline(OneHotEncoder(handle_unknown="ignore"), DecisionTreeClassifier())
    api.lab().publish("integers", forest.fit(X, [0, 1] * 10), X, [0, 1] * 10)
    body = b'{"rows": [{"c": %s, "x": 1}]}' % (b"9" * 400)
    response = send(api, post(body, "/models/integers/predict"))
    assert status(response) == 422
    assert "64 bits" in words(response)


def test_unknown_names_for_a_wide_model_are_refused_in_short(api: LiveApi) -> None:
    X = pd.DataFrame(np.eye(20, 300), columns=[f"measure_number_{n}" for n in range(300)])
    api.lab().publish("wide", LinearRegression().fit(X, range(20)), X, range(20))
    row = json.dumps({f"measure_numbre_{n}": 1 for n in range(30)}).encode()
    response = send(api, post(b'{"rows": [%s]}' % row, "/models/wide/predict"))
    assert status(response) == 422
    assert "and 250 more" in words(response)
    assert len(response) < 10_000


# Many at once.


def test_300_half_open_connections_hurt_nobody_and_are_closed(api: LiveApi) -> None:
    halves = [b"", b"GET /pre", get(f"/predict?{QUERY}")[:-2], post(b"{" * 9000)[:-4000]]
    with contextlib.ExitStack() as stack, api.http() as http:
        opened = [stack.enter_context(connect(api)) for _ in range(300)]
        for number, connection in enumerate(opened):
            connection.sendall(halves[number % 4])
        statuses: Counter[int] = Counter()

        def closed(connection: socket.socket) -> bool:
            statuses[http.get("/predict", params=FLOWER).status_code] += 1
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while connection.recv(65536):
                    pass
                return True
            return False

        # The API gives them 1 s here, and 10 s by default.
        wait_until(lambda: all(map(closed, opened)), "all of them to be closed", 15)
        assert statuses.keys() == {200}
        assert statuses.total() >= 300


def test_connections_beyond_the_limit_make_room_for_new_ones(small: LiveApi) -> None:
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(connect(small)) for _ in range(30)]
        for connection in opened:
            connection.sendall(b"GET /predict")
        for _ in range(20):
            with small.http() as http:
                assert http.get("/predict", params=FLOWER).status_code == 200
        first = answer(opened[0])
        assert status(first) == 503
        assert "MAX_CONNECTIONS" in words(first)


def test_who_does_not_read_makes_room_too(small: LiveApi) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            deaf = stack.enter_context(connect(small))
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                deaf.send(get("/models/iris").replace(b"Connection: close\r\n", b"") * 3000)
        for _ in range(20):
            with small.http() as http:
                assert http.get("/predict", params=FLOWER).status_code == 200


def test_overload_is_refused_at_once_what_is_taken_in_is_answered_and_it_passes(
    api: LiveApi,
) -> None:
    columns = {name: [value] * 2000 for name, value in FLOWER.items()}
    body = json.dumps({"columns": columns}).encode()
    before = len(api.lab().predictions("slow"))

    def ask(_: int) -> bytes:
        return send(api, post(body, "/models/slow/predict"))

    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(ask, range(120)))
    statuses = Counter(map(status, answers))
    assert statuses.keys() == {200, 503}, statuses
    refused = [each for each in answers if status(each) == 503]
    assert all(b"retry-after: 1\r\n" in each for each in refused)
    assert all("MAX_WAITING" in words(each) for each in refused)
    assert len(api.lab().predictions("slow")) == before + 2000 * statuses[200]
    with api.http() as http:
        wait_until(lambda: http.post("/models/slow/predict", content=body).is_success, "calm", 5)


def test_a_lab_waits_where_the_api_has_too_much_to_do(api: LiveApi) -> None:
    X = iris().X.sample(2000, replace=True, random_state=0)
    with ThreadPoolExecutor(30) as pool:
        answered = list(pool.map(lambda _: api.lab().predict("slow", X), range(30)))
    assert {len(table) for table in answered} == {2000}


def test_memory_does_not_grow_with_what_is_refused(api: LiveApi) -> None:
    hostile = [
        post(b'{"rows": [' + b"[]," * 300_000 + b"[]]}"),
        post(b'{"rows": [{"' + b"x" * 900_000 + b'": 1}]}'),
        get("/predict?" + "x" * 60_000),
        get("/" + "x" * 5000),
        post(b"{}", "/v2/models/iris/infer"),
    ]

    def refuse(times: int) -> float:
        for _ in range(times):
            for data in hostile:
                assert 400 <= status(send(api, data)) < 500
        return resident(api.worker)

    settled = refuse(4)
    assert refuse(times(200, 10)) < settled + 20  # MB; ten times are 20 MB


# The end.


def test_an_idle_connection_is_closed_in_the_end(idle: HTTPConnection) -> None:
    assert answer(idle.sock) == b""


def test_sigterm_first_makes_it_not_ready_then_everything_is_answered_and_logged(
    small: LiveApi,
) -> None:
    asked: list[str] = []
    running = threading.Event()

    def ask() -> None:
        while True:
            try:
                with small.http() as http:
                    answered = http.get("/predict", params=FLOWER)
            except httpx.TransportError:
                return
            assert answered.status_code == 200
            asked.append(answered.headers["X-Prediction-Id"])
            running.set()

    with ThreadPoolExecutor(3) as pool, small.http() as http, connect(small) as half:
        clients = [pool.submit(ask) for _ in range(3)]
        running.wait(30)
        half.sendall(b"GET /predict")
        assert http.get("/health/ready").status_code == 200
        os.kill(small.process.pid, signal.SIGTERM)
        wait_until(lambda: http.get("/health/ready").status_code == 503, "not ready", 2)
        assert "stopping" in http.get("/health/ready").json()["error"]
        count = len(asked)
        wait_until(lambda: len(asked) > count + 3, "answers while it is not ready", 2)
        small.process.wait(20)
        for client in clients:
            client.result()
    assert small.process.returncode == 0
    sealed = [*(small.logs / "predictions").iterdir()]
    assert [file for file in sealed if file.name.endswith((".open.jsonl", ".torn"))] == []
    text = "".join(file.read_text() for file in sealed)
    assert all(text.count(each) == 1 for each in asked)
