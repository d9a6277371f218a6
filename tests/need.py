"""What a test needs from the machine."""

import os

import pytest


def need(condition: object, reason: str) -> None:
    """Skip the test where the machine cannot run it; in CI, where it must, fail instead."""
    if condition:
        return
    if os.environ.get("CI"):
        pytest.fail(f"CI must be able to run this: {reason}", pytrace=False)
    pytest.skip(reason)
