"""Other servers, side by side with an API that logs."""

from collections.abc import Iterator

from benchmarks.bench import QUERY, Bench
from benchmarks.load import Measured
from benchmarks.peers import plain, servers
from benchmarks.peers.others import ASKED


def lines(bench: Bench) -> Iterator[str]:
    """Measure those that have an environment; without any, the page stays as it is."""
    if not servers.found():
        return
    yield "| server | requests/s | p50, ms | p99, ms |\n|---|---|---|---|"
    bench.publish("iris", plain.forest())
    with bench.api() as api:
        yield _line("Labloop, log on", bench.load(f"{api.url}/predict?{QUERY}"))
    for name in servers.found():
        with servers.other(name, ASKED[name][1]) as url:
            yield _line(f"{name} {servers.version(name)}", bench.load(url, ASKED[name][1]))


def _line(name: str, measured: Measured) -> str:
    return f"| {name} | {measured.rate:.0f} | {measured.p50:.1f} | {measured.p99:.1f} |"
