"""What `lab.doctor()` and `make doctor` find, each thing provoked."""

import fcntl
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service.contract.log.segment import FOLDER
from service.contract.model.aliases import ALIASES
from service.contract.model.manifest import MANIFEST, installed_libraries
from service.contract.model.store import ModelStore
from service.lab import Lab
from service.lab.doctor.diagnosis import Diagnosis
from start import doctor
from tests.support.live import CHECKOUT, LiveApi, free_ports, running_api, wait_until
from tests.support.models import FLOWER, iris, write_files
from tests.support.need import need
from tests.support.stack import copy_checkout

VERSION = (CHECKOUT / "VERSION").read_text().strip()
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Start an API without a model, whose log cannot be written."""
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "logs").mkdir()
    (folder / "logs" / FOLDER).write_text("no folder")
    with running_api(folder) as api:
        yield api


def found(diagnosis: Diagnosis, level: str, check: str) -> str:
    """Return what a check says at one level."""
    kept = [f for f in diagnosis.findings if (f.level, f.check) == (level, check)]
    return "\n".join(f"{finding.sentence} {finding.remedy}" for finding in kept)


def at(lab: Lab, **changed: object) -> Lab:
    """Return a lab with a setting changed."""
    names = ("api_url", "models_dir", "logs_dir", "log_copy_dir")
    return Lab(**{name: getattr(lab.settings, name) for name in names} | changed)


def test_from_a_log_that_cannot_be_written_and_no_model_to_all_is_well(api: LiveApi) -> None:
    lab = api.lab()
    broken = lab.doctor()
    assert "cannot be written (File exists)" in found(broken, "fix", "api")
    assert "cannot be read (Not a directory)" in found(broken, "fix", "log")

    (api.logs / FOLDER).unlink()
    ready = "No model is published yet. Run notebooks/02_train.ipynb to publish one."
    wait_until(lambda: ready in found(lab.doctor(), "fix", "api"), "a log that is written")

    trained = iris()
    lab.publish("flowers", trained.estimator, trained.X, trained.y)
    missing = found(lab.doctor(), "fix", "api")
    assert "There is no model 'iris'; published: flowers." in missing
    assert "Publish it, or set DEFAULT_MODEL to another." in missing

    lab.publish("iris", trained.estimator, trained.X, trained.y)
    lab.predict("iris", FLOWER)
    well = lab.doctor()
    assert well.fixes == []
    assert str(well).startswith("Nothing is to be fixed.\n")
    assert "scikit-learn" in found(well, "ok", "versions")
    assert "It serves iris version 1 by default" in found(well, "ok", "api")
    assert "<b>ok</b>" in well._repr_html_()
    assert set(well.table["check"]) >= {"api", "versions", "clocks", "models", "folders", "log"}


def test_a_refused_version_is_to_be_fixed_while_it_should_be_live(api: LiveApi) -> None:
    lab, store = api.lab(), ModelStore(api.models)
    refused = store.add("flowers", write_files)
    store.promote("flowers", refused)
    told = wait_until(lambda: found(lab.doctor(), "fix", "models"), "the refusal")
    assert f"flowers version {refused} is to be live, and the API refused it: " in told
    assert "lab.promote(…) another" in told

    store.withdraw("flowers", refused)
    wait_until(lambda: not lab.doctor().fixes, "the version before")
    assert f"version {refused} was refused: " in found(lab.doctor(), "note", "models")


def test_what_cannot_be_read_or_served_in_the_store_is_named(api: LiveApi) -> None:
    lab, store = api.lab(), ModelStore(api.models)
    (store.folder("flowers", 2) / MANIFEST).write_text("{")
    shutil.copytree(store.folder("flowers", 1), api.models / "idle" / "1")
    (api.models / "damaged" / "1").mkdir(parents=True)
    (api.models / "damaged" / ALIASES).write_text("{")
    told = lab.doctor()
    fixes = found(told, "fix", "models")
    assert "flowers/2/manifest.json cannot be read" in fixes
    assert "lab.delete('flowers', 2)" in fixes
    assert "damaged/aliases.json cannot be read" in fixes
    assert "lab.promote('idle', 1) makes one live" in found(told, "note", "models")
    for name in ("idle", "damaged", "flowers/2"):
        shutil.rmtree(api.models / name)


def test_another_store_than_the_api_s_is_named(api: LiveApi, tmp_path: Path) -> None:
    told = found(at(api.lab(), models_dir=tmp_path).doctor(), "fix", "models")
    assert "The API knows flowers, iris" in told
    assert "Set MODELS_DIR to the same folder on both sides." in told


def test_damage_to_the_log_and_what_a_dead_api_left_are_named(api: LiveApi, tmp_path: Path) -> None:
    lab = api.lab()
    for _ in range(3):
        lab.predict("iris", FLOWER)
    shutil.copytree(api.logs, tmp_path / "logs")  # the copy has no writer
    (segment,) = (tmp_path / "logs" / FOLDER).iterdir()
    *lines, last = segment.read_bytes().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(b"iris", b"IRIS")
    segment.write_bytes(b"".join(lines) + last + last[:20])
    os.utime(segment, (0, 0))

    other = at(lab, logs_dir=tmp_path / "logs", log_copy_dir=tmp_path / "copy")
    told = other.doctor()
    assert f"line {len(lines)} is damaged and left out. The rest is read." in found(
        told, "fix", "log"
    )
    assert f"1 segment of a stopped API not sealed, e.g. {segment}" in found(told, "fix", "log")
    assert "A crash cut off 1 line; no response was sent" in found(told, "note", "log")

    alone = at(other, api_url=NOWHERE).doctor()
    assert "The next start seals them." in found(alone, "note", "log")
    assert f"The API at {NOWHERE} does not answer" in found(alone, "fix", "api")


class OtherApi(BaseHTTPRequestHandler):
    """An API of another time, image and scikit-learn, or of an older Labloop, or none at all."""

    answers: dict[str, dict[str, object]]

    def do_GET(self) -> None:
        content = self.answers.get(self.path, {"error": "No.", "details": []})
        self.send_response(200 if self.path in self.answers else 503)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def other_api(api: LiveApi) -> Iterator[Callable[..., Lab]]:
    """Return a function that gives a lab before another API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OtherApi)
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()

    def lab(live: dict[str, object]) -> Lab:
        OtherApi.answers = {"/health/live": live}
        return at(api.lab(), api_url=f"http://127.0.0.1:{server.server_port}")

    yield lab
    server.shutdown()
    server.server_close()


def test_two_sides_that_differ_are_named(
    other_api: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABLOOP_IMAGE", "labloop-lab:9.9.9")
    live = {
        "time": str(datetime.now(UTC) - timedelta(minutes=10)),
        "image": "labloop-api:0.1.0",
        "libraries": installed_libraries() | {"scikit-learn": "1.0"},
    }
    told = other_api(live).doctor()
    versions = found(told, "fix", "versions")
    assert "scikit-learn 1.0 there and " in versions
    assert "image labloop-api:0.1.0 there and labloop-lab:9.9.9 here" in versions
    assert "docker compose up --build" in versions
    assert "The API's clock is 600 s behind this one." in found(told, "fix", "clocks")
    # And a container in which the log can be changed is not as it was designed.
    assert "mounts it as logs:/labloop/logs:ro" in found(told, "fix", "folders")


def test_an_older_api_is_named(other_api: Callable[..., Lab]) -> None:
    told = found(other_api({"status": "live"}).doctor(), "fix", "versions")
    assert "The API is older" in told


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of a few megabytes."""
    need(os.geteuid() == 0, "only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "labloop-test", str(disk)]
    done = subprocess.run(mount, capture_output=True, text=True)
    need(done.returncode == 0, f"a small disk cannot be mounted: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def make_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def test_a_full_disk_and_files_that_cannot_be_changed_are_named(
    api: LiveApi, small_disk: Path
) -> None:
    shutil.copytree(api.models, small_disk / "models")
    make_read_only(small_disk)
    told = at(api.lab(), models_dir=small_disk / "models").doctor()
    assert f"0.0 GB free at {small_disk / 'models'}" in found(told, "fix", "space")
    folders = found(told, "fix", "folders")
    assert f"in {small_disk / 'models'} cannot be changed by uid 0, e.g. " in folders
    assert f"sudo chown -R 0 {small_disk / 'models'}" in folders


# make doctor


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the checkout."""
    return copy_checkout(tmp_path / "labloop")


def examine(folder: Path, **environment: str) -> tuple[int, str]:
    """Run it where there is no Docker, nor anything else that was installed."""
    api_port, lab_port = free_ports(2)
    alone = {"PATH": str(folder), "API_PORT": str(api_port), "LAB_PORT": str(lab_port)}
    done = subprocess.run(
        [sys.executable, "-m", "start.doctor"],
        cwd=folder,
        env=alone | environment,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def fake_docker(folder: Path, script: str) -> None:
    """Make a docker command that answers as told."""
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_fresh_checkout_has_nothing_to_fix(copy: Path) -> None:
    code, told = examine(copy)
    assert "note  engine        Docker is not installed. `make up` starts without Docker." in told
    assert "note  packages      Not installed yet" in told
    assert "note  started       Nothing is; `make up` starts it." in told
    assert "\nNothing is to be fixed." in told
    assert code == 0


def test_a_taken_port_is_named_with_who_has_it(copy: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, told = examine(copy, API_PORT=str(port), LAB_PORT="99999")
    assert f"fix   port {port}    Port {port} is taken" in told
    assert f"API_PORT={port + 1} make up (It is process {os.getpid()}, " in told
    assert "LAB_PORT='99999' is no port" in told
    assert code == 1


def test_an_env_file_is_read_for_what_has_no_effect(copy: Path) -> None:
    (copy / ".env").write_text("# mine\nLOG_SYNCH=always\nMAX_ROWS\nMY_KEY=1\nLOG_SYNC=off\n")
    code, told = examine(copy)
    assert "fix   .env          LOG_SYNCH is no setting of Labloop. Is LOG_SYNC meant?" in told
    assert "fix   .env          The line 'MAX_ROWS' is no setting. Write NAME=value" in told
    assert "note  .env          MY_KEY is no setting of Labloop." in told
    assert code == 1


@pytest.mark.parametrize("content", [b"LOG_SYNC=\xff\n", None])
def test_an_env_file_that_cannot_be_read_is_named(copy: Path, content: bytes | None) -> None:
    if content is None:
        (copy / ".env").mkdir()
    else:
        (copy / ".env").write_bytes(content)
    code, told = examine(copy)
    assert "fix   .env          It cannot be read (" in told
    assert code == 1


def test_a_value_that_cannot_be_used_is_named(copy: Path) -> None:
    (copy / ".venv").symlink_to(sys.prefix)
    (copy / ".env").write_text("API_WORKERS=many\n")
    code, told = examine(copy)
    assert "fix   settings      API_WORKERS='many' cannot be used" in told
    assert code == 1


def test_a_full_and_a_read_only_disk_are_named(small_disk: Path) -> None:
    copy_checkout(small_disk)
    make_read_only(small_disk)
    code, told = examine(small_disk)
    assert "fix   space         0.0 GB free for the checkout" in told
    assert "fix   folders       notebooks is on a read-only file system" in told
    assert code == 1


def test_the_engine_s_own_words_are_given(copy: Path) -> None:
    fake_docker(copy, "echo 'permission denied: /var/run/docker.sock' >&2\nexit 1\n")
    code, told = examine(copy)
    assert "no Docker engine answers it: permission denied: /var/run/docker.sock. `make up`" in told
    assert code == 0


def test_an_old_python_without_docker_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    (told,) = doctor.check_ways(False, "docker is not installed")
    assert told.level == "fix"
    assert "needs Python 3.11 to 3.13, not 3.10.1. Install one of the two" in told.text


@pytest.fixture
def started(copy: Path) -> Iterator[Path]:
    """Return a copy that looks started: somebody who lives holds its mark."""
    with (copy / ".labloop.pid").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        print(os.getpid(), file=file, flush=True)
        yield copy


def test_servers_that_do_not_answer_are_named(started: Path) -> None:
    code, told = examine(started)
    assert "fix   api           Nothing answers at port" in told
    assert "API_PORT=… make doctor. What `make up` prints says more." in told
    assert "fix   lab           Nothing answers at port" in told
    assert code == 1


def test_a_living_api_is_asked(started: Path, api: LiveApi) -> None:
    _, told = examine(started, API_PORT=api.url.rpartition(":")[2])
    assert "ok    api           It serves iris version 1 as its default model." in told
    assert f"scikit-learn {installed_libraries()['scikit-learn']}" in told
    assert "note  models        flowers version 2 was refused: " in told
    assert "ok    models        2 of 2 models are served." in told


def test_what_is_not_the_api_is_named(started: Path, other_api: Callable[..., Lab]) -> None:
    port = other_api({}).settings.api_url.rpartition(":")[2]
    OtherApi.answers["/api"] = {"version": "2"}
    _, told = examine(started, API_PORT=port, LAB_PORT=port)
    assert f"fix   api           What answers at port {port} is not Labloop's" in told
    assert "ok    lab           JupyterLab answers, on Jupyter Server 2." in told
    assert "fix   lab           lab.doctor() could not be asked: " in told


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


def test_containers_that_are_not_well_are_named(copy: Path) -> None:
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


def test_a_stack_beside_a_start_without_docker_is_told(started: Path) -> None:
    fake_docker(started, STACK)
    code, told = examine(started)
    assert "ok    started       Without Docker, by process " in told
    assert "volume mine_logs: its own JupyterLab reads it, and a notebook that runs on this" in told
    assert "fix   started       Both share the models, and each has a log of its own." in told
    assert code == 1


def test_a_project_name_that_compose_refuses_is_told(copy: Path) -> None:
    said = 'invalid project name "Mine": must consist only of'
    fake_docker(copy, STACK.replace(f"echo '{CONFIG}'", f"echo '{said}' >&2; exit 1"))
    code, told = examine(copy)
    assert 'refuses what is set here: invalid project name "Mine": must consist only of' in told
    assert "Choose another: COMPOSE_PROJECT_NAME=labloop" in told
    assert code == 1


def test_a_project_of_another_checkout_is_told(copy: Path, tmp_path: Path) -> None:
    fake_docker(copy, STACK.replace("ps*) ;;", f"ps*) echo {tmp_path};;", 1))
    code, told = examine(copy)
    assert f"fix   project       'mine' is in use by the checkout at {tmp_path}." in told
    assert "COMPOSE_PROJECT_NAME=mine-2" in told
    assert "note  started       Nothing is; `make up` starts it." in told
    assert code == 1


def test_a_project_whose_checkout_is_gone_is_ours(copy: Path) -> None:
    fake_docker(copy, STACK.replace("ps*) ;;", f"ps*) echo {copy}-before;;", 1))
    assert "ok    project       'mine' is this checkout's." in examine(copy)[1]
