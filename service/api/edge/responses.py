"""Answers: JSON, and the one shape of an error."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from service.contract.errors import AnswerError

V2 = "/v2"  # under it an error is as the Open Inference Protocol has it, without details


class JSON(Response):
    """JSON by orjson, which writes floats exactly, dates by RFC 3339, and arrays."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the content."""
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def is_v2(path: str) -> bool:
    """Whether a path belongs to the Open Inference Protocol.

    Examples
    --------
    >>> is_v2("/v2/models/iris"), is_v2("/v2x")
    (True, False)
    """
    return path == V2 or path.startswith(f"{V2}/")


def error(
    path: str,
    status: int,
    message: str,
    details: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer a request for a path with an error."""
    content: dict[str, Any] = {"error": message}
    if not is_v2(path):
        content["details"] = details or []
    return JSON(content, status_code=status, headers=headers)


def answer_error(path: str, problem: AnswerError) -> Response:
    """Answer with an error's own status and words."""
    headers = dict(problem.headers)
    status = problem.status
    if status == 422 and is_v2(path):
        status = 400
    return error(path, status, str(problem), problem.details, headers)
