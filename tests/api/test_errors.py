"""An error keeps its class on its way from the API to a notebook."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn import Config, Server

from service.api.app import create_app
from service.contract.errors import ApiError
from service.contract.settings import Settings
from service.lab.client import client
from tests.support.live import CHECKOUT, free_ports, wait_until

KINDS = {kind.code: kind for kind in ApiError.__subclasses__()}


async def fail(request: Request) -> Response:
    """Raise the error whose code is asked for."""
    raise KINDS[request.path_params["code"]]("Because of 7.", [{"row": 7}])


async def status(request: Request) -> Response:
    """Raise what the web framework raises, e.g. for a file."""
    asked = request.path_params["status"]
    raise HTTPException(asked, f"Because of {asked}.")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("errors")
    app = create_app(Settings(models_dir=folder / "models", logs_dir=folder / "logs"))
    app.router.routes[:0] = [Route("/fail/{code}", fail), Route("/status/{status:int}", status)]
    (port,) = free_ports(1)
    server = Server(Config(app, port=port, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "the server")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("code", KINDS)
def test_the_client_raises_each_class(url: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SECONDS", 0)  # it would ask an API that is busy again
    with pytest.raises(ApiError, match=r"^Because of 7\.$") as caught:
        client.Client(url).get(f"/fail/{code}", seconds=30)
    assert type(caught.value) is KINDS[code]
    assert caught.value.details == [{"row": 7}]


def test_each_class_has_its_own_code() -> None:
    assert len(KINDS) == len(ApiError.__subclasses__()) == 15
    assert all(400 <= kind.status < 600 for kind in KINDS.values())


def test_an_unknown_code_is_plain() -> None:
    assert ApiError.of_code("teapot") is ApiError


def test_the_docs_list_every_code() -> None:
    text = Path(CHECKOUT / "docs" / "http.md").read_text()
    for code, kind in KINDS.items():
        assert f"| {kind.status} | `{code}` | `{kind.__name__}` |" in text


def test_other_statuses_stay(url: str) -> None:
    response = httpx.get(f"{url}/status/416", trust_env=False)
    assert (response.status_code, response.json()["error"]) == (416, "Because of 416.")


def test_v2_has_its_own_shape(url: str) -> None:
    response = httpx.get(f"{url}/v2/nowhere", trust_env=False)
    assert response.status_code == 404
    assert response.json().keys() == {"error"}
