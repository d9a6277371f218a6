"""What a supervised API does, seen from outside."""

import socket

import httpx

from tests.support.live import (
    LiveApi,
    children,
)
from tests.support.models import FLOWER


def tree(api: LiveApi) -> list[int]:
    """List all processes of an API."""
    found = [api.process.pid]
    for pid in found:
        found += children(pid)
    return found


def answers(api: LiveApi, seconds: float = 5) -> bool:
    try:
        with api.http() as http:
            return http.get("/predict", params=FLOWER, timeout=seconds).is_success
    except httpx.TransportError:
        return False


def serving(api: LiveApi) -> int:
    """Count the workers that serve a live iris."""
    try:
        with api.http() as http:
            told = http.get("/models/iris", timeout=5).json()["workers"]
    except httpx.TransportError:
        return 0
    return sum(worker["version"] is not None for worker in told)


def is_free(url: str) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", int(url.rpartition(":")[2])))
            attempt.listen()
        except OSError:
            return False
    return True
