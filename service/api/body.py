"""Body: a request's JSON, read so that whatever is wrong with it can be named."""

import json
from typing import Any

import orjson
from starlette.requests import Request

from service.contract.errors import InputError, TooLargeError


async def read_body(request: Request, limit: int) -> bytes:
    """Read a request's body, as far as it may be.

    Raises
    ------
    TooLargeError
        It has more bytes than `limit`; the rest of it is not kept.
    """
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLargeError(
                f"The body is larger than {limit} bytes. Send fewer rows at once, "
                "or raise MAX_BODY_BYTES."
            )
        parts.append(part)
    return b"".join(parts)


def read_json(body: bytes) -> Any:
    """Read JSON.

    The strict parser comes first. What it refuses goes to a lenient one, which
    takes NaN, Infinity and huge numbers, so that the signature can name the
    feature and row that hold them.

    Raises
    ------
    InputError
        The body is not JSON; the text says where.

    Examples
    --------
    >>> read_json(b'{"rows": [{"size": 1}]}')
    {'rows': [{'size': 1}]}
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        raise InputError(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"The body cannot be read as JSON: {type(error).__name__}.") from error
