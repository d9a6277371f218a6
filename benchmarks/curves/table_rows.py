"""Rows: from one row a request to many."""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.curve import Curve, Panel
from benchmarks.peers import plain
from benchmarks.peers.servers import application, found, other

ROWS = (1, 10, 100, 1000, 10_000)
CONNECTIONS = 4


def curves(bench: Bench) -> Iterator[Curve]:
    """Measure tables of iris by POST, of four clients."""
    rate, wait = Panel("rows a second"), Panel("p50 (ms)")
    bench.publish("iris", plain.forest())
    table = plain.forest()[1].sample(max(ROWS), replace=True, random_state=0)
    with ExitStack() as stack:
        ours = stack.enter_context(bench.api()).url
        peer = stack.enter_context(application("table"))
        urls = {"Labloop": f"{ours}/models/iris/predict", "plain FastAPI": f"{peer}/predict"}
        if "mosec" in found():
            one = {"rows": table[:1].to_numpy().tolist()}
            urls["mosec"] = stack.enter_context(other("mosec", one))
        for rows in ROWS:
            values = {"rows": table[:rows].to_numpy().tolist()}
            for side, url in urls.items():
                body = {"columns": table[:rows].to_dict("list")} if side == "Labloop" else values
                measured = bench.load(url, body, CONNECTIONS)
                rate.add(side, rows, measured.rate * rows)
                wait.add(side, rows, measured.p50)
    title = "Rows a second, and how long requests wait, by the number of rows a request."
    yield Curve("table_rows", title, "rows a request", [rate, wait])
