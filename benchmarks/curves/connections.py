"""Connections: from one client to many."""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.bench import QUERY, Bench
from benchmarks.curve import Curve, Panel
from benchmarks.peers import plain
from benchmarks.peers.others import ASKED
from benchmarks.peers.servers import application, found, other

CONNECTIONS = (1, 4, 16, 64, 256)


def curves(bench: Bench) -> Iterator[Curve]:
    """Measure one row of iris by GET."""
    rate, wait = Panel("requests a second"), Panel("p99 (ms)")
    bench.publish("iris", plain.forest())
    with ExitStack() as stack:
        ours = stack.enter_context(bench.api()).url
        exercise, constant = (
            stack.enter_context(application(name)) for name in ("exercise", "constant")
        )
        asked = {
            "Labloop": (f"{ours}/predict?{QUERY}", None),
            "constant answer": (f"{constant}/predict", None),
            "plain FastAPI": (f"{exercise}/predict?{QUERY}", None),
        }
        if "mosec" in found():
            body = ASKED["mosec"][1]
            asked["mosec"] = (stack.enter_context(other("mosec", body)), body)
        for connections in CONNECTIONS:
            for side, (url, body) in asked.items():
                measured = bench.load(url, body, connections)
                rate.add(side, connections, measured.rate)
                wait.add(side, connections, measured.p99)
    title = "Requests a second, and how long they wait, by the number of connections."
    yield Curve("connections", title, "connections", [rate, wait])
