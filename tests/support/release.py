"""Release images, built as `make images` does, of a commit of what is here."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.stack import VERSION, copy_checkout

PREFIX = "labloop-test/"


def image_of(side: str) -> str:
    return f"{PREFIX}labloop-{side}:{VERSION}"


def docker(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["docker", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )
    assert not check or done.returncode == 0, f"docker {words}\n{done.stdout}{done.stderr}"
    return done


@pytest.fixture(scope="session")
def release(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Build the images; return the clone that they are of, and what was said."""
    clone = Clone(copy_checkout(tmp_path_factory.mktemp("release") / "clone"))
    clone.begin()
    build = ("env", f"IMAGE_PREFIX={PREFIX}", sys.executable, "-m", "start.images")
    try:
        yield clone.folder, clone.run(*build).stdout
    finally:
        docker("rmi", image_of("api"), image_of("lab"), check=False)
