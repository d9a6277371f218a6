"""A model of its own for each test."""

from itertools import count

from sklearn.ensemble import RandomForestClassifier

from service.contract.model.store import ModelStore
from service.lab.publish.publication import ModelVersion, Publication
from tests.support.live import LiveApi
from tests.support.models import FLOWER, iris


class Model:
    """A model of its own for each test."""

    numbers = count(1)

    def __init__(self, api: LiveApi) -> None:
        self.name = f"flowers-{next(self.numbers)}"
        self.api = api
        self.lab = api.lab()
        self.store = ModelStore(api.models)

    def publish(self, seed: int = 0) -> ModelVersion:
        trained = iris(seed)
        return self.lab.publish(self.name, trained.estimator, trained.X, trained.y)

    def served(self) -> int:
        """Ask the reference request, and return the version that answered."""
        with self.api.http() as http:
            response = http.get(f"/models/{self.name}/predict", params=FLOWER)
        assert response.json() == {"prediction": 0}
        return int(response.headers["X-Model-Version"])

    def refusals(self, version: int | None) -> list[str]:
        with self.api.http() as http:
            shown = http.get(f"/models/{self.name}").json()
        return [r["reason"] for r in shown["refused"] if r["version"] == version]


def forest(model: Model, trees: int) -> int:
    """Write a version whose validation takes a while; return its number."""
    trained = iris()
    estimator = RandomForestClassifier(trees, random_state=0).fit(trained.X, trained.y)
    publication = Publication(model.name, estimator, trained.X, trained.y)
    return publication.write(model.store, {}, None, {})
