"""`make images` builds of a commit alone, unless told otherwise, and says what it built."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clone import ENVIRONMENT, Clone
from tests.support.stack import VERSION, copy_checkout

# Builds nothing, and has an image of 12 MB.
DOCKER = """#!/bin/sh
[ "$1" = build ] && echo "$*" >>{told}
echo 12000000
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = Clone(copy_checkout(tmp_path_factory.mktemp("images") / "clone"))
    clone.begin()
    docker = clone.folder.parent / "docker"
    docker.write_text(DOCKER.format(told=clone.folder.parent / "told"))
    docker.chmod(0o755)
    return clone


def images(clone: Clone, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `make images`, whose docker keeps what it was told."""
    (clone.folder.parent / "told").write_text("")
    return subprocess.run(
        [sys.executable, "-m", "start.images"],
        cwd=clone.folder,
        env={**ENVIRONMENT, "PATH": f"{clone.folder.parent}:{ENVIRONMENT['PATH']}", **settings},
        capture_output=True,
        text=True,
    )


def built(clone: Clone) -> list[str]:
    return (clone.folder.parent / "told").read_text().splitlines()


def test_both_images_are_built_and_named(clone: Clone) -> None:
    done = images(clone, IMAGE_PREFIX="registry.example.org/team/", BASE_IMAGE="mine:1")
    assert done.returncode == 0, done.stderr
    revision = clone.git("rev-parse", "--short=12", "HEAD").strip()
    assert len(built(clone)) == 2
    for side, told in zip(("api", "lab"), built(clone), strict=True):
        image = f"registry.example.org/team/labloop-{side}:{VERSION}"
        assert f"--file Dockerfile.{side} --target release" in told
        assert f"--tag {image} ." in told
        assert f"--build-arg REVISION={revision}" in told
        assert "--build-arg BASE_IMAGE=mine:1" in told
        assert "--build-arg RUN_CODE=committed" in told
        assert f"{image} has 12 MB." in done.stdout


def test_uncommitted_code_is_not_built(clone: Clone) -> None:
    mine = Path(clone.folder / "service" / "mine.py")
    mine.write_text("")
    done = images(clone)
    assert (done.returncode, built(clone)) == (1, [])
    assert "RUN_CODE=any make images" in done.stderr
    done = images(clone, RUN_CODE="any")
    assert done.returncode == 0, done.stderr
    assert all("--build-arg RUN_CODE=any" in told for told in built(clone))
    mine.unlink()


def test_code_without_git_is_not_built(clone: Clone) -> None:
    done = images(clone, GIT_DIR="/nowhere")
    assert (done.returncode, built(clone)) == (1, [])
    assert "Build the images in a git clone" in done.stderr


def test_another_choice_is_refused(clone: Clone) -> None:
    done = images(clone, RUN_CODE="some")
    assert (done.returncode, built(clone)) == (1, [])
    assert done.stderr.startswith("RUN_CODE='some' cannot be used")


def test_images_need_an_engine(tmp_path: Path, clone: Clone) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)
    done = images(clone, PATH=f"{tmp_path}:{ENVIRONMENT['PATH']}")
    assert done.returncode == 1
    assert done.stderr.startswith("No Docker engine answers here")
