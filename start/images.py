"""Build the release images, which carry the code of a commit: `make images`.

    python -m start.images

A release image runs without a checkout, for instance on Kubernetes. It refuses to run code that
is in no commit, so this refuses to build such an image, unless `RUN_CODE=any`. `IMAGE_PREFIX` is
what comes before the images' names, for a registry: `registry.example.org/team/`.
"""

from __future__ import annotations

import os
import subprocess
import sys

from service.contract import code_digest
from start import up

SIDES = ("api", "lab")
BASE_IMAGE = "python:3.13-slim-trixie"
COMMITTED, ANY = "committed", "any"


def names(prefix: str) -> dict[str, str]:
    """Return the name of each side's image.

    Examples
    --------
    >>> names("registry.example.org/")["api"].startswith("registry.example.org/labloop-api:")
    True
    """
    return {side: f"{prefix}labloop-{side}:{up.version()}" for side in SIDES}


def check_engine() -> None:
    """Stop with a sentence where nothing can build an image."""
    if not up.answer("docker", "version", "--format", "{{.Server.Version}}"):
        sys.exit("No Docker engine answers here, and only one can build images. Start one.")


def commit(run_code: str) -> tuple[str, str]:
    """Return the commit and the digest of its code, or stop if the code here is another one."""
    revision = up.answer("git", "rev-parse", "--short=12", "HEAD")
    digest = up.digest_of(revision)
    if run_code != ANY:
        if not digest:
            sys.exit(
                "Git does not tell of which commit this code is. Build the images in a git clone, "
                "or of whatever is here: RUN_CODE=any make images"
            )
        if digest != code_digest.of_folder(up.ROOT / "service"):
            sys.exit(
                f"service/ is not the code of commit {revision}, and release images run only what "
                "is committed. Commit the edits, or build what is here: RUN_CODE=any make images"
            )
    return revision, digest


def build(side: str, image: str, arguments: dict[str, str]) -> None:
    """Build one image; what Docker says of a failure is shown."""
    given = [word for item in arguments.items() for word in ("--build-arg", "=".join(item))]
    command = ["docker", "build", "--quiet", "--file", f"Dockerfile.{side}", "--target", "release"]
    done = subprocess.run(
        [*command, *given, "--tag", image, "."],
        cwd=up.ROOT,
        env=os.environ | {"DOCKER_BUILDKIT": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    if done.returncode:
        sys.exit(f"{image} was not built.")


def size(image: str) -> float:
    """Return an image's size in MB."""
    return int(up.answer("docker", "image", "inspect", "--format", "{{.Size}}", image)) / 1e6


def main() -> None:
    """Build both images, and say what they are called and how large they are."""
    settings = {**up.settings_in_file(), **os.environ}
    run_code = settings.get("RUN_CODE") or COMMITTED
    if run_code not in (COMMITTED, ANY):
        sys.exit(f"RUN_CODE={run_code!r} cannot be used: it is neither {COMMITTED!r} nor {ANY!r}.")
    base = settings.get("BASE_IMAGE") or BASE_IMAGE
    check_engine()
    revision, digest = commit(run_code)
    arguments = {
        "BASE_IMAGE": base,
        "VERSION": up.version(),
        "REVISION": revision,
        "CODE_DIGEST": digest,
        "RUN_CODE": run_code,
    }
    for side, image in names(settings.get("IMAGE_PREFIX", "")).items():
        print(f"Building {image} of commit {revision or 'unknown'} ...", flush=True)
        build(side, image, arguments)
        print(f"{image} has {size(image):.0f} MB.")


if __name__ == "__main__":
    main()
