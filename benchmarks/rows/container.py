"""The smallest container: a class's load test against half a core and little memory."""

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import QUERY, Bench
from benchmarks.load import Load, Measured, measure
from benchmarks.peers import plain
from benchmarks.peers.containers import Container, container, docker, image
from benchmarks.row import Row
from tests.support.live import CHECKOUT

CPUS, MEGABYTES = 0.5, (256, 384, 512)
REQUESTS, CONNECTIONS, SECONDS = 10_000, 50, 900.0
UVICORN = ["python", "-m", "uvicorn", "benchmarks.peers.plain:exercise", "--factory"]


def rows(bench: Bench) -> Iterator[Row]:
    """Ask Labloop, and the exercise's application in the same limits."""
    tag, requests = f"labloop-bench:{os.getpid()}", bench.some(REQUESTS)
    works = {
        limit: f"{CPUS} CPU, {limit} MB, {requests:,} requests of {CONNECTIONS} clients: how many "
        "failed, and processes killed for memory"
        for limit in MEGABYTES
    }
    if why := image(tag):
        yield from (Row(work, 0, 0, None, why) for work in works.values())
        return
    try:
        bench.publish("iris", plain.forest())
        for limit, work in works.items():
            failed, ours = labloop(bench, tag, limit, requests)
            _, theirs = exercise(tag, limit, requests)
            yield Row(work, 0, 0, failed, f"{ours}; plain FastAPI: {theirs}")
    finally:
        docker("rmi", tag)


def labloop(bench: Bench, tag: str, limit: int, requests: int) -> tuple[int, str]:
    """Return what failed in the API's container, and how fast it was, in words."""
    logs = bench.folder / f"logs-{limit}"
    logs.mkdir()
    mounts = {
        CHECKOUT / "service": "/labloop/service:ro",
        bench.folder / "models": "/labloop/data/models:ro",
        logs: "/labloop/logs",
    }
    command = ["python", "-m", "service.api", "--host=0.0.0.0"]
    environment = {"WATCHFILES_FORCE_POLLING": "true"}  # as in Compose
    return asked(tag, limit, requests, mounts, command, environment, "/health/ready")


def exercise(tag: str, limit: int, requests: int) -> tuple[int, str]:
    """Return the same of the exercise's application."""
    mounts = {
        CHECKOUT / "benchmarks": "/labloop/benchmarks:ro",
        CHECKOUT / "data": "/labloop/data:ro",
    }
    command = [*UVICORN, "--host", "0.0.0.0", "--no-access-log", "--log-level", "warning"]
    return asked(tag, limit, requests, mounts, command, {}, "/openapi.json")


def asked(
    tag: str,
    limit: int,
    requests: int,
    mounts: dict[Path, str],
    command: list[str],
    environment: dict[str, str],
    ready: str,
) -> tuple[int, str]:
    """Run a container, and ask it."""
    name = f"{tag.replace(':', '-')}-{limit}"
    with container(tag, name, CPUS, limit, mounts, command, environment) as running:
        if not running.is_ready(ready):
            how = running.ended() or f"not ready, {running.killed()} processes killed"
            return requests, f"{how} ({running.said_last()})"
        load = Load([f"{running.url}/predict?{QUERY}"], None, CONNECTIONS, SECONDS, requests)
        return outcome(running, measure(load), requests)


def outcome(running: Container, measured: Measured, requests: int) -> tuple[int, str]:
    """Return how many requests failed or were never sent, with what was killed, and the rest."""
    killed, failed = running.killed(), requests - measured.answered
    said = f"{measured.rate:,.0f} requests/s, p99 {measured.p99:.0f} ms"
    if failed or killed:
        said += f", {failed} failed, {killed} processes killed"
    if running.ended():
        said += f", {running.ended()}"
    return failed + killed, said
