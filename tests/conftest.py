import os
from typing import Any

import prometheus_client  # noqa: F401  (before service.api.app: only a server counts in files)
import pytest
from xdist.scheduler import LoadFileScheduling

from tests.support.stack import checkout, engine, stack  # noqa: F401

# Whoever works here may have a `.env`; it is not what is tested.
os.environ["COMPOSE_DISABLE_ENV_FILE"] = "1"

# What runs in environments of other people's packages cannot be imported here.
collect_ignore_glob = ["outside/ask_*.py"]
SHARE_THE_STACK = ("tests/stack/test_browser.py", "tests/stack/test_compose.py")


class OneStack(LoadFileScheduling):  # type: ignore[misc]
    """Keep each file on one worker, for its fixtures; and one worker for the Compose stack."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "the stack" if file in SHARE_THE_STACK else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneStack:
    return OneStack(config, log)
