"""The application is made by a function; to import it starts nothing."""

import subprocess
import sys
from pathlib import Path

from service.api.app import create_app
from service.api.state import State
from service.contract.settings import Settings
from tests.support.live import CHECKOUT

IMPORT_ALL = """
import importlib, pkgutil, threading
import service.api
for found in pkgutil.walk_packages(service.api.__path__, "service.api."):
    importlib.import_module(found.name)
assert threading.active_count() == 1, threading.enumerate()
print("imported")
"""


def said_and_left(command: str, folder: Path) -> tuple[str, list[str]]:
    """Run Python with a temporary folder of its own; return what it said and left there."""
    environment = {"TMPDIR": str(folder), "LOGS_DIR": str(folder / "logs"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=CHECKOUT, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip(), [file.name for file in folder.rglob("*")]


def test_importing_starts_and_writes_nothing(tmp_path: Path) -> None:
    assert said_and_left(IMPORT_ALL, tmp_path) == ("imported", [])


def test_applications_do_not_share_their_state(tmp_path: Path) -> None:
    states: list[State] = [
        create_app(Settings(models_dir=tmp_path / name, logs_dir=tmp_path)).state.labloop
        for name in ("one", "other")
    ]
    assert [state.store.root.name for state in states] == ["one", "other"]
    assert [*tmp_path.iterdir()] == []
