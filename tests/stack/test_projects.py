"""Whose project it is: a second checkout, a folder of any name, an owner of any number."""

import json
import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.live import wait_until
from tests.support.need import need
from tests.support.stack import (
    ComposeLab,
    composed,
    copy_checkout,
)

# A first start that cannot train, for other machines.


def test_a_failed_training_leaves_a_lab(stack: ComposeLab, tmp_path: Path) -> None:
    """What Compose sets, JupyterLab and the API obey alike: a name, an address, a token."""
    copy_checkout(tmp_path)
    with composed(tmp_path, "labloop-test-churn") as lab:
        name = "lab.example.org"
        lab.environment |= {"DEFAULT_MODEL": "churn", "API_TOKEN": "a token"}
        lab.environment |= {"BIND_ADDRESS": "0.0.0.0", "ALLOWED_HOSTS": name}
        lab.up()
        assert "There is nothing to train 'churn' on: no data/churn.csv." in lab.log("train")
        assert not (tmp_path / "data/models/churn").exists()
        wait_until(lambda: "Labloop is up." in lab.log("lab"), "the greeting")
        greeting = "\n".join(lab.greeting())
        assert "Note:        No model is published yet." in greeting
        assert f"From other machines: {name} in place of 127.0.0.1" in greeting
        assert "API_TOKEN is empty" not in greeting
        for service, url in {"api": f"{lab.api_url}/models", "lab": lab.lab_url}.items():
            bindings = lab.inspect(service)["HostConfig"]["PortBindings"].values()
            assert [each[0]["HostIp"] for each in bindings] == ["0.0.0.0"]
            for host, status in {name: 200, "127.0.0.1": 200, "evil.example": 403}.items():
                token = lab.headers if service == "api" else {}
                headers = {"Host": host, **token}
                asked = httpx.get(url, headers=headers, follow_redirects=service == "lab")
                assert asked.status_code == status, (service, host)

        # A model of one's own under that name, published by a notebook that has the token.
        train = ["papermill", "notebooks/02_train.ipynb", "/tmp/out.ipynb", "-p", "MODEL", "churn"]
        lab.run_in("lab", *train)
        wait_until(lambda: lab.version() == 1, "the model")


# A second checkout.


@pytest.fixture
def clone(stack: ComposeLab, tmp_path: Path) -> ComposeLab:
    """Return another checkout whose folder has the same name, so that it is the same project."""
    clone = ComposeLab(copy_checkout(tmp_path / stack.folder.name), stack.project)
    clone.environment |= {name: stack.environment[name] for name in ("API_PORT", "LAB_PORT")}
    return clone


def test_a_second_checkout_replaces_nothing(stack: ComposeLab, clone: ComposeLab) -> None:
    before = {name: stack.inspect(name)["Id"] for name in ("owner", "api", "lab")}
    refused = clone.run("start/up.py", "docker")
    assert refused.returncode == 1
    assert f"Project {stack.project!r} is in use by the checkout at {stack.folder}." in (
        refused.stderr
    )
    assert f"COMPOSE_PROJECT_NAME={stack.project}-2 make up" in refused.stderr
    assert clone.run("-m", "start.deletion", typed="delete\n").returncode == 1
    assert f"{stack.folder}, and was left running" in clone.run("start/up.py", "down").stdout
    told = clone.doctor()
    assert f"fix   project       {stack.project!r} is in use by the checkout at " in told.stdout
    assert told.returncode == 1
    assert {name: stack.inspect(name)["Id"] for name in before} == before


def test_a_second_checkout_spares_the_log(stack: ComposeLab, clone: ComposeLab) -> None:
    asked = stack.predict().headers["X-Prediction-Id"]
    wait_until(lambda: stack.log_lines(asked), "the log line", 15)
    # Compose itself asks nobody before it replaces containers; then nothing starts.
    refused = clone.compose("up", "--wait", check=False)
    assert refused.returncode != 0
    assert f"Project {stack.project!r} is for the checkout at" in clone.log("checkout")
    assert f"COMPOSE_PROJECT_NAME={stack.project}-2" in clone.log("checkout")
    for name in ("owner", "api", "train", "lab"):
        assert clone.inspect(name)["State"]["Status"] == "created"

    clone.down()
    refused = clone.run("start/up.py", "docker")
    assert refused.returncode == 1
    assert f"Project {stack.project!r} is for the checkout at" in refused.stderr
    assert clone.compose("ps", "--all", "--quiet").stdout == ""

    stack.up()
    assert stack.log_lines(asked)


def test_a_nameless_folder_gets_a_name(engine: None, tmp_path: Path) -> None:
    lab = ComposeLab(copy_checkout(tmp_path / "实验"), "")
    (lab.folder / ".env").write_text("LOG_SYNC=always")
    assert "note  project       The folder's name, " in lab.doctor().stdout
    lab.environment["API_PORT"] = "none"  # it goes no further than to the check of the ports
    assert "API_PORT='none' is no port." in lab.run("start/up.py", "docker").stderr
    del lab.environment["COMPOSE_PROJECT_NAME"]
    lab.environment["API_PORT"] = "8000"
    config = json.loads(lab.compose("config", "--format", "json").stdout)
    assert re.fullmatch("labloop-[0-9a-f]{6}", config["name"])
    assert config["services"]["api"]["environment"]["LOG_SYNC"] == "always"
    assert f"ok    project       {config['name']!r} is this checkout's." in lab.doctor().stdout


def test_deleting_the_log_leaves_nothing(stack: ComposeLab) -> None:
    assert stack.predict().is_success
    stack.compose("restart", "api")  # it seals what it has written, and that is copied
    wait_until(stack.version, "the API again")
    stack.run_in("lab", "python", "-c", "from service.lab import Lab; Lab().predictions('iris')")
    copies = stack.folder / "data" / "log-copy"
    assert [*copies.rglob("*.parquet")]
    assert stack.run("-m", "start.deletion").returncode == 1
    assert stack.predict().is_success
    done = stack.run("-m", "start.deletion", typed="delete\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"volume {stack.project}_logs" in done.stdout
    assert [*copies.rglob("*")] == []
    volumes = ["docker", "volume", "ls", "--quiet", "--filter", f"name={stack.project}_logs"]
    assert subprocess.run(volumes, capture_output=True, text=True).stdout == ""

    stack.up()
    count = "from service.lab import Lab; print(len(Lab().predictions('iris')))"
    assert stack.run_in("lab", "python", "-c", count).stdout == "0\n"


# A checkout of anybody's.


@pytest.mark.parametrize("uid", [0, 1000, 1234])
def test_new_files_belong_to_the_owner(stack: ComposeLab, tmp_path: Path, uid: int) -> None:
    need(os.geteuid() == 0, "only root can make a checkout that belongs to someone else")
    copy_checkout(tmp_path)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)

    with composed(tmp_path, f"labloop-test-uid-{uid}") as lab:
        lab.up()
        assert lab.predict().json() == {"prediction": 0}

        notebook = lab.jupyter("GET", "contents/notebooks/02_train.ipynb").json()
        assert lab.jupyter("PUT", "contents/notebooks/02_train.ipynb", json=notebook).is_success
        assert lab.jupyter("PUT", "contents/notebooks/new.ipynb", json=notebook).is_success
        assert lab.jupyter("PUT", "contents/notebooks/mine", json={"type": "directory"}).is_success
        assert lab.save("service/mine.py", "x = 1\n").is_success
        by_kernel = "open('notebooks/mine/by_kernel.txt', 'w').write('x')"
        lab.run_in("lab", "python", "-c", by_kernel)
        lab.run_in("lab", "sh", "-c", "umask 077; echo x >data/private.csv")

        def belongs() -> bool:
            found = [tmp_path, *tmp_path.rglob("*")]
            made = {str(path.relative_to(tmp_path)) for path in found}
            assert {"notebooks/new.ipynb", "service/mine.py", "data/private.csv"} <= made
            assert "notebooks/mine/by_kernel.txt" in made
            assert "data/models/iris/1/manifest.json" in made
            return {path.lstat().st_uid for path in found} == {uid}

        wait_until(belongs, f"everything belongs to uid {uid}", 20)

        # And the lab can still change and remove what was given away.
        assert lab.save("service/mine.py", "x = 2\n").is_success
        lab.run_in("lab", "sh", "-c", "echo y >>data/private.csv && rm -r notebooks/mine")
