"""The real thing: built, started, used, looked at from outside, stopped and started again."""

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.contract.errors import LogElsewhereError
from service.lab import Lab
from tests.support.live import CHECKOUT, free_ports, wait_until
from tests.support.need import need
from tests.support.stack import REVISION, ComposeLab, composed, copy_checkout, debian_packages

VERSION = (CHECKOUT / "VERSION").read_text().strip()
OURS = ["api", "train", "lab"]

IN_THE_LAB_IMAGE = [
    "api_tiles.py",
    "checkout.py",
    "greeting.py",
    "jupyter_server_config.py",
    "labconfig",
    "labconfig/api.svg",
    "labconfig/bashrc",
    "labconfig/default_setting_overrides.json",
    "labconfig/docs.svg",
    "owner.py",
]

LAB_MOUNTS = {"service": True, "data": True, "notebooks": True, "logs": False}
MOUNTS = {
    "api": {"service": False, "data/models": False, "logs": True},
    "train": LAB_MOUNTS,
    "lab": LAB_MOUNTS,
}


def test_the_images_in_the_compose_file_carry_the_version() -> None:
    text = (CHECKOUT / "docker-compose.yml").read_text()
    named = re.findall(r"image: \$\{COMPOSE_PROJECT_NAME\}-\w+:(\S+)|VERSION: (\S+)", text)
    assert len(named) == text.count("image: ") + 1 == 5
    assert {image or argument for image, argument in named} == {VERSION}


def test_a_good_start_logs_no_error(stack: ComposeLab) -> None:
    log = stack.log()
    assert "Application startup complete" in log
    bad = re.findall(r".*(?:\bERROR\b|\bCRITICAL\b|Traceback|\[[EC] \d).*", log)
    assert bad == []
    assert "0.0.0.0" not in log
    assert stack.greeting() == [
        "Labloop is up.",
        f"The API:     {stack.api_url}/",
        f"JupyterLab:  {stack.lab_url}/lab/tree/notebooks?token={stack.token()}",
        "Stop with:   make down",
    ]
    assert stack.log("lab").splitlines()[1:5] == stack.greeting()  # and nothing before it
    repeated = stack.run("-c", "from start import up; print(up.greeting_of_stack())")  # by make up
    assert repeated.stdout.splitlines() == stack.greeting()


def test_the_first_start_trains_and_the_reference_request_is_answered(stack: ComposeLab) -> None:
    response = stack.predict()
    assert response.json() == {"prediction": 0}
    assert "'iris' is published and served" in stack.log("train")
    assert stack.inspect("train")["State"]["ExitCode"] == 0


def test_a_second_up_with_everything_running_changes_nothing(stack: ComposeLab) -> None:
    version = stack.version()
    before = {name: stack.inspect(name)["Id"] for name in ("owner", "api", "lab")}
    stack.up()
    assert {name: stack.inspect(name)["Id"] for name in before} == before
    assert stack.version() == version


def test_training_in_the_lab_swaps_the_model_that_the_api_serves(stack: ComposeLab) -> None:
    before, started = stack.version(), stack.inspect("api")["State"]["StartedAt"]
    notebook = ["notebooks/02_train.ipynb", "/tmp/trained.ipynb"]
    stack.run_in("lab", "papermill", *notebook)
    wait_until(lambda: stack.version() == before + 1, f"version {before + 1} served")
    assert stack.inspect("api")["State"]["StartedAt"] == started


def test_a_manifest_names_the_image_and_the_revision(stack: ComposeLab) -> None:
    text = (stack.folder / "data/models/iris/1/manifest.json").read_text()
    assert f"labloop-lab:{VERSION}" in text
    assert REVISION in text
    assert '"git_dirty": false' in text  # the container has the code that was started


def log_lines(lab: ComposeLab, prediction_id: str) -> list[str]:
    """Return the lines of the prediction log that name an id, as the lab sees them."""
    found = lab.run_in("lab", "grep", "-rhF", prediction_id, "logs", check=False)
    return found.stdout.splitlines()


def test_the_lab_reads_the_log_that_the_api_writes(stack: ComposeLab) -> None:
    asked = stack.predict().headers["X-Prediction-Id"]
    line = wait_until(lambda: log_lines(stack, asked), "the log line", 15)[0]
    assert f"labloop-api:{VERSION}" in json.dumps(json.loads(line))


def test_the_lab_reads_the_log_as_a_table_and_tells_the_truth(stack: ComposeLab) -> None:
    asked = stack.predict().headers["X-Prediction-Id"]
    code = f"""
from service.lab import Lab
lab = Lab()
lab.feedback({asked!r}, 0)
print(lab.predictions("iris").set_index("prediction_id").loc[{asked!r}, "truth"])
print(lab.sql("SELECT count(*) AS n FROM predictions JOIN feedback USING (prediction_id)")["n"][0])
"""
    truth, count = stack.run_in("lab", "python", "-c", code).stdout.split()
    assert truth == "0"
    assert int(count) >= 1


def test_a_terminal_has_the_project_s_python(stack: ComposeLab) -> None:
    shown = stack.type_in_terminal("python -c 'import service, sys; print(sys.prefix)'")
    assert "\r/opt/venv\r\n" in shown
    assert "\r/opt/venv/bin/papermill\r\n" in stack.type_in_terminal("command -v papermill")


def test_a_lab_on_the_host_says_where_the_api_logs(stack: ComposeLab) -> None:
    asked = stack.predict().headers["X-Prediction-Id"]
    wait_until(lambda: log_lines(stack, asked), "the log line", 15)
    here = {"models_dir": stack.folder / "data" / "models", "log_copy_dir": stack.folder / "copy"}
    lab = Lab(api_url=stack.api_url, logs_dir=stack.folder / "logs", **here)
    with pytest.raises(LogElsewhereError, match="logs to /labloop/logs in a container") as told:
        lab.predictions("iris")
    (copy,) = re.findall("`docker (compose cp [^`]*)`", str(told.value))
    stack.compose(*copy.split()[1:])
    copied = Lab(api_url=stack.api_url, logs_dir=stack.folder / "logs" / "copy", **here)
    assert asked in set(copied.predictions("iris")["prediction_id"])
    shutil.rmtree(stack.folder / "logs" / "copy")


def test_the_doctors_find_nothing_to_fix(stack: ComposeLab) -> None:
    inside = "from service.lab import Lab; print(Lab().doctor())"
    told = stack.run_in("lab", "python", "-c", inside).stdout
    assert told.startswith("Nothing is to be fixed.\n"), told
    done = stack.doctor()
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("ok    stack         api runs.", "ok    stack         train is done."):
        assert line in done.stdout
    assert "ok    lab: log      Every line is what was written" in done.stdout


def test_the_lab_cannot_write_the_log(stack: ComposeLab) -> None:
    refused = stack.run_in("lab", "touch", "logs/mine", check=False)
    assert refused.returncode != 0
    assert "Read-only file system" in refused.stderr


@pytest.mark.parametrize("path", ["service/mine.py", "data/models/mine"])
def test_the_api_cannot_write_code_or_models(stack: ComposeLab, path: str) -> None:
    refused = stack.run_in("api", "touch", path, check=False)
    assert refused.returncode != 0
    assert "Read-only file system" in refused.stderr


# What can be seen from outside.


@pytest.mark.parametrize("service", OURS)
def test_mounts_are_those_of_the_design(stack: ComposeLab, service: str) -> None:
    found = {mount["Destination"]: mount for mount in stack.inspect(service)["Mounts"]}
    wanted = {f"/labloop/{path}": writable for path, writable in MOUNTS[service].items()}
    assert {path: mount["RW"] for path, mount in found.items()} == wanted
    assert found.pop("/labloop/logs")["Type"] == "volume"
    for path, mount in found.items():
        assert mount["Source"] == str(stack.folder / path.removeprefix("/labloop/"))
        assert Path(mount["Source"]).is_dir()


@pytest.mark.parametrize("service", ["checkout", *OURS])
def test_containers_may_do_little(stack: ComposeLab, service: str) -> None:
    container = stack.inspect(service)
    host = container["HostConfig"]
    assert container["Config"]["User"] == "1000:1000"
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["ReadonlyRootfs"] is True
    assert host["Init"] is True
    assert host["Privileged"] is False
    assert 0 < host["PidsLimit"] <= 512
    assert 0 < host["Memory"] <= 4 * 2**30


def test_what_guards_the_project_sees_neither_log_nor_network(stack: ComposeLab) -> None:
    guard = stack.inspect("checkout")
    assert guard["HostConfig"]["NetworkMode"] == "none"
    mounts = {mount["Destination"]: mount["RW"] for mount in guard["Mounts"]}
    assert mounts == {"/labloop/service": False, "/var/lib/labloop": True}


def test_the_owner_has_three_rights_and_no_network(stack: ComposeLab) -> None:
    host = stack.inspect("owner")["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert sorted(host["CapAdd"]) == ["CHOWN", "DAC_OVERRIDE", "FOWNER"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["ReadonlyRootfs"] is True
    assert host["NetworkMode"] == "none"
    assert host["PortBindings"] == {}


@pytest.mark.parametrize("service", ["api", "lab"])
def test_no_process_is_root_or_has_a_capability(stack: ComposeLab, service: str) -> None:
    command = "grep -hE '^(Uid|CapEff|CapPrm|CapBnd|NoNewPrivs):' /proc/[0-9]*/status"
    said = stack.run_in(service, "sh", "-c", command).stdout.replace("\t", " ")
    lines = set(said.splitlines())
    assert lines == {
        "Uid: 1000 1000 1000 1000",
        "CapEff: 0000000000000000",
        "CapPrm: 0000000000000000",
        "CapBnd: 0000000000000000",
        "NoNewPrivs: 1",
    }


@pytest.mark.parametrize("service", ["api", "lab"])
def test_ports_are_published_on_this_machine_only(stack: ComposeLab, service: str) -> None:
    port = stack.api_port if service == "api" else stack.lab_port
    bindings = stack.inspect(service)["HostConfig"]["PortBindings"].values()
    assert list(bindings) == [[{"HostIp": "127.0.0.1", "HostPort": str(port)}]]


@pytest.mark.parametrize("side", ["api", "lab"])
def test_images_say_version_revision_and_licence(stack: ComposeLab, side: str) -> None:
    config = stack.inspect(side)["Config"]
    assert config["Image"] == f"{stack.project}-{side}:{VERSION}"
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in config["Labels"].items()
    }
    assert labels["version"] == VERSION
    assert labels["revision"] == REVISION
    assert labels["licenses"] == "MIT"
    assert labels["title"]
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python"]


def test_nothing_of_the_checkout_but_the_start_is_in_the_images(stack: ComposeLab) -> None:
    listing = ["find", "/labloop", "/opt/labloop"]
    for side in ("lab", "api"):
        image = f"{stack.project}-{side}:{VERSION}"
        command = ["docker", "run", "--rm", "--network=none", image, *listing]
        found = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.split()
        expected = ["/labloop", "/labloop/logs"]
        if side == "lab":
            expected += ["/opt/labloop"]
            expected += [f"/opt/labloop/{name}" for name in IN_THE_LAB_IMAGE]
        assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("service", ["api", "lab"])
def test_both_images_have_the_debian_packages(stack: ComposeLab, service: str) -> None:
    load = "import ctypes; print(ctypes.CDLL('libgomp.so.1').omp_get_max_threads())"
    assert int(stack.run_in(service, "python", "-c", load).stdout) >= 1
    for name in debian_packages():
        said = stack.run_in(service, "dpkg-query", "--show", "--showformat=${Status}", name).stdout
        assert said == "install ok installed"


# The way in.


def test_the_printed_url_works_and_no_other_does(stack: ComposeLab) -> None:
    url = stack.printed_url()
    assert len(stack.token()) >= 32
    assert httpx.get(url, follow_redirects=True).status_code == 200
    without = httpx.get(url.partition("?")[0])
    assert without.status_code == 302
    assert "/login" in without.headers["Location"]
    assert httpx.get(f"{stack.lab_url}/api/contents").status_code == 403
    assert httpx.get(f"{stack.lab_url}/api/contents?token=").status_code == 403


def test_a_foreign_host_name_is_refused_even_with_the_token(stack: ComposeLab) -> None:
    url = f"{stack.lab_url}/api/contents?token={stack.token()}"
    assert httpx.get(url).status_code == 200
    foreign = httpx.get(url, headers={"Host": f"evil.example:{stack.lab_port}"})
    assert foreign.status_code == 403


def test_a_post_from_another_page_is_refused(stack: ComposeLab) -> None:
    with httpx.Client() as visitor:
        visitor.get(stack.printed_url(), follow_redirects=True)  # Has the cookie from now on.
        kernels = f"{stack.lab_url}/api/kernels"
        before = visitor.get(kernels).json()
        foreign = visitor.post(kernels, headers={"Origin": "http://evil.example"}, json={})
        without_xsrf_token = visitor.post(kernels, json={})
        assert foreign.status_code == 404
        assert without_xsrf_token.status_code == 403
        assert visitor.get(kernels).json() == before


# Code reload.


@pytest.fixture
def app_file(stack: ComposeLab) -> Iterator[Path]:
    """Return the API's main file, and put it back as it was."""
    path = stack.folder / "service" / "api" / "app.py"
    good = path.read_text()
    yield path
    path.write_text(good)
    wait_until(lambda: served_title(stack) not in ("", "Edited"), "the API as it was")


def edited(code: str) -> str:
    return code.replace('title="Labloop"', 'title="Edited"')


def served_title(lab: ComposeLab) -> str:
    """Return the API's title, which is in its code; empty while it does not answer."""
    try:
        return str(httpx.get(f"{lab.api_url}/openapi.json").json()["info"]["title"])
    except httpx.TransportError:
        return ""


def test_an_edit_on_the_host_reloads_the_code(stack: ComposeLab, app_file: Path) -> None:
    app_file.write_text(edited(app_file.read_text()))
    wait_until(lambda: served_title(stack) == "Edited", "the edited code")
    assert stack.predict().json() == {"prediction": 0}


def test_a_broken_edit_in_jupyterlab_shows_its_error_and_the_next_good_one_mends_it(
    stack: ComposeLab, app_file: Path
) -> None:
    good = app_file.read_text()
    wrong = 'raise RuntimeError("broken on purpose")\n'
    assert stack.save("service/api/app.py", f"{good}\n{wrong}").status_code == 200
    wait_until(
        lambda: "RuntimeError: broken on purpose" in stack.log("api"), "the error in the log"
    )
    wait_until(lambda: served_title(stack) == "", "the broken API gone")
    assert stack.save("service/api/app.py", edited(good)).status_code == 200
    wait_until(lambda: served_title(stack) == "Edited", "the mended code")


# What dies.

KILL = """
import os, pathlib, signal, sys
for process in pathlib.Path("/proc").glob("[0-9]*"):
    if process.name not in ("1", str(os.getpid())):
        if sys.argv[1].encode() in (process / "cmdline").read_bytes():
            os.kill(int(process.name), signal.SIGKILL)
"""


def kill_in_the_api(lab: ComposeLab, command: str) -> str:
    """Kill what runs a command in the container; say when the container had started."""
    started = str(lab.inspect("api")["State"]["StartedAt"])
    lab.run_in("api", "python", "-c", KILL, command, check=False)  # it may end with the container
    return started


def test_a_worker_that_is_killed_in_its_container_is_replaced(stack: ComposeLab) -> None:
    version = stack.version()
    started = kill_in_the_api(stack, "spawn_main")
    wait_until(lambda: "(SIGKILL, out of memory?)" in stack.log("api"), "the end told")
    wait_until(lambda: stack.version() == version, "the next worker", 30)
    assert stack.inspect("api")["State"]["StartedAt"] == started


def test_a_container_whose_main_process_dies_is_started_again(stack: ComposeLab) -> None:
    version = stack.version()
    started = kill_in_the_api(stack, "service.api")
    wait_until(lambda: stack.inspect("api")["State"]["StartedAt"] != started, "its restart")
    wait_until(lambda: stack.version() == version, "an answer", 60)


def test_in_a_small_container_the_api_stays_and_says_why(stack: ComposeLab) -> None:
    (port,) = free_ports(1)
    image = stack.inspect("api")["Config"]["Image"]
    command = ["docker", "run", "--detach", "--init", "--user=1000:1000"]
    command += ["--memory=256m", "--memory-swap=256m", f"--publish=127.0.0.1:{port}:8000"]
    command += [f"--volume={stack.folder}/service:/labloop/service:ro"]
    command += [f"--volume={stack.folder}/data/models:/labloop/data/models:ro", image]
    container = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def ready() -> httpx.Response | None:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}/health/ready")
        return None

    try:
        response = wait_until(ready, "an answer", 120)
        assert response.is_success or "short of memory" in response.json()["error"]
    finally:
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=True)


def test_what_should_run_is_restarted(stack: ComposeLab) -> None:
    policies = {
        service: stack.inspect(service)["HostConfig"]["RestartPolicy"]["Name"]
        for service in ("owner", *OURS)
    }
    assert policies.pop("train") == "no"
    assert {*policies.values()} == {"unless-stopped"}


# The next day.


def test_down_and_up_lose_nothing(stack: ComposeLab) -> None:
    version = stack.version()
    asked = stack.predict().headers["X-Prediction-Id"]
    wait_until(lambda: log_lines(stack, asked), "the log line", 15)
    assert stack.save("notebooks/mine.txt", "kept").status_code == 201
    first_token = stack.token()

    stack.down()
    stack.up()

    assert stack.predict().json() == {"prediction": 0}
    assert stack.version() == version
    assert log_lines(stack, asked)
    assert stack.jupyter("GET", "contents/notebooks/mine.txt").json()["content"] == "kept"
    assert stack.token() != first_token
    assert len(stack.log("train").strip().splitlines()) == 1


# A first start that cannot train, for other machines.


def test_a_start_without_a_model_ends_with_a_lab(stack: ComposeLab, tmp_path: Path) -> None:
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
        for service, url in {"api": f"{lab.api_url}/health/live", "lab": lab.lab_url}.items():
            bindings = lab.inspect(service)["HostConfig"]["PortBindings"].values()
            assert [each[0]["HostIp"] for each in bindings] == ["0.0.0.0"]
            for host, status in {name: 200, "127.0.0.1": 200, "evil.example": 403}.items():
                asked = httpx.get(url, headers={"Host": host}, follow_redirects=service == "lab")
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


def test_a_second_checkout_leaves_the_log_alone(stack: ComposeLab, clone: ComposeLab) -> None:
    asked = stack.predict().headers["X-Prediction-Id"]
    wait_until(lambda: log_lines(stack, asked), "the log line", 15)
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
    assert log_lines(stack, asked)


def test_a_folder_without_latin_letters_gets_a_name(engine: None, tmp_path: Path) -> None:
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


def test_deleting_the_log_leaves_nothing_of_it(stack: ComposeLab) -> None:
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
def test_what_the_lab_makes_belongs_to_the_owner_of_the_checkout(
    stack: ComposeLab, tmp_path: Path, uid: int
) -> None:
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
