"""Starting and stopping without Docker, and what is said on the way."""

import contextlib
import fcntl
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from traitlets.config.loader import PyFileConfigLoader

from start import up
from tests.support.live import wait_until
from tests.support.models import publish_iris
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


def test_without_a_docker_command_the_reason_says_so(programs: Path) -> None:
    assert up.docker_answers() == (False, "docker is not installed")


def test_a_docker_command_alone_is_not_enough(programs: Path) -> None:
    fake_docker(programs, "exit 1")
    usable, reason = up.docker_answers()
    assert not usable
    assert reason == "the docker command is here, but no Docker engine answers it"


def test_an_engine_without_the_compose_plugin_is_not_enough(programs: Path) -> None:
    fake_docker(programs, '[ "$1" = version ] && echo 20.10.24')
    usable, reason = up.docker_answers()
    assert not usable
    assert reason == "Docker engine 20.10.24 answers, but its Compose plugin is missing"


def test_an_engine_with_compose_is_used(programs: Path) -> None:
    fake_docker(programs, "echo 2.26.1")
    assert up.docker_answers()[0]


def test_asking_for_docker_without_an_engine_stops_with_the_reason(programs: Path) -> None:
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
def test_a_busy_port_stops_the_start_and_names_the_variable(variable: str, what: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = start_locally(**{"API_PORT": "0", "LAB_PORT": "0", variable: str(port)})
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert f"choose another port for {what}: {variable}={port + 1} make up" in done.stderr


def test_a_port_that_is_no_number_is_named() -> None:
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
def test_an_unset_or_empty_token_becomes_a_random_one(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None
) -> None:
    first, second = token(monkeypatch, chosen), token(monkeypatch, chosen)
    assert first[0] != second[0]
    assert len(first[0]) >= 32
    assert first[1] == f"http://127.0.0.1:9999/lab/tree/notebooks?token={first[0]}"


def test_a_chosen_token_is_used_and_spelt_for_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    assert token(monkeypatch, "a b&c") == (
        "a b&c",
        "http://127.0.0.1:9999/lab/tree/notebooks?token=a%20b%26c",
    )


def processes(folder: Path) -> list[str]:
    """Return the commands that run in a folder or know of it, whoever their parent is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"={folder}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalLab]:
    """Start the lab without Docker, with a token."""
    lab = LocalLab(copy_checkout(tmp_path / "labloop"))
    lab.environment["API_TOKEN"] = "a token"
    try:
        lab.up()
        yield lab
    finally:
        lab.interrupt()


def test_the_local_start_trains_serves_and_stops_at_one_ctrl_c(local: LocalLab) -> None:
    assert "Starting without Docker, from a virtual environment: as asked." in local.log()
    wait_until(lambda: local.version() == 1, "the first model")
    assert local.predict().json() == {"prediction": 0}
    assert httpx.get(local.printed_url(), follow_redirects=True).status_code == 200

    # The last that it said is what to open, and nothing before it alarms.
    assert local.greeting() == [
        "Labloop is up.",
        f"The API:     {local.api_url}/",
        f"JupyterLab:  {local.lab_url}/lab/tree/notebooks?token={local.token()}",
        "Stop with:   make down",
    ]
    assert re.findall(r".*(?:WARN|ERROR|[Ww]arning|Traceback|\[[IWEC] \d).*", local.log()) == []

    # A terminal has the project's Python, whatever /etc/profile and ~/.bashrc put first.
    shown = local.type_in_terminal("python -c 'import service; print(service.__file__)'")
    assert f"{local.folder}/service/__init__.py" in shown
    assert f"{local.folder}/.venv/bin/python\r\n" in local.type_in_terminal("command -v python")

    # And its doctor, who asks the lab's, has nothing to fix.
    done = local.doctor()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok    api           It serves iris version 1" in done.stdout
    assert "ok    lab: log      Every line is what was written" in done.stdout

    # With a kernel running, as there is one in a lab that is used.
    assert local.jupyter("POST", "kernels", json={"name": "python3"}).status_code == 201
    wait_until(
        lambda: any("ipykernel" in command for command in processes(local.folder)), "a kernel"
    )
    assert local.interrupt() == 0  # else `make` speaks of an error
    wait_until(lambda: not processes(local.folder), "no process left", 15)
    for port in (local.api_port, local.lab_port):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_start_that_cannot_train_ends_with_a_lab_and_make_down(tmp_path: Path) -> None:
    """It is one that other machines may reach, under a name and an address; `.env` says all."""
    lab = LocalLab(copy_checkout(tmp_path / "labloop"))
    (lab.folder / ".env").write_text(
        "DEFAULT_MODEL='churn' # no such data\n"
        "export BIND_ADDRESS=0.0.0.0\nALLOWED_HOSTS=localhost,lab.example.org,192.0.2.7\n"
    )
    try:
        lab.up()
        way_out = 'Publish a model of your own by lab.publish("churn", …), or set DEFAULT_MODEL'
        assert f"There is nothing to train 'churn' on: no data/churn.csv. {way_out}" in lab.log()
        assert not (lab.folder / "data" / "models" / "churn").exists()

        greeting = "\n".join(lab.greeting())
        assert f"The API:     {lab.api_url}/\n" in greeting
        assert "Note:        No model is published yet." in greeting
        assert "BIND_ADDRESS is 0.0.0.0 and API_TOKEN is empty: whoever reaches" in greeting
        assert "From other machines: lab.example.org or 192.0.2.7 in place of 127.0.0.1" in greeting
        named = {"localhost": 200, "lab.example.org": 200, "192.0.2.7": 200, "evil.example": 403}
        for name, status in named.items():
            for url in (f"{lab.api_url}/health/live", f"{lab.lab_url}/api"):
                asked = httpx.get(url, headers={"Host": f"{name}:8000"})
                assert asked.status_code == status, (name, url, asked.text)

        done = subprocess.run(
            [sys.executable, "start/up.py", "down"],
            cwd=lab.folder,
            env=lab.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert lab.process.wait(10) == 0  # else `make` speaks of an error
        wait_until(lambda: not processes(lab.folder), "no process left", 15)
        assert not (lab.folder / ".labloop.pid").exists()
    finally:
        lab.interrupt()


def test_servers_end_with_a_killed_starter(tmp_path: Path) -> None:
    lab = LocalLab(copy_checkout(tmp_path / "labloop"))
    publish_iris(lab.folder / "data" / "models")
    try:
        lab.up()
        told = lab.doctor().stdout
        assert f"Without Docker, by process {lab.process.pid}." in told
        again = lab.run("start/up.py", "local")
        assert again.stderr == "Labloop was started here already. `make down` stops it.\n"

        api = api_process(lab.folder)
        os.kill(api, signal.SIGSTOP)  # it hangs
        os.kill(lab.process.pid, signal.SIGKILL)
        lab.process.wait(10)
        assert "Without Docker, by process" not in lab.doctor().stdout
        done = lab.run("start/up.py", "down")
        assert (done.returncode, done.stderr) == (0, "")

        lab.up()  # both ports are free
        os.kill(api_process(lab.folder), signal.SIGKILL)
        assert lab.process.wait(30) != 0  # a server that ends by itself is an error
        wait_until(lambda: not processes(lab.folder), "no process left", 15)
    finally:
        lab.interrupt()


def api_process(folder: Path) -> int:
    """Return the process of the API itself."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().split(b"\0")
            if b"service.api" in command and (process / "cwd").readlink() == folder:
                return int(process.name)
    raise LookupError(folder)


def test_down_passes_over_a_dead_process(tmp_path: Path) -> None:
    copy = copy_checkout(tmp_path / "labloop")
    ended = subprocess.Popen(["true"])
    ended.wait()
    with (copy / ".labloop.pid").open("w") as file:
        file.write(f"{ended.pid}\n")
        file.flush()
        fcntl.lockf(file, fcntl.LOCK_EX)
        down = subprocess.Popen(
            [sys.executable, "start/up.py", "down"],
            cwd=copy,
            env={"PATH": str(copy)},
            stderr=subprocess.PIPE,
            text=True,
        )
        with pytest.raises(subprocess.TimeoutExpired):  # it waits for the rest
            down.wait(1)
    assert down.communicate(timeout=30)[1] == ""
    assert down.returncode == 0


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


def test_an_address_of_another_machine_stops_the_start() -> None:
    done = start_locally(BIND_ADDRESS="192.0.2.7")
    assert done.returncode == 1
    assert "BIND_ADDRESS='192.0.2.7' is no address of this machine: give one" in done.stderr
