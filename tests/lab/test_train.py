"""The first training: what it trains, and what it says when it cannot."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.contract.model.store import ModelStore
from service.contract.settings import settings
from service.lab import train
from tests.support.live import CHECKOUT, LiveApi, running_api
from tests.support.models import publish_iris

WAYS_OUT = (
    'Publish a model of your own by lab.publish("churn", …), '
    "or set DEFAULT_MODEL to iris or penguins."
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelStore]:
    """Make an empty store that the settings name."""
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    settings.cache_clear()
    yield ModelStore(tmp_path)
    settings.cache_clear()


@pytest.mark.parametrize("name", ["churn", "Iris", "../iris", "iris.csv"])
def test_an_unknown_data_set_is_refused(
    store: ModelStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    monkeypatch.setenv("DEFAULT_MODEL", name)
    assert train.main() == 1
    said = capsys.readouterr().out
    if name == "churn":
        assert said == f"There is nothing to train 'churn' on: no data/churn.csv. {WAYS_OUT}\n"
    else:
        assert f"Model name {name!r} cannot be used: take small letters" in said
    assert store.names() == []


def test_a_published_model_trains_nothing(
    store: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_iris(store.root)
    assert train.main() == 0
    assert capsys.readouterr().out == "Model 'iris' has 1 version(s): nothing to train.\n"


def test_training_needs_an_api(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(train, "SECONDS", 0)
    assert train.main() == 1
    assert "http://127.0.0.1:9 does not answer" in capsys.readouterr().out


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Start an API that asks for a token."""
    with running_api(tmp_path_factory.mktemp("train"), API_TOKEN="a token") as api:
        yield api


def test_a_failed_training_says_why(
    api: LiveApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table is there, but the notebook does not know what is to be predicted in it."""
    data = api.models.parent / "data"
    data.mkdir()
    shutil.copy(CHECKOUT / "data" / "iris.csv", data / "churn.csv")
    monkeypatch.setattr(train, "DATA", data)
    for name, value in (api.environment | {"DEFAULT_MODEL": "churn"}).items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    assert train.main() == 1
    settings.cache_clear()
    said = capsys.readouterr().out
    assert "The first training of 'churn' failed: KeyError: 'churn'\n" in said
    assert said.endswith(f"Run notebooks/02_train.ipynb in JupyterLab to see where. {WAYS_OUT}\n")
    assert ModelStore(api.models).names() == []


def test_training_sends_the_token(api: LiveApi) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service.lab.train"],
        cwd=CHECKOUT,
        env=api.environment | {"DEFAULT_MODEL": "penguins"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("Model 'penguins' is published and served.\n")
    manifest = ModelStore(api.models).manifest("penguins", 1)
    assert "island" in {feature.name for feature in manifest.signature.features}
