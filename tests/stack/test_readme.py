"""What the README shows is what one gets."""

import ast
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from service.contract.settings import Settings, settings
from tests.support.live import CHECKOUT, LiveApi, running_api

README = (CHECKOUT / "README.md").read_text()
COMPOSE = (CHECKOUT / "docker-compose.yml").read_text()
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.M | re.S)
NOT_OURS = {"COMPOSE_PROJECT_NAME", "BASE_IMAGE", "JUPYTER_TOKEN"}  # but Docker's and Jupyter's
BUILD = ("GIT_REVISION", "CODE_DIGEST")  # no settings; `make up` sets them
PYTHON = [(code, BLOCKS[i + 1][1]) for i, (kind, code) in enumerate(BLOCKS) if kind == "python"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Return an API as the first start leaves it: its training has published and asked."""
    with running_api(tmp_path_factory.mktemp("readme")) as api:
        first = [sys.executable, "-m", "service.lab.train"]
        subprocess.run(first, cwd=CHECKOUT, env=os.environ | api.environment, check=True)
        yield api


def test_the_python_blocks_print_what_is_below_them(
    api: LiveApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CHECKOUT / "notebooks")
    names: dict[str, Any] = {}
    settings.cache_clear()
    with patch.dict(os.environ, api.environment):
        for code, expected in PYTHON:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(ast.parse(code), "README.md", "exec"), names)
            assert printed.getvalue() == expected
    settings.cache_clear()
    assert len(PYTHON) == 3


def test_curl_is_answered_as_shown(api: LiveApi) -> None:
    shown = [(code, BLOCKS[i + 1][1]) for i, (_, code) in enumerate(BLOCKS) if "curl" in code]
    for code, expected in shown:
        command, url = shlex.split(code)
        assert command == "curl"
        answered = httpx.get(url.replace("http://127.0.0.1:8000", api.url))
        assert answered.text == expected.strip()
    assert shown


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|([^|]*)\|", README, re.M)
    table = {name: default.strip() for name, default in rows}
    for name, field in Settings.model_fields.items():
        assert table[name.upper()] == ("" if field.default is None else str(field.default))
    assert table.keys() - {name.upper() for name in Settings.model_fields} == NOT_OURS
    for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE):
        assert name in table or (name in BUILD and f"`{name}`" in README)
        assert not default or table[name] == default


def test_compose_has_no_default_of_its_own() -> None:
    needed = {
        "BASE_IMAGE",  # an empty one is no image
        "BIND_ADDRESS",  # an empty one publishes the ports at every address
        "API_PORT",  # an empty one publishes the port under any number
        "LAB_PORT",
    }
    found = {
        (line.split(":")[0].strip(), name)
        for line in COMPOSE.splitlines()
        for name in re.findall(r"\$\{(\w+):?-[^}]+\}", line)
    }
    assert {name for _, name in found} == needed
    assert {place for place, _ in found} == {"ports", "BASE_IMAGE"}


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (CHECKOUT / "Makefile").read_text(), re.M))
    pages = [README, *(p.read_text() for p in CHECKOUT.glob("*.md"))]
    named = {target for page in pages for target in re.findall(r"`make ([a-z-]+)", page)}
    assert named <= targets
    assert {"up", "up-docker", "up-local", "down", "venv", "test", "notebooks", "lock"} <= targets


PAGES = [page for where in ("", "data/", "docs/") for page in CHECKOUT.glob(f"{where}*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link
