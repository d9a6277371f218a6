"""A connection whose requests to predict are answered directly."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.api.direct.requests import HOST, QUERY, request
from tests.api.edge.raw import answer, connect, send
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, iris

MOST = 3  # pending requests
ROWS = json.dumps({"rows": [FLOWER]}).encode()
PLAIN = f"GET /predict?{QUERY} HTTP/1.1\r\n{HOST}\r\n\r\n".encode()
OTHER = f"GET /health/live HTTP/1.1\r\n{HOST}\r\n\r\n".encode()
LAST = request("POST", "/models/iris/predict", ROWS)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("connection"), MAX_WAITING=str(MOST)) as api:
        flowers = iris()
        api.lab().publish("iris", flowers.estimator, flowers.X, flowers.y)
        yield api


def bodies(answers: bytes) -> list[str]:
    """Say of each of several answers, in their order, which it is."""
    heads = [part.partition(b"\r\n\r\n")[2] for part in answers.split(b"HTTP/1.1 200 OK")[1:]]
    return [next(iter(json.loads(body))) for body in heads]


def test_pipelined_requests_keep_their_order(api: LiveApi) -> None:
    answers = send(api, PLAIN + OTHER + PLAIN * 3 + OTHER + LAST)
    first, live, last = "prediction", "status", "model"
    assert bodies(answers) == [first, live, first, first, first, live, last]


def test_a_body_may_come_in_pieces(api: LiveApi) -> None:
    with connect(api) as connection:
        connection.sendall(PLAIN)
        for byte in LAST:
            connection.sendall(bytes([byte]))
        assert bodies(answer(connection)) == ["prediction", "model"]


def test_half_bodies_hold_no_place(api: LiveApi) -> None:
    with ExitStack() as stack:
        for _ in range(2 * MOST):
            stack.enter_context(connect(api)).sendall(LAST[:-5])
        with api.http() as http:
            assert http.get(f"/predict?{QUERY}").json() == {"prediction": 0}


def test_who_leaves_early_is_logged(api: LiveApi) -> None:
    def predicted() -> float:
        with api.http() as http:
            text = http.get("/metrics").text
        line = next(each for each in text.splitlines() if each.startswith("labloop_predictions_to"))
        return float(line.split()[-1])

    before = predicted()
    with connect(api) as connection:
        connection.sendall(PLAIN)
    wait_until(lambda: predicted() == before + 1, "the prediction")


def test_what_is_too_much_is_refused(api: LiveApi) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(api)) for _ in range(40)]
        for each in connections:
            each.sendall(LAST)
        statuses = {answer(each).split(b" ", 2)[1] for each in connections}
    assert statuses <= {b"200", b"503"}
    with api.http() as http:  # each place was given back
        assert http.get(f"/predict?{QUERY}").json() == {"prediction": 0}
