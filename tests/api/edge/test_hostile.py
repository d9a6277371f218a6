"""A request that is wrong in itself is refused in words, and nobody else notices."""

import contextlib
import json
import socket

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from tests.api.edge.raw import (
    QUERY,
    ROW,
    answer,
    connect,
    get,
    idle_connection,
    post,
    send,
    status,
    words,
)
from tests.support.live import LiveApi
from tests.support.models import FLOWER

pytestmark = pytest.mark.usefixtures("idle")


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
def test_malformed_requests_are_refused_in_words(
    api: LiveApi, data: bytes, expected: int, word: str
) -> None:
    response = send(api, data)
    assert status(response) == expected, response
    assert word in words(response)


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
def test_silent_connections_are_closed_silently(api: LiveApi, sent: bytes) -> None:
    assert send(api, sent) == b""


def test_idle_connections_outlive_late_requests(api: LiveApi) -> None:
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
def test_deciding_headers_must_not_repeat(api: LiveApi, path: str) -> None:
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
def test_a_half_closed_connection_is_answered(api: LiveApi, path: str) -> None:
    with connect(api) as connection:
        connection.sendall(get(f"{path}?{QUERY}").replace(b"Connection: close\r\n", b""))
        connection.shutdown(socket.SHUT_WR)
        assert status(answer(connection)) == 200


def test_garbage_after_a_request_spares_it(api: LiveApi) -> None:
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
def test_a_404_keeps_the_connection_open(api: LiveApi, method: str, path: str) -> None:
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


def test_clients_that_leave_midway_cause_nothing(api: LiveApi) -> None:
    before = api.output.read_text()
    for part in (1, 60, 150):
        with connect(api) as connection:
            connection.sendall(post(f'{{"rows": [{ROW}]}}'.encode())[:part])
    with api.http() as http:
        assert http.get("/predict", params=FLOWER).status_code == 200
    assert "Traceback" not in api.output.read_text()[len(before) :]


def test_slow_readers_hold_up_nobody(api: LiveApi) -> None:
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
def test_odd_accept_headers_are_no_failure(api: LiveApi, path: str) -> None:
    for accept in ("text/plain;version=x.y", "application/openmetrics-text;version=1.0.0a1", "é"):
        assert status(send(api, get(path, f"Accept: {accept}"))) == 200


def test_huge_integer_categories_are_refused(api: LiveApi) -> None:
    X = pd.DataFrame({"c": pd.Categorical([1, 2] * 10), "x": [0.5, 1.5] * 10})
    forest = make_pipeline(OneHotEncoder(handle_unknown="ignore"), DecisionTreeClassifier())
    api.lab().publish("integers", forest.fit(X, [0, 1] * 10), X, [0, 1] * 10)
    body = b'{"rows": [{"c": %s, "x": 1}]}' % (b"9" * 400)
    response = send(api, post(body, "/models/integers/predict"))
    assert status(response) == 422
    assert "64 bits" in words(response)


def test_errors_of_wide_models_stay_short(api: LiveApi) -> None:
    X = pd.DataFrame(np.eye(20, 300), columns=[f"measure_number_{n}" for n in range(300)])
    api.lab().publish("wide", LinearRegression().fit(X, range(20)), X, range(20))
    row = json.dumps({f"measure_numbre_{n}": 1 for n in range(30)}).encode()
    response = send(api, post(b'{"rows": [%s]}' % row, "/models/wide/predict"))
    assert status(response) == 422
    assert "and 250 more" in words(response)
    assert len(response) < 10_000
