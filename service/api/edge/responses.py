"""Responses: JSON, the headers of a prediction, and the one shape of an error."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from service.contract.errors import ApiError, FailedError, LabloopError

V2 = "/v2"  # under it an error is as the Open Inference Protocol has it, with its sentence alone

Schema = dict[Any, Any]
"""A part of an OpenAPI document."""

PROBLEM: Schema = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "The value and the next step, in words"},
        "code": {"enum": sorted(each.code for each in ApiError.__subclasses__())},
        "details": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["error", "code", "details"],
}
PROBLEMS = {
    "4XX": "The request is at fault; `error` says what to change",
    "503": "Nothing is published, the log is not writable, or there is too much to do",
}


class JSON(Response):
    """JSON by orjson, which writes floats exactly, dates by RFC 3339, and arrays."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the content."""
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def prediction_headers(first_id: str, model: str, version: int) -> dict[str, str]:
    """Say in headers which version predicted, and under which id the first row is in the log."""
    return {"X-Prediction-Id": first_id, "X-Model": model, "X-Model-Version": str(version)}


def is_v2(path: str) -> bool:
    """Whether a path belongs to the Open Inference Protocol.

    Examples
    --------
    >>> is_v2("/v2/models/iris"), is_v2("/v2x")
    (True, False)
    """
    return path == V2 or path.startswith(f"{V2}/")


def problem_content(problem: ApiError) -> dict[str, Any]:
    """Lay an error out as it travels.

    Examples
    --------
    >>> from service.contract.errors import NotFoundError
    >>> problem_content(NotFoundError("There is no model 'rose'."))
    {'error': "There is no model 'rose'.", 'code': 'not_found', 'details': []}
    """
    return {"error": str(problem), "code": problem.code, "details": problem.details}


def problem_response(
    path: str,
    problem: ApiError,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Respond to a request for a path with an error, with its own status if no other is given."""
    status, content = status or problem.status, problem_content(problem)
    if is_v2(path):
        content = {"error": content["error"]}
        status = 400 if status == 422 else status
    return JSON(content, status_code=status, headers={**problem.headers, **(headers or {})})


def failure(problem: Exception) -> FailedError:
    """Say that something failed that should not; where to look for more."""
    message = str(problem) if isinstance(problem, LabloopError) else "The API failed."
    return FailedError(f"{message} Its log says more: docker compose logs api.")


def problems() -> Schema:
    """Describe the responses that are errors; every route has the same."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": text, "content": content} for status, text in PROBLEMS.items()}
