"""The API before anything is published."""

from datetime import UTC, datetime, timedelta

from service.contract.libraries import versions
from tests.api.rest.refusal import refused
from tests.support.live import LiveApi
from tests.support.models import FLOWER

# Before anything is published.


def test_without_a_model_it_is_503(empty: LiveApi) -> None:
    with empty.http() as http:
        for path in ("/predict", "/health/ready", "/models/iris/predict"):
            response = http.get(path, params=FLOWER)
            refused(response, 503, "02_train.ipynb")
            assert response.headers["Retry-After"]
        live = http.get("/health/live").json()
        assert datetime.now(UTC) - datetime.fromisoformat(live.pop("time")) < timedelta(minutes=1)
        assert live == {"status": "live", "image": "local", "libraries": versions.installed()}
        assert http.get("/models").json()["models"] == []
