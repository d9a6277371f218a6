"""What `make doctor` finds, each problem provoked."""

import fcntl
import json
import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from start import doctor
from tests.lab.doctor.examination import examine
from tests.support.disks import make_read_only
from tests.support.stack import VERSION, copy_checkout

# make doctor


def fake_docker(folder: Path, script: str) -> None:
    """Make a docker command that answers as told."""
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_fresh_checkout_is_healthy(copy: Path) -> None:
    code, told = examine(copy)
    assert "note  engine        Docker is not installed. `make up` starts without Docker." in told
    assert "note  packages      Not installed yet" in told
    assert "note  started       Nothing is; `make up` starts it." in told
    assert "\nNothing is to be fixed." in told
    assert code == 0


def test_a_taken_port_names_its_process(copy: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, told = examine(copy, API_PORT=str(port), LAB_PORT="99999")
    assert f"fix   port {port}    Port {port} is taken" in told
    assert f"API_PORT={port + 1} make up (It is process {os.getpid()}, " in told
    assert "LAB_PORT='99999' is no port" in told
    assert code == 1


def test_env_lines_without_effect_are_named(copy: Path) -> None:
    (copy / ".env").write_text("# mine\nLOG_SYNCH=always\nMAX_ROWS\nMY_KEY=1\nLOG_SYNC=off\n")
    code, told = examine(copy)
    assert "fix   .env          LOG_SYNCH is no setting of Labloop. Is LOG_SYNC meant?" in told
    assert "fix   .env          The line 'MAX_ROWS' is no setting. Write NAME=value" in told
    assert "note  .env          MY_KEY is no setting of Labloop." in told
    assert code == 1


@pytest.mark.parametrize("content", [b"LOG_SYNC=\xff\n", None])
def test_an_unreadable_env_file_is_named(copy: Path, content: bytes | None) -> None:
    if content is None:
        (copy / ".env").mkdir()
    else:
        (copy / ".env").write_bytes(content)
    code, told = examine(copy)
    assert "fix   .env          It cannot be read (" in told
    assert code == 1


def test_an_unusable_value_is_named(copy: Path) -> None:
    (copy / ".venv").symlink_to(sys.prefix)
    (copy / ".env").write_text("API_WORKERS=many\n")
    code, told = examine(copy)
    assert "fix   settings      API_WORKERS='many' cannot be used" in told
    assert code == 1


def test_a_read_only_disk_is_named(small_disk: Path) -> None:
    copy_checkout(small_disk)
    make_read_only(small_disk)
    code, told = examine(small_disk)
    assert "fix   space         0.0 GB free for the checkout" in told
    assert "fix   folders       notebooks is on a read-only file system" in told
    assert code == 1


def test_the_engine_is_quoted(copy: Path) -> None:
    fake_docker(copy, "echo 'permission denied: /var/run/docker.sock' >&2\nexit 1\n")
    code, told = examine(copy)
    assert "no Docker engine answers it: permission denied: /var/run/docker.sock. `make up`" in told
    assert code == 0


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    (told,) = doctor.check_ways(False, "docker is not installed")
    assert told.level == "fix"
    assert "needs Python 3.11 to 3.13, not 3.10.1. Install one of the two" in told.text


def test_silent_servers_are_named(started: Path) -> None:
    code, told = examine(started)
    assert "fix   api           Nothing answers at port" in told
    assert "API_PORT=… make doctor. What `make up` prints says more." in told
    assert "fix   lab           Nothing answers at port" in told
    assert code == 1


CONFIG = json.dumps(
    {
        "name": "mine",
        "services": {"api": {"image": "mine-api:0.0.1"}, "lab": {"image": f"mine-lab:{VERSION}"}},
        "volumes": {"logs": {"name": "mine_logs"}},
    }
)
STACK = f"""
case "$*" in
    *config*) echo '{CONFIG}';;
    ps*) ;;
    *ps*) echo '{{"Service":"api","State":"running","Health":"unhealthy","ExitCode":0}}'
        echo '{{"Service":"train","State":"exited","Health":"","ExitCode":0}}'
        echo '{{"Service":"lab","State":"running","Health":"healthy","Image":"mine-lab:0.0.1"}}';;
    *inspect*) exit 1;;
    *info*) echo /;;
    *) echo 26.1.0;;
esac
"""


def test_unhealthy_containers_are_named(copy: Path) -> None:
    fake_docker(copy, STACK)
    (copy / ".env").write_text("LOGS_DIR=mine\nAPI_HOST=0.0.0.0\nIDLE_SECONDS=5\n")
    code, told = examine(copy)
    assert "ok    engine        Docker engine 26.1.0 answers, and Compose 26.1.0 is there." in told
    assert "fix   stack         api is running, unhealthy, exit code 0." in told
    assert "`docker compose logs api` says why." in told
    assert "ok    stack         train is done." in told
    assert "fix   stack         lab runs mine-lab:0.0.1, and this checkout is " in told
    assert f"mine-lab:{VERSION} is not built yet; `make up` does it." in told
    assert "docker-compose.yml names mine-api:0.0.1, and VERSION says" in told
    assert "ok    project       'mine' is this checkout's." in told
    assert "In Docker, as project 'mine'. Its log is in the volume mine_logs: " in told
    assert "note  .env          LOGS_DIR counts without Docker alone" in told
    for name in ("API_HOST", "IDLE_SECONDS"):  # as they were in 0.5.0
        assert f"note  .env          {name} is no setting of Labloop." in told
    assert code == 1


def test_a_killed_container_is_told(copy: Path) -> None:
    killed = '"api","State":"exited","Health":"","ExitCode":137'
    fake_docker(
        copy, STACK.replace('"api","State":"running","Health":"unhealthy","ExitCode":0', killed)
    )
    code, told = examine(copy)
    assert "fix   stack         api is exited, exit code 137. It was killed: by hand, " in told
    assert "`docker compose up -d` starts it again." in told
    assert code == 1


def test_an_older_start_is_seen(copy: Path) -> None:
    with (copy / ".labloop.pid").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        print(os.getpid(), file=file, flush=True)
        assert f"Without Docker, by process {os.getpid()}." in examine(copy)[1]


def test_two_starts_at_once_are_named(started: Path) -> None:
    fake_docker(started, STACK)
    code, told = examine(started)
    assert "ok    started       Without Docker, by process " in told
    assert "volume mine_logs: its own JupyterLab reads it, and a notebook that runs on this" in told
    assert "fix   started       Both share the models, and each has a log of its own." in told
    assert code == 1


def test_a_refused_project_name_is_shown(copy: Path) -> None:
    said = 'invalid project name "Mine": must consist only of'
    fake_docker(copy, STACK.replace(f"echo '{CONFIG}'", f"echo '{said}' >&2; exit 1"))
    code, told = examine(copy)
    assert 'refuses what is set here: invalid project name "Mine": must consist only of' in told
    assert "Choose another: COMPOSE_PROJECT_NAME=labloop" in told
    assert code == 1


def test_another_checkouts_project_is_named(copy: Path, tmp_path: Path) -> None:
    fake_docker(copy, STACK.replace("ps*) ;;", f"ps*) echo {tmp_path};;", 1))
    code, told = examine(copy)
    assert f"fix   project       'mine' is in use by the checkout at {tmp_path}." in told
    assert "COMPOSE_PROJECT_NAME=mine-2" in told
    assert "note  started       Nothing is; `make up` starts it." in told
    assert code == 1


def test_a_lost_checkouts_project_is_ours(copy: Path) -> None:
    fake_docker(copy, STACK.replace("ps*) ;;", f"ps*) echo {copy}-before;;", 1))
    assert "ok    project       'mine' is this checkout's." in examine(copy)[1]
