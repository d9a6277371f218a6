from collections.abc import Iterator

import httpx
import pytest

from tests.support.live import LiveApi, running_api
from tests.support.models import body_mass, iris, line, penguins


@pytest.fixture(scope="package")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Run an API without a model, until a test asks for `api`."""
    with running_api(tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.fixture(scope="package")
def api(empty: LiveApi) -> LiveApi:
    lab = empty.lab()
    for name, trained in [
        ("iris", iris()),
        ("penguins", penguins()),
        ("strict-penguins", penguins(handle_unknown="error")),
        ("body-mass", body_mass()),
        ("line", line()),
    ]:
        lab.publish(name, trained.estimator, trained.X, trained.y)
    return empty


@pytest.fixture
def http(api: LiveApi) -> Iterator[httpx.Client]:
    with api.http() as client:
        yield client
