"""Requests: what the routes of both protocols read in the same way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Scope

from service.api.edge.admission import LARGE, Admission
from service.api.edge.responses import Schema
from service.contract.errors import InputError
from service.contract.model.aliases import LAST_NUMBER
from service.contract.text import show

VERSION_SCHEMA: Schema = {"type": "integer", "minimum": 1, "maximum": LAST_NUMBER}


@asynccontextmanager
async def body_of(request: Request, admission: Admission) -> AsyncIterator[bytes]:
    """Read a request's body, as far as it may be, and hold it until it is answered.

    Raises
    ------
    TooLargeError
        It has more than `MAX_BODY_BYTES`; the rest of it is not kept.
    OverloadedError
        Too many large ones are held already.
    """
    announced = request.headers.get("content-length", "0")
    parts, size, held = [], 0, 0
    try:
        admission.check_size(int(announced) if announced.isdigit() else 0)
        async for part in request.stream():
            size += len(part)
            admission.check_size(size)
            if size > LARGE:
                admission.hold(size - held)
                held = size
            parts.append(part)
        yield b"".join(parts)
    finally:
        admission.release(held)


def query_of(scope: Scope) -> list[tuple[str, str]]:
    """Read the query's pairs of name and value."""
    query = scope["query_string"].decode("latin-1")
    parts = query.split("&")
    if "%" in query or "+" in query or "" in parts:
        return parse_qsl(query, keep_blank_values=True)
    # The same, a third of the work where nothing is encoded.
    return [(name, value) for name, _, value in (part.partition("=") for part in parts)]


def client_of(request: Request) -> str:
    """Return what the client calls itself, for the log."""
    return request.headers.get("user-agent", "")


def version_of(text: str | None) -> int | None:
    """Read a version from a URL; None asks for the live one.

    Raises
    ------
    InputError
        It is no number.

    Examples
    --------
    >>> version_of("3"), version_of(None)
    (3, None)
    """
    return number_of("Parameter version", text, "an integer")


def number_of(what: str, text: str | None, kind: str) -> int | None:
    """Read a whole number from a URL or a header; None where there is none.

    Raises
    ------
    InputError
        It is no number; the text says what it is, and that a number of this kind is expected.

    Examples
    --------
    >>> number_of("Parameter version", "latest", "an integer")
    Traceback (most recent call last):
        ...
    service.contract.errors.InputError: Parameter version is 'latest', but an integer is expected.
    """
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InputError(f"{what} is {show(text)}, but {kind} is expected.")
    return int(text)
