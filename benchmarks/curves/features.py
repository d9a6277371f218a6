"""Features: from a narrow table to a wide one."""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.curve import Curve, Panel
from benchmarks.peers import plain
from benchmarks.peers.servers import application, found, other

FEATURES = (1, 10, 100, 1000)


def curves(bench: Bench) -> Iterator[Curve]:
    """Measure one row by POST, of a forest on so many numbers."""
    rate, wait = Panel("requests a second"), Panel("p50 (ms)")
    for features in FEATURES:
        bench.publish(f"wide-{features}", plain.wide(features))
    with bench.api() as api:
        for features in FEATURES:
            row = plain.wide(features)[1].iloc[0]
            named, body = {"rows": [row.to_dict()]}, {"rows": [row.tolist()]}
            setting = {"FEATURES": str(features)}
            with ExitStack() as stack:
                peer = stack.enter_context(application("table", **setting))
                asked = {
                    "Labloop": (f"{api.url}/models/wide-{features}/predict", named),
                    "plain FastAPI": (f"{peer}/predict", body),
                }
                if "mosec" in found():
                    url = stack.enter_context(other("mosec", body, **setting))
                    asked["mosec"] = (url, body)
                for side, (url, content) in asked.items():
                    measured = bench.load(url, content)
                    rate.add(side, features, measured.rate)
                    wait.add(side, features, measured.p50)
    title = "Requests a second, and how long they wait, by the number of features."
    yield Curve("features", title, "features", [rate, wait])
