"""Requests and responses as bytes on a connection."""

import contextlib
import json
import socket
from http.client import HTTPConnection
from typing import Any

from tests.support.live import LiveApi
from tests.support.models import FLOWER

QUERY = "&".join(f"{name}={value}" for name, value in FLOWER.items())
ROW = json.dumps(FLOWER)
CODES = {
    400: {"malformed", "repeated_header"},
    403: {"foreign_request"},
    408: {"late"},
    413: {"too_large"},
    414: {"too_large"},
    415: {"media_type"},
    422: {"invalid_input"},
    431: {"too_large"},
    503: {"overloaded"},
}


def connect(api: LiveApi) -> socket.socket:
    host, _, port = api.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def answer(connection: socket.socket) -> bytes:
    """Read until the API closes; nothing where it resets."""
    content = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            content += part
    return content


def send(api: LiveApi, data: bytes) -> bytes:
    """Send bytes on a connection of their own; return all that comes back until it is closed."""
    with connect(api) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        return answer(connection)


def post(body: bytes, path: str = "/models/iris/predict", *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def status(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


def words(response: bytes) -> str:
    """Check the one shape of an error; return its sentence."""
    content: dict[str, Any] = json.loads(response.partition(b"\r\n\r\n")[2])
    assert content.keys() == {"error", "code", "details"}
    assert content["code"] in CODES[status(response)]
    return str(content["error"])


def idle_connection(api: LiveApi) -> HTTPConnection:
    """Return a connection on which one request was answered."""
    connection = HTTPConnection(api.url.removeprefix("http://"), timeout=30)
    connection.request("GET", "/health/live")
    assert json.loads(connection.getresponse().read())["status"] == "live"
    return connection
