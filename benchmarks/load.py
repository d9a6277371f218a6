"""Load: many connections ask over and over, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, islice

import numpy as np
import uvloop

from service.lab.client.client import collector_paused
from service.lab.client.load import Answer, ask, requests_of
from tests.support.live import CHECKOUT

WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Load:
    """What is asked, by how many, for how long; with `requests`, no more than so many."""

    urls: list[str]
    body: str | None = None
    connections: int = 16
    seconds: float = 4.0
    requests: int | None = None


@dataclass(frozen=True)
class Measured:
    """Requests answered in a second, latencies in ms, and how many versions answered.

    `failed` counts what had no answer, or another than 200.
    """

    rate: float
    p50: float
    p99: float
    slowest: float
    versions: int
    answered: int
    failed: int


def measure(load: Load) -> Measured:
    """Ask from a process of its own."""
    command, asked = [sys.executable, "-m", "benchmarks.load"], json.dumps(asdict(load))
    done = subprocess.run(
        command, cwd=CHECKOUT, check=True, input=asked, stdout=subprocess.PIPE, text=True
    )
    return Measured(**json.loads(done.stdout))


def summary(answers: list[Answer], began: float, seconds: float | None) -> Measured:
    """Summarise what was answered after the warm-up; without `seconds`, until the last answer."""
    counted = [each for each in answers if each.sent + each.latency >= began]
    good = [each for each in counted if each.status == 200]
    if not good:
        return Measured(0.0, np.nan, np.nan, np.nan, 0, 0, len(counted))
    latencies = np.array([each.latency for each in good]) * 1000
    span = seconds or max(each.sent + each.latency for each in good) - began
    return Measured(
        rate=len(good) / span,
        p50=float(np.median(latencies)),
        p99=float(np.quantile(latencies, 0.99)),
        slowest=float(latencies.max()),
        versions=len({each.version for each in good}),
        answered=len(good),
        failed=len(counted) - len(good),
    )


def run(load: Load) -> Measured:
    """Ask, and measure."""
    bodies = [] if load.body is None else [load.body.encode()]
    written = [request for url in load.urls for request in requests_of(url, bodies)]
    requests: Iterator[bytes] = cycle(written)
    if load.requests is not None:
        requests = islice(requests, load.requests)
        asked = ask(load.urls[0], requests, load.connections, load.seconds)
        return summary(uvloop.run(asked), 0.0, None)
    whole = WARM_UP_SECONDS + load.seconds
    answers = uvloop.run(ask(load.urls[0], requests, load.connections, whole))
    return summary(answers, WARM_UP_SECONDS, load.seconds)


if __name__ == "__main__":
    with collector_paused():  # it would make answers look late
        print(json.dumps(asdict(run(Load(**json.load(sys.stdin))))))
