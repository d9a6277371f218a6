"""What is answered directly is what the application alone answers: uvicorn, started by hand."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sklearn.ensemble import BaggingClassifier
from sklearn.neighbors import KNeighborsClassifier

from service.contract.log.segment import all_segments
from tests.api.direct.requests import every_request
from tests.api.edge.raw import send
from tests.support.live import LiveApi, running_api
from tests.support.models import iris, penguins

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
COUNTED = ("labloop_http_requests_total", "labloop_predictions_total", "labloop_log_lines_total")
OF_ITSELF = ("/metrics", "/log", "/health/live", "/models", "/models/{name}")  # its own process


@dataclass
class Side:
    """One of the two: what it answered, by the request's name, and what came of it."""

    answers: dict[str, bytes]
    lines: list[dict[str, Any]]
    counts: dict[str, float]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """Have both answer everything, one after the other."""
    folder = tmp_path_factory.mktemp("direct")
    order = {"PYTHONHASHSEED": "0"}  # of the methods that a route allows
    with running_api(folder, **order) as direct:
        lab = direct.lab()
        flowers, birds = iris(), penguins()
        slow = BaggingClassifier(KNeighborsClassifier(), random_state=0)
        lab.publish("iris", flowers.estimator, flowers.X, flowers.y)
        lab.publish("birds", birds.estimator, birds.X, birds.y)
        lab.publish("slow", slow.fit(flowers.X, flowers.y), flowers.X, flowers.y)
        with direct.http() as http:
            requests = every_request(http.get("/openapi.json").json()["paths"])
        shared = {"MODELS_DIR": str(direct.models), "LOGS_DIR": str(folder / "other-logs")}
        with running_api(folder / "other", program="uvicorn", **order, **shared) as alone:
            alone.logs = folder / "other-logs"
            before = [counts(api) for api in (direct, alone)]
            answers = [
                {name: send(api, content) for name, content in requests.items()}
                for api in (direct, alone)
            ]
            after = [counts(api) for api in (direct, alone)]
            one, other = (
                Side(
                    answered,
                    lines(api),
                    {k: n - then.get(k, 0) for k, n in now.items() if n > then.get(k, 0)},
                )
                for api, answered, then, now in zip(
                    (direct, alone), answers, before, after, strict=True
                )
            )
            yield one, other


def counts(api: LiveApi) -> dict[str, float]:
    with api.http() as http:
        found = [line.rpartition(" ") for line in http.get("/metrics").text.splitlines()]
    return {name: float(value) for name, _, value in found if name.startswith(COUNTED)}


def lines(api: LiveApi) -> list[dict[str, Any]]:
    content = b"".join(file.read_bytes() for file in all_segments(api.logs / "predictions"))
    found = [json.loads(line) for line in content.splitlines()]
    own = ("time", "latency_ms", "sequence", "crc", "ids", "about", "told")
    return [{k: v for k, v in line.items() if k not in own} for line in found if "note" not in line]


def test_answers_are_the_same(sides: tuple[Side, Side]) -> None:
    one, other = (side.answers for side in sides)
    assert len(one) > 120
    differing = {
        name: (one[name], other[name])
        for name in one
        if not name.endswith(OF_ITSELF) and told(one[name]) != told(other[name])
    }
    assert differing == {}


def told(answer: bytes) -> str:
    """Return an answer, without what is new each time."""
    return ID.sub("<id>", re.sub("date: .*", "", answer.decode("latin-1")))


def test_log_lines_are_the_same(sides: tuple[Side, Side]) -> None:
    one, other = (side.lines for side in sides)
    assert len(one) > 40
    assert one == other


def test_counts_are_the_same(sides: tuple[Side, Side]) -> None:
    one, other = (side.counts for side in sides)
    assert one['labloop_http_requests_total{method="GET",route="/predict",status="200"}'] > 5
    assert one == other


def test_most_of_them_are_answered(sides: tuple[Side, Side]) -> None:
    statuses = [answer.split(b" ", 2)[1] for answer in sides[0].answers.values()]
    assert statuses.count(b"200") > 50
    assert {b"403", b"404", b"405", b"415", b"422"} <= {*statuses}
