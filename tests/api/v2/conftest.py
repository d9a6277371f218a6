from collections.abc import Iterator

import httpx
import pytest

from tests.api.v2.models import MODELS
from tests.support.live import LiveApi, running_api


@pytest.fixture(scope="package")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("v2"), DEFAULT_MODEL="late") as api:
        lab = api.lab()
        for name, make in MODELS.items():
            trained = make()
            lab.publish(name, trained.estimator, trained.X, trained.y)
        yield api


@pytest.fixture
def http(api: LiveApi) -> Iterator[httpx.Client]:
    with api.http() as client:
        client.headers["Content-Type"] = "application/json"
        yield client
