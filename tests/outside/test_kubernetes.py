"""Schemas of Kubernetes and a linter of policies find nothing in the manifests."""

import subprocess
from pathlib import Path

import pytest

from tests.support.live import CHECKOUT
from tests.support.manifests import OVERLAYS, manifests, rendered
from tests.support.need import outside

KUBERNETES = "1.37"
NO_SCHEMA = {"ServiceMonitor"}  # the Prometheus operator's


def validated(file: Path) -> tuple[int, str]:
    """Compare a file with the schemas; return the exit code and what was said."""
    program = str(outside("kubernetes", "kubernetes-validate"))
    command = [program, "--strict", "--kubernetes-version", KUBERNETES, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_schemas_hold_strictly(overlay: str, tmp_path: Path) -> None:
    file = tmp_path / "manifests.yaml"
    whole = rendered(overlay).split("\n---\n")
    file.write_text("\n---\n".join(each for each in whole if not is_foreign(each)))
    code, said = validated(file)
    assert code == 0, said
    ours = [each for each in manifests(overlay).documents if each["kind"] not in NO_SCHEMA]
    assert said.count(" passed ") == len(ours) > 10


def is_foreign(document: str) -> bool:
    return any(f"\nkind: {kind}\n" in document for kind in NO_SCHEMA)


def test_the_schemas_would_find_it(tmp_path: Path) -> None:
    file = tmp_path / "manifests.yaml"
    file.write_text(rendered("local").replace("podManagementPolicy:", "podManagmentPolicy:"))
    code, said = validated(file)
    assert code != 0
    assert "podManagmentPolicy" in said


def test_the_linter_has_no_finding(tmp_path: Path) -> None:
    """What is suppressed is so with a reason, in k8s/checkov.yml."""
    for overlay in OVERLAYS:
        (tmp_path / f"{overlay}.yaml").write_text(rendered(overlay))
    command = [str(outside("kubernetes", "checkov")), "--directory", str(tmp_path), "--compact"]
    command += ["--framework", "kubernetes", "--config-file", "k8s/checkov.yml", "--quiet"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Failed checks: 0" in done.stdout
