"""`make up` checks ports, settings and Docker first, and says what is wrong."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from traitlets.config.loader import PyFileConfigLoader

from start import up
from tests.support.stack import LocalLab, copy_checkout


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of programs that is all that can be found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def fake_docker(programs: Path, script: str) -> None:
    """Make a docker command that answers as told."""
    program = programs / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_missing_docker_command_is_named(programs: Path) -> None:
    assert up.docker_answers() == (False, "docker is not installed")


def test_docker_needs_an_engine(programs: Path) -> None:
    fake_docker(programs, "exit 1")
    usable, reason = up.docker_answers()
    assert not usable
    assert reason == "the docker command is here, but no Docker engine answers it"


def test_docker_needs_the_compose_plugin(programs: Path) -> None:
    fake_docker(programs, '[ "$1" = version ] && echo 20.10.24')
    usable, reason = up.docker_answers()
    assert not usable
    assert reason == "Docker engine 20.10.24 answers, but its Compose plugin is missing"


def test_an_engine_with_compose_is_used(programs: Path) -> None:
    fake_docker(programs, "echo 2.26.1")
    assert up.docker_answers()[0]


def test_without_docker_make_up_docker_stops(programs: Path) -> None:
    done = subprocess.run(
        [sys.executable, "start/up.py", "docker"], cwd=up.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "Docker Compose cannot be used: docker is not installed. `make up-local` does without."
    )


def start_locally(**settings: str) -> subprocess.CompletedProcess[str]:
    """Start where that comes to an end by itself."""
    return subprocess.run(
        [sys.executable, "start/up.py", "local"],
        cwd=up.ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("variable, what", [("API_PORT", "the API"), ("LAB_PORT", "JupyterLab")])
def test_a_busy_port_stops_the_start(variable: str, what: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = start_locally(**{"API_PORT": "0", "LAB_PORT": "0", variable: str(port)})
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert f"choose another port for {what}: {variable}={port + 1} make up" in done.stderr


def test_a_port_must_be_a_number() -> None:
    done = start_locally(API_PORT="http")
    assert done.returncode == 1
    assert done.stderr == "API_PORT='http' is no port. Give a number: API_PORT=8000 make up\n"


def token(monkeypatch: pytest.MonkeyPatch, chosen: str | None) -> tuple[str, str]:
    """Return the token and the URL to print that JupyterLab gets."""
    monkeypatch.setenv("LAB_PORT", "9999")
    monkeypatch.delenv("JUPYTER_TOKEN", raising=False)
    if chosen is not None:
        monkeypatch.setenv("JUPYTER_TOKEN", chosen)
    config = PyFileConfigLoader("jupyter_server_config.py", str(up.ROOT / "start")).load_config()
    return config.IdentityProvider.token, config.ServerApp.custom_display_url


@pytest.mark.parametrize("chosen", [None, ""])
def test_an_empty_token_becomes_random(monkeypatch: pytest.MonkeyPatch, chosen: str | None) -> None:
    first, second = token(monkeypatch, chosen), token(monkeypatch, chosen)
    assert first[0] != second[0]
    assert len(first[0]) >= 32
    assert first[1] == f"http://127.0.0.1:9999/lab/tree/notebooks?token={first[0]}"


def test_a_chosen_token_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert token(monkeypatch, "a b&c") == (
        "a b&c",
        "http://127.0.0.1:9999/lab/tree/notebooks?token=a%20b%26c",
    )


SENTENCE = (
    "LOG_MAX_AGE='banana' cannot be used: Value error, 'banana' is no length of time: give '30d', "
    "'12h', '15min' or '90s'. Change or unset LOG_MAX_AGE and start again.\n"
)


def test_an_unusable_setting_stops_the_start(tmp_path: Path) -> None:
    lab = LocalLab(copy_checkout(tmp_path / "labloop"))
    (lab.folder / ".env").write_text("LOG_MAX_AGE=banana\n")
    done = lab.run("start/up.py", "local")
    assert (done.returncode, done.stderr) == (1, SENTENCE)
    assert "started" not in done.stdout


@pytest.mark.parametrize("program", ["service.api", "service.lab.train"])
def test_an_unusable_setting_is_a_sentence(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", program],
        cwd=up.ROOT,
        env={**os.environ, "LOG_MAX_AGE": "banana"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, SENTENCE)


def test_a_foreign_address_stops_the_start() -> None:
    done = start_locally(BIND_ADDRESS="192.0.2.7")
    assert done.returncode == 1
    assert "BIND_ADDRESS='192.0.2.7' is no address of this machine: give one" in done.stderr
