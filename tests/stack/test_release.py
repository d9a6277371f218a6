"""The release images carry a commit's code, and run nothing else unless told so."""

import json
from pathlib import Path

import pytest

from tests.support.live import wait_until
from tests.support.release import docker, image_of
from tests.support.stack import VERSION, debian_packages

Release = tuple[Path, str]
SIDES = ["api", "lab"]
# Over the base image. Dask and its dashboard are 38 MB of the lab.
MOST_BYTES = {"api": 300_000_000, "lab": 650_000_000}


def run(side: str, *words: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run a container as a pod would be; return its exit code and all that it says."""
    least = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none"]
    done = docker("run", "--rm", *least, *options, image_of(side), *words, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_build_says_names_and_sizes(release: Release) -> None:
    for side in SIDES:
        assert f"{image_of(side)} has " in release[1]


@pytest.mark.parametrize("side", SIDES)
def test_release_images_stay_slim(release: Release, side: str) -> None:
    code, said = run(side, "du", "--bytes", "--summarize", "--total", "/opt", "/labloop")
    assert code == 0, said
    assert int(said.split()[-2]) <= MOST_BYTES[side]


@pytest.mark.parametrize("side", SIDES)
def test_release_images_say_their_commit(release: Release, side: str) -> None:
    config = json.loads(docker("image", "inspect", image_of(side)).stdout)[0]["Config"]
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
    environment = dict(each.split("=", 1) for each in config["Env"])
    assert labels["version"] == VERSION
    assert labels["licenses"] == "MIT"
    assert environment["LABLOOP_IMAGE"] == f"labloop-{side}:{VERSION}"
    assert environment["GIT_REVISION"] == labels["revision"]
    assert len(labels["revision"]) == 12
    assert environment["RUN_CODE"] == "committed"
    assert config["User"] == "1000:1000"


@pytest.mark.parametrize("side", SIDES)
def test_release_images_carry_the_code(release: Release, side: str) -> None:
    carried = ["service/features.py", "LICENSE"]
    if side == "lab":
        carried += ["notebooks/02_train.ipynb", "data/iris.csv", "data/README.md"]
    for name in carried:
        code, said = run(side, "cat", name)
        assert code == 0, said
        assert said == (release[0] / name).read_text()
    left_out = "find / -xdev -name owner.py -o -path '/opt/venv/*' -name tests -type d"
    assert run(side, "sh", "-c", f"{left_out} 2>/dev/null")[1] == ""
    for name in debian_packages():
        assert run(side, "dpkg-query", "--show", name)[0] == 0


START = {
    "api": ("python", "-m", "service.api"),
    "lab": ("jupyter", "lab", "--config=/opt/labloop/jupyter_server_config.py"),
    "train": ("python", "-m", "service.lab.train"),
}


@pytest.mark.parametrize("program", START)
def test_edited_code_is_refused(release: Release, program: str, tmp_path: Path) -> None:
    edited = tmp_path / "features.py"
    edited.write_text((release[0] / "service" / "features.py").read_text() + "# mine\n")
    side = "api" if program == "api" else "lab"
    over = (f"--volume={edited}:/labloop/service/features.py:ro", "--tmpfs=/home/labloop:uid=1000")
    code, said = run(side, *START[program], options=over)
    assert code == 1, said
    assert "/labloop/service is not the code of its commit" in said
    assert "set RUN_CODE=any to run it all the same" in said
    check = ("python", "-c", "from service.contract.build import build; build().check()")
    assert run(side, *check, options=(*over, "--env=RUN_CODE=any")) == (0, "")
    assert run(side, *check) == (0, "")


def test_code_of_no_commit_is_refused(release: Release) -> None:
    code, said = run("api", options=("--env=CODE_DIGEST=",))
    assert code == 1
    assert "does not know of which commit its code is" in said
    assert "`make images` in a git clone" in said


@pytest.mark.parametrize("side", SIDES)
def test_any_user_runs_it(release: Release, side: str) -> None:
    """As on OpenShift: a number that the image does not know, in group 0."""
    writable = [f"--tmpfs={path}:mode=0770" for path in ("/tmp", "/home/labloop", "/labloop/logs")]
    options = ["--detach", "--user=1000650000:0", "--read-only", "--cap-drop=ALL", *writable]
    container = docker("run", *options, image_of(side)).stdout.strip()
    form = "--format={{.State.Status}} {{.State.Health.Status}}"
    try:
        wait_until(
            lambda: docker("inspect", form, container).stdout.strip() == "running healthy",
            "its health",
            90,
        )
    finally:
        docker("rm", "--force", container)
