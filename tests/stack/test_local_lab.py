"""A lab without Docker starts, is used, and ends."""

import contextlib
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.live import wait_until
from tests.support.models import publish_iris
from tests.support.stack import LocalLab, copy_checkout


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


def test_ctrl_c_stops_everything(local: LocalLab) -> None:
    assert "Starting without Docker, from a virtual environment: as asked." in local.log()
    assert "Model 'iris' is published and served." in local.log()
    assert local.predict().json() == {"prediction": 0}
    assert httpx.get(local.printed_url(), follow_redirects=True).status_code == 200

    # The last that it said is what to open, and nothing before it alarms.
    assert local.greeting() == [
        "Labloop is up.",
        f"The API:     {local.api_url}/",
        f"JupyterLab:  {local.lab_url}/lab/tree/notebooks?token={local.token()}",
        "Stop with:   make down",
    ]
    alarming = r".*(?:WARN|ERROR|[Ww]arning|Traceback|\[[IWEC] \d).*"
    assert re.findall(alarming, local.start_said) == []

    # A terminal has the project's Python, whatever /etc/profile and ~/.bashrc put first.
    shown = local.type_in_terminal("python -c 'import service; print(service.__file__)'")
    assert f"{local.folder}/service/__init__.py" in shown
    assert f"{local.folder}/.venv/bin/python\r\n" in local.type_in_terminal("command -v python")

    # And its doctor, who asks the lab's, has nothing to fix.
    done = local.doctor()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ok    api           It serves iris version {local.version()}" in done.stdout
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


def test_a_lab_without_training_stops_cleanly(tmp_path: Path) -> None:
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
            for url in (f"{lab.api_url}/models", f"{lab.lab_url}/api"):
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
