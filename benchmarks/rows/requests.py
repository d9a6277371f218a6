"""One row a request: against a constant answer, plain applications and another server."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.bench import FLOWER, QUERY, Bench, middle
from benchmarks.peers import plain
from benchmarks.peers.others import ASKED
from benchmarks.peers.servers import application, missing, other
from benchmarks.row import Row

PENGUIN = {"island": "Torgersen", "sex": None, **dict.fromkeys(plain.MEASURES, 180.0)}
QUESTION = {"question": "My card has still not arrived. What can I do?"}
TENSOR = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [*FLOWER.values()]}


@dataclass(frozen=True)
class Side:
    """Where something is asked, and with what."""

    url: str
    body: Any = None


def rows(bench: Bench) -> Iterator[Row]:
    """Measure requests with one row."""
    bench.publish("iris", plain.forest())
    bench.publish("slow", plain.neighbours())
    bench.publish("penguins", plain.penguins())
    bench.publish("questions", plain.questions())
    bench.publish("boosting", plain.boosting())
    with bench.api() as api:
        models = f"{api.url}/models"
        get = Side(f"{api.url}/predict?{QUERY}")
        post = Side(f"{models}/iris/predict", {"rows": [FLOWER]})
        infer = Side(f"{api.url}/v2/models/iris/infer", {"inputs": [TENSOR]})
        with application("constant") as url:
            constant = Side(f"{url}/predict")
            text = "iris by {}, against a constant answer"
            yield against(bench, text.format("GET"), 0.85, 1, get, constant)
            yield against(bench, text.format("POST, one row"), 0.7, 0.9, post, constant)
            yield against(bench, text.format("V2 infer, one row"), 0.7, 0.9, infer, constant)
        yield against_mosec(bench, get)
        with application("exercise") as url:
            exercise = Side(f"{url}/predict?{QUERY}")
            yield against(
                bench, "iris by GET, against the exercise's application", 65, 80, get, exercise
            )
            yield one_connection(bench, get, exercise)
        for work, must, aim, model, peer, row in (
            ("penguins, one row by POST, against FastAPI", 50, 60, "penguins", "mixed", PENGUIN),
            ("free text, one row by POST, against FastAPI", 5, 10, "questions", "text", QUESTION),
            (
                "XGBoost on penguins, by POST, against FastAPI",
                20,
                40,
                "boosting",
                "boosted",
                PENGUIN,
            ),
        ):
            ours = Side(f"{models}/{model}/predict", {"rows": [row]})
            with application(peer) as url:
                yield against(bench, work, must, aim, ours, Side(f"{url}/predict", row))
        slow = Side(f"{models}/slow/predict?{QUERY}")
        with application("slow") as url:
            work = "no fast path, against the same unbatched"
            yield against(bench, work, 4, 8, slow, Side(f"{url}/predict?{QUERY}"))


def against(bench: Bench, work: str, must: float, aim: float, ours: Side, theirs: Side) -> Row:
    """Compare requests in a second."""
    mine, other = map(
        middle,
        bench.in_turns(
            lambda: bench.load(ours.url, ours.body), lambda: bench.load(theirs.url, theirs.body)
        ),
    )
    figures = f"{mine:.0f} and {other:.0f} requests/s"
    return Row(work, must, aim, mine / other, figures, least=True)


def against_mosec(bench: Bench, ours: Side) -> Row:
    """Compare with the strongest of the other servers."""
    work, body = "iris by GET, against mosec", ASKED["mosec"][1]
    if missing("mosec"):
        return Row(work, 4, 5, None, missing("mosec"), least=True)
    with other("mosec", body) as url:
        return against(bench, work, 4, 5, ours, Side(url, body))


def one_connection(bench: Bench, ours: Side, theirs: Side) -> Row:
    """Compare how long one client waits."""
    mine, other = (
        middle(side, "p50")
        for side in bench.in_turns(
            lambda: bench.load(ours.url, connections=1),
            lambda: bench.load(theirs.url, connections=1),
        )
    )
    work = "p50 at one connection, against the exercise's application"
    return Row(work, 0.07, 0.05, mine / other, f"{mine:.2f} and {other:.2f} ms")
