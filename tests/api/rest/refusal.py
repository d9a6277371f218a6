"""The one shape of an error."""

from typing import Any

import httpx

from service.contract.errors import ApiError


def refused(response: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """Check that an error has its one shape and says what it must."""
    content: dict[str, Any] = response.json()
    assert response.status_code == status, content
    assert content.keys() == {"error", "code", "details"}
    assert ApiError.of_code(content["code"]).status == status
    assert content["error"][0].isupper()
    assert content["error"].endswith(".")
    for word in words:
        assert word in content["error"]
    return content
