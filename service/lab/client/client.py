"""Client: HTTP requests to the API."""

import gc
import json
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import orjson

from service.contract.errors import ApiError, ApiUnreachableError, LabloopError, OverloadedError

SECONDS = 60.0
SOON = 1.0  # after which an overloaded API is asked again; it says so itself


class Client:
    """Send requests to the API. An error response is raised as the class of its code.

    Parameters
    ----------
    url : str
        `API_URL`.
    token : str
        `API_TOKEN`; empty if the API needs none.

    Attributes
    ----------
    headers : dict
        The headers that each request must have: the token, if there is one.

    Examples
    --------
    >>> Client("http://127.0.0.1:9").get("/health/live")
    Traceback (most recent call last):
        ...
    service.contract.errors.ApiUnreachableError: The API at http://127.0.0.1:9 does not answer ...
    """

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        self.headers = {b"Authorization": f"Bearer {token}".encode()} if token else {}
        headers = {b"User-Agent": b"labloop"} | self.headers
        self._http = httpx.Client(base_url=url, timeout=SECONDS, headers=headers, trust_env=False)
        weakref.finalize(self, self._http.close)  # a notebook just drops its Lab

    def get(self, path: str, seconds: float = SECONDS) -> Any:
        """GET a path.

        Parameters
        ----------
        path : str
        seconds : float
            How long to wait for the response.

        Returns
        -------
        The parsed JSON.

        Raises
        ------
        ApiUnreachableError
            There is no API at this address.
        ApiError
            The class of the response's code, e.g. `NotFoundError`.
        """
        return self._request("GET", path, timeout=seconds)

    def post(self, path: str, content: Any, version: int | None = None) -> Any:
        """POST JSON to a path.

        Parameters
        ----------
        path : str
        content : object
            What JSON can hold; other values are sent as text. Bytes are JSON already.
        version : int, optional
            The query parameter of this name.

        Returns
        -------
        The parsed JSON.

        Raises
        ------
        ApiUnreachableError, ApiError
            As in `get`.
        """
        params = {} if version is None else {"version": version}
        headers = {"Content-Type": "application/json"}
        body = content if isinstance(content, bytes) else encode(content)
        return self._request("POST", path, content=body, params=params, headers=headers)

    def _request(self, method: str, path: str, **options: Any) -> Any:
        """Send a request, and send it again while the API is overloaded."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                response = self._http.request(method, path, **options)
            except httpx.TransportError as error:
                raise ApiUnreachableError(
                    f"The API at {self.url} does not answer ({type(error).__name__}: {error}). "
                    "Start it with `make up` or `docker compose up`, "
                    "or set API_URL to where it runs."
                ) from error
            if response.is_success:
                with suppress(orjson.JSONDecodeError):
                    return orjson.loads(response.content)
            problem = self._error(response)
            if not isinstance(problem, OverloadedError) or time.monotonic() > deadline:
                raise problem
            time.sleep(SOON)

    def _error(self, response: httpx.Response) -> LabloopError:
        try:
            content = orjson.loads(response.content)
            message, details = content["error"], content["details"]
        except (orjson.JSONDecodeError, TypeError, KeyError):
            return ApiUnreachableError(
                f"What answers at {self.url} is not Labloop's API "
                f"(HTTP {response.status_code}). Set API_URL to where the API runs."
            )
        return ApiError.of_code(content.get("code", ""))(message, details)  # 0.5.0 sent no code


def encode(content: Any) -> bytes:
    """Write JSON with orjson, or with the standard library if orjson would hide a value.

    orjson writes infinity as null, which the API would take for a missing value, and refuses
    integers of more than 64 bits. The API's own message about such values is better. So there must
    be as many nulls as there are missing values; the word in a text makes this slower, not wrong.
    """
    try:
        body = orjson.dumps(content, default=str)
    except TypeError:
        return json.dumps(content, default=str).encode()
    nulls = body.count(b"null")
    if nulls and nulls != _missing(content):
        return json.dumps(content, default=str).encode()
    return body


def _missing(content: Any) -> int:
    """Count the missing values in JSON content."""
    if isinstance(content, dict):
        return sum(map(_missing, content.values()))
    if not isinstance(content, list):
        return content is None
    inside = [each for each in content if type(each) in (dict, list)]
    return content.count(None) + sum(map(_missing, inside))


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector while a response is read.

    A large response becomes many small lists, and after every few thousand of them the collector
    looks through the whole notebook: for 100,000 rows this took 0.13 s of 0.23 s.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
