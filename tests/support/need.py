"""What a test needs from the machine."""

import os
from pathlib import Path

import pytest

from tests.support.live import CHECKOUT


def need(condition: object, reason: str) -> None:
    """Skip the test where the machine cannot run it; in CI, where it must, fail instead."""
    if condition:
        return
    if os.environ.get("CI"):
        pytest.fail(f"CI must be able to run this: {reason}", pytrace=False)
    pytest.skip(reason)


def outside(environment: str, program: str) -> Path:
    """Return a program of one of the environments that `make outside` makes."""
    path = CHECKOUT / f".venv-outside-{environment}" / "bin" / program
    need(path.exists(), f"the environment of {environment}; make it with: make outside")
    return path
