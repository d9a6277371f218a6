"""The walls of service/: each side can be imported without what only the other side has."""

import subprocess
import sys

import pytest

from tests.support.live import CHECKOUT

LAB_ONLY = [
    "bokeh",
    "dask",
    "distributed",
    "duckdb",
    "httpx",
    "ipywidgets",
    "jupyter_server",
    "jupyterlab",
    "matplotlib",
    "papermill",
    "tqdm",
]
API_ONLY = ["fastapi", "fastapi_offline", "prometheus_client", "starlette", "uvicorn", "watchfiles"]
WALLS = {
    "service.contract": ["service.api", "service.lab", *LAB_ONLY, *API_ONLY],
    "service.features": ["service.api", "service.lab", *LAB_ONLY, *API_ONLY],
    "service.trusted_types": ["service.api", "service.lab", *LAB_ONLY, *API_ONLY],
    "service.api": ["service.lab", *LAB_ONLY],
    "service.lab": ["service.api", *API_ONLY],
    "service.lab.cluster": ["service.lab.lab", "duckdb", "matplotlib", "skops"],  # small and soon
}

IMPORT_ALL = """
import importlib, pkgutil, sys
room, *blocked = sys.argv[1:]
class Wall:
    def find_spec(self, name, path=None, target=None):
        if any(name == b or name.startswith(b + ".") for b in blocked):
            raise ImportError(f"{room} imports {name}")
sys.meta_path.insert(0, Wall())
module = importlib.import_module(room)
for found in pkgutil.walk_packages(getattr(module, "__path__", []), room + "."):
    importlib.import_module(found.name)
"""


@pytest.mark.parametrize("room", WALLS)
def test_each_side_imports_alone(room: str) -> None:
    command = [sys.executable, "-c", IMPORT_ALL, room, *WALLS[room]]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
