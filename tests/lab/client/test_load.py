"""Load: what many clients measure of a server."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from service.contract.errors import ApiUnreachableError, LabloopError
from service.lab.client.load import load
from tests.support.live import running_api
from tests.support.models import FLOWER, iris

HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"Content-Length: 2\r\nX-Model-Version: 3\r\n\r\n{}"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
CLOSING = HEAD + b"connection: close\r\ncontent-length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


class Server(ThreadingTCPServer):
    """Answer requests with bytes in turn, the last again and again; with none it hangs up."""

    daemon_threads = True

    def __init__(self, answers: list[bytes], seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.seconds = answers, seconds
        self.asked: list[bytes] = []
        self.connections = 0


class Handler(StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.server.connections += 1
        with suppress(ConnectionResetError):  # time was up
            self.respond()

    def respond(self) -> None:
        while request := self.request_bytes():
            self.server.asked.append(request)
            time.sleep(self.server.seconds)
            answers = self.server.answers
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.wfile.write(answer)
            if not answer or answer == CLOSING:
                return

    def request_bytes(self) -> bytes:
        lines = [self.rfile.readline()]
        while lines[-1] not in (b"\r\n", b""):
            lines.append(self.rfile.readline())
        head = b"".join(lines)
        length = head.partition(b"Content-Length: ")[2].partition(b"\r")[0]
        return head + self.rfile.read(int(length or 0))


@contextmanager
def serving(*answers: bytes, seconds: float = 0.0) -> Iterator[tuple[Server, str]]:
    with Server([*answers], seconds) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server, f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_latencies_are_those_of_the_server() -> None:
    with serving(OK, seconds=0.02) as (server, url):
        table = load(f"{url}/predict?a=1", clients=4, seconds=0.5)
    assert server.connections == 4
    assert (table["latency"] >= 20).all()
    # Each client waits for one answer at a time, so together they wait no longer than they ask.
    assert table["latency"].sum() <= 4 * 500
    assert len(table) <= len(server.asked) <= len(table) + 4
    assert (table["status"] == 200).all()
    assert (table["version"] == 3).all()
    assert (table["sent"] + table["latency"] / 1000).is_monotonic_increasing
    assert server.asked[0].startswith(b"GET /predict?a=1 HTTP/1.1\r\nHost: 127.0.0.1:")


def test_bodies_are_sent_in_turn() -> None:
    bodies = [{"rows": [{"size": 1.5}]}, {"rows": [{"size": None}]}, {"rows": []}]
    with serving(OK) as (server, url):
        load(url, bodies, clients=1, seconds=0.2, headers={b"Authorization": b"Bearer a"})
    sent = [json.loads(each.partition(b"\r\n\r\n")[2]) for each in server.asked]
    assert sent[:4] == [*bodies, bodies[0]]
    for each in server.asked:
        assert each.startswith(b"POST / HTTP/1.1\r\n")
        assert b"\r\nAuthorization: Bearer a\r\n" in each
        assert b"\r\nContent-Type: application/json\r\n" in each


@pytest.mark.parametrize("answer", [OK, CHUNKED, CLOSING])
def test_every_kind_of_answer_ends(answer: bytes) -> None:
    with serving(answer) as (server, url):
        table = load(url, clients=2, seconds=0.3)
    assert len(table) > 2
    assert (table["status"] == 200).all()
    assert (server.connections > 2) == (answer == CLOSING)


def test_refusals_and_broken_answers_count() -> None:
    with serving(BUSY, b"", OK[:30], OK) as (_, url):
        table = load(url, clients=1, seconds=0.5)
    assert table["status"][:2].tolist() == [503, 0]


def test_nothing_there_is_an_error() -> None:
    with serving(OK) as (_, url):
        pass
    with pytest.raises(ApiUnreachableError, match="Nothing answers at http://127"):
        load(url, clients=2, seconds=0.2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"clients": 0}, "clients is 0; pass a whole number from 1"),
        ({"clients": 2.5}, "clients is 2.5"),
        ({"clients": True}, "clients is True"),
        ({"seconds": 0}, "seconds is 0; pass a number above 0"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"url": "localhost:8000/predict"}, "url is 'localhost:8000/predict'; pass one that"),
        ({"url": "http://127.0.0.1/größe"}, "is written in ASCII, without"),
        ({"url": "http://127.0.0.1/predict?a=1 2"}, "without spaces"),
        ({"bodies": {"rows": []}}, "bodies is a dict; pass a list"),
        ({"bodies": "{}"}, "bodies is a str; pass a list"),
    ],
)
def test_what_cannot_be_asked_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(LabloopError, match=said.replace("?", r"\?")):
        load(**{"url": "http://127.0.0.1:9", **given})


def test_the_api_answers_every_request(tmp_path: Path) -> None:
    with running_api(tmp_path) as api:
        published = iris()
        api.lab().publish("iris", published.estimator, published.X, published.y)
        url = f"{api.url}/models/iris/predict"
        table = load(url, [{"rows": [FLOWER]}], clients=8, seconds=0.5)
        nowhere = load(f"{api.url}/nowhere", clients=1, seconds=0.2)
        assert len(api.lab().predictions("iris")) >= len(table)
    assert (table["status"] == 200).all()
    assert (table["version"] == 1).all()
    assert nowhere["status"].unique() == [404]
