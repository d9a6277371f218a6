"""A setting's default is in one place, and an empty variable means it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from service.contract.errors import SettingError
from service.contract.settings import Settings, settings
from start import up
from tests.support.live import CHECKOUT
from tests.support.need import need

NAMES = [name.upper() for name in Settings.model_fields]
# Where the services and the folders are in containers, only Compose knows.
SET_BY_COMPOSE = {"api_url", "models_dir", "logs_dir", "log_copy_dir"}


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset whatever is set for the person who runs the tests."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_settings_stay_few() -> None:
    assert len(NAMES) <= 25


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Settings()
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert Settings() == defaults


def test_an_empty_line_means_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.contract.settings.CHECKOUT", tmp_path)
    defaults = Settings()
    monkeypatch.delenv("COMPOSE_DISABLE_ENV_FILE")
    (tmp_path / ".env").write_text("".join(f"{name}=\n" for name in NAMES))
    assert Settings() == defaults
    (tmp_path / ".env").write_text("MAX_ROWS=10\n")
    assert Settings() != defaults


@pytest.mark.parametrize("service", ["api", "train", "lab"])
def test_containers_have_the_defaults(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need(up.answer("docker", "compose", "version"), "there is no Compose to ask")
    defaults = Settings().model_dump()
    said = subprocess.run(
        ["docker", "compose", "config", "--format", "json"],
        cwd=CHECKOUT,
        env=os.environ | {"COMPOSE_PROJECT_NAME": "labloop"},
        check=True,
        capture_output=True,
        text=True,
    )
    given = json.loads(said.stdout)["services"][service]["environment"]
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = Settings().model_dump()
    assert {name for name in found if found[name] != defaults[name]} == SET_BY_COMPOSE


def test_the_api_url_names_the_host() -> None:
    assert "api" in Settings(api_url="http://API:8000").hosts
    assert "0.0.0.0" not in Settings(api_url="http://0.0.0.0:8000").hosts


@pytest.mark.parametrize("url", ["api:8000", "http://", "http://:8000", "http://[::1"])
def test_addresses_need_a_host(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_URL", url)
    settings.cache_clear()
    with pytest.raises(SettingError, match="API_URL"):
        settings()
