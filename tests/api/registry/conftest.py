from collections.abc import Iterator

import pytest

from tests.api.registry.own_model import Model
from tests.support.live import LiveApi, running_api


@pytest.fixture(scope="package")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.fixture
def model(api: LiveApi) -> Model:
    model = Model(api)
    model.publish()
    return model
