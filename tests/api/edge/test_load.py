"""Many connections and requests at once, idle connections, and the end."""

import contextlib
import json
import os
import signal
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import httpx

from tests.api.edge.raw import QUERY, answer, connect, get, post, send, status, words
from tests.support.live import LiveApi, resident, wait_until
from tests.support.models import FLOWER, iris
from tests.support.soak import times

# Many at once.


def test_300_half_open_connections_are_closed(api: LiveApi) -> None:
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


def test_old_connections_make_room(small: LiveApi) -> None:
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


def test_slow_readers_make_room_too(small: LiveApi) -> None:
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


def test_overload_is_refused_and_passes(
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


def test_a_lab_waits_during_overload(api: LiveApi) -> None:
    X = iris().X.sample(2000, replace=True, random_state=0)
    with ThreadPoolExecutor(30) as pool:
        answered = list(pool.map(lambda _: api.lab().predict("slow", X), range(30)))
    assert {len(table) for table in answered} == {2000}


def test_refused_requests_leave_no_memory(api: LiveApi) -> None:
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


def test_idle_connections_are_closed_in_time(idle: HTTPConnection) -> None:
    assert answer(idle.sock) == b""


def test_sigterm_drains_before_it_stops(
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
        told = http.get("/health/ready")
        assert "stopping" in told.json()["error"]
        assert told.headers["Connection"] == "close"  # the next one goes to another replica
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
