"""Parts: everything that is measured, in the order of the page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.curve import Curve
from benchmarks.curves import connections, features, log_size, models, table_rows
from benchmarks.peers import table as peers
from benchmarks.row import HEAD, Row
from benchmarks.rows import (
    container,
    idle,
    large_model,
    log,
    many_models,
    memory,
    requests,
    score,
    search,
    start,
    swaps,
    tables,
    workers,
)


@dataclass(frozen=True)
class Part:
    """A section of the page, which can be measured alone."""

    name: str
    lines: Callable[[Bench], Iterator[str | Curve]]


def table(rows: Callable[[Bench], Iterator[Row]]) -> Callable[[Bench], Iterator[str | Curve]]:
    """Return the lines of a table."""

    def lines(bench: Bench) -> Iterator[str | Curve]:
        yield HEAD
        yield from map(str, rows(bench))

    return lines


PARTS = [
    Part("requests", table(requests.rows)),
    Part("workers", table(workers.rows)),
    Part("tables", table(tables.rows)),
    Part("swaps", table(swaps.rows)),
    Part("start", table(start.rows)),
    Part("memory", table(memory.rows)),
    Part("idle", table(idle.rows)),
    Part("many_models", table(many_models.rows)),
    Part("large_model", table(large_model.rows)),
    Part("log", table(log.rows)),
    Part("search", table(search.rows)),
    Part("score", table(score.rows)),
    Part("container", table(container.rows)),
    Part("connections", connections.curves),
    Part("features", features.curves),
    Part("table_rows", table_rows.curves),
    Part("models", models.curves),
    Part("log_size", log_size.lines),
    Part("others", peers.lines),
]
