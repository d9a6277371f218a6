"""A setting's default is in one place, and an empty variable means it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.contract.errors import SettingError
from service.contract.settings import Settings, settings
from start import up
from tests.support.live import CHECKOUT
from tests.support.need import need

NAMES = [name.upper() for name in Settings.model_fields]
# Where the services and the folders are in containers, only Compose knows.
SET_BY_COMPOSE = {"api_url", "logs_dir", "log_copy_dir"}


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset whatever is set for the person who runs the tests."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_settings_stay_few() -> None:
    assert len(NAMES) <= 31


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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as Kubernetes mounts a ConfigMap: links to a hidden folder that it replaces."""
    data = tmp_path / "..2026_11_26"
    data.mkdir()
    (tmp_path / "..data").symlink_to(data.name)
    monkeypatch.setenv("SETTINGS_DIR", str(tmp_path))
    settings.cache_clear()
    return tmp_path


def mount(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / "..data" / name).write_text(text)
        (folder / name).symlink_to(f"..data/{name}")


def test_settings_may_be_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount(folder, MAX_ROWS="10\n", API_TOKEN="a token\n", LOG_MAX_AGE="", JUPYTER_TOKEN="x")
    found = settings()
    assert found.max_rows == 10
    assert found.api_token.get_secret_value() == "a token"
    assert found.log_max_age is None
    monkeypatch.setenv("MAX_ROWS", "20")
    assert Settings().max_rows == 20
    monkeypatch.setenv("MAX_ROWS", "")
    assert Settings().max_rows == 20_000


@pytest.mark.parametrize("name, near", [("LOG_SNYC", "LOG_SYNC"), ("max_rows", ""), ("X", "")])
def test_an_unknown_file_is_named(folder: Path, name: str, near: str) -> None:
    mount(folder, **{name: "1"})
    with pytest.raises(SettingError, match=f"'{name}' in SETTINGS_DIR='.*' is no setting") as said:
        settings()
    assert ("Is LOG_SYNC meant?" in str(said.value)) == bool(near)


def test_files_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "MAX_ROWS").write_bytes(b"\xff")
    with pytest.raises(SettingError, match="SETTINGS_DIR"):
        settings()
    monkeypatch.setenv("SETTINGS_DIR", str(folder / "missing"))
    with pytest.raises(SettingError, match="missing"):
        settings()


def test_a_pod_ends_with_the_reason(folder: Path) -> None:
    mount(folder, ANSWER_SECOND="5")
    command = [sys.executable, "-m", "service.api"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("'ANSWER_SECOND' in SETTINGS_DIR=")
    assert "Is ANSWER_SECONDS meant?" in line


def test_service_links_are_no_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "tcp://10.96.0.12:8000")
    monkeypatch.setenv("LAB_PORT", "tcp://[fd00::1]:8888")
    assert (Settings().api_port, Settings().lab_port) == (8000, 8888)
    assert Settings().api_url == "http://127.0.0.1:8000"
    mount(folder, API_PORT="8001")
    assert Settings().api_port == 8001
    monkeypatch.setenv("API_PORT", "eight")
    with pytest.raises(SettingError, match="API_PORT='eight'"):
        settings()


def test_a_service_has_short_names() -> None:
    hosts = Settings(allowed_hosts="api.labloop.svc.cluster.local, b.labloop.svc").hosts
    assert {"api", "api.labloop", "api.labloop.svc", "api.labloop.svc.cluster.local"} <= hosts
    assert {"b", "b.labloop", "b.labloop.svc"} <= hosts
    assert "labloop" not in hosts
    assert "lab" not in Settings(allowed_hosts="lab.example.org").hosts


@pytest.mark.parametrize("networks", ["10.0.0.0/33", "the cluster", "10.0.0.1/8"])
def test_networks_are_checked(networks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_FROM", networks)
    settings.cache_clear()
    with pytest.raises(SettingError, match=r"METRICS_FROM.*10\.0\.0\.0/8"):
        settings()


def test_the_api_url_names_the_host() -> None:
    assert "api" in Settings(api_url="http://API:8000").hosts
    assert "0.0.0.0" not in Settings(api_url="http://0.0.0.0:8000").hosts


@pytest.mark.parametrize("url", ["api:8000", "http://", "http://:8000", "http://[::1"])
def test_addresses_need_a_host(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_URL", url)
    settings.cache_clear()
    with pytest.raises(SettingError, match="API_URL"):
        settings()
