import contextlib
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from sklearn.ensemble import BaggingClassifier
from sklearn.neighbors import KNeighborsClassifier

from tests.api.edge.raw import idle_connection
from tests.support.live import LiveApi, running_api
from tests.support.models import iris, penguins

REQUEST_SECONDS = 1


@pytest.fixture(scope="package")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Return an API that does not wait long, and a model that takes its time."""
    short = {"REQUEST_SECONDS": str(REQUEST_SECONDS), "MAX_WAITING": "20"}
    with running_api(tmp_path_factory.mktemp("hostile"), **short) as api:
        lab = api.lab()
        flowers, birds = iris(), penguins()
        lab.publish("iris", flowers.estimator, flowers.X, flowers.y)
        lab.publish("penguins", birds.estimator, birds.X, birds.y)
        slow = BaggingClassifier(KNeighborsClassifier(), 50, random_state=0)
        lab.publish("slow", slow.fit(flowers.X, flowers.y), flowers.X, flowers.y)
        yield api


@pytest.fixture(scope="package")
def small(tmp_path_factory: pytest.TempPathFactory, api: LiveApi) -> Iterator[LiveApi]:
    """Return an API with few connections, which is stopped in the end."""
    more = {"MODELS_DIR": str(api.models), "MAX_CONNECTIONS": "10", "DRAIN_SECONDS": "2"}
    with running_api(tmp_path_factory.mktemp("small"), REQUEST_SECONDS="60", **more) as small:
        yield small


@pytest.fixture(scope="package")
def idle(api: LiveApi) -> Iterator[HTTPConnection]:
    """Keep a connection idle from the first test on; the API closes it after 15 s."""
    with contextlib.closing(idle_connection(api)) as connection:
        yield connection
