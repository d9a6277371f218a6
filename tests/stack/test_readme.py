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

from service.contract.errors import ApiError
from service.contract.settings import Settings, settings
from tests.support.live import CHECKOUT, LiveApi, running_api

README, SPANISH = (CHECKOUT / name for name in ("README.md", "README.es.md"))
COMPOSE = (CHECKOUT / "docker-compose.yml").read_text()
# But Docker's, Jupyter's and the start's.
NOT_OURS = {"COMPOSE_PROJECT_NAME", "BASE_IMAGE", "JUPYTER_TOKEN"}
NOT_OURS |= {"API_REPLICAS", "API_CPUS", "API_MEMORY"}
NOT_OURS |= {"COMPOSE_PROFILES", "WORKERS", "WORKER_MEMORY", "SCHEDULER_MEMORY"}
BUILD = ("GIT_REVISION", "CODE_DIGEST")  # no settings; `make up` sets them
AWS = [f"AWS_{each}" for each in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION")]
AWS += ["AWS_ENDPOINT_URL"]  # nor are these: they are of all programs for S3
SETTINGS = (CHECKOUT / "docs" / "settings.md").read_text()
PAGES = [page for where in ("", "data/", "docs/") for page in CHECKOUT.glob(f"{where}*.md")]


def code_blocks(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.M | re.S)


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)


def names_in(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(page))


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", prose(page))


def anchors(page: Path) -> set[str]:
    """Return what a link to a heading of a page may end with, as GitHub makes it."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


BLOCKS = code_blocks(README)
PYTHON = [(code, BLOCKS[i + 1][1]) for i, (kind, code) in enumerate(BLOCKS) if kind == "python"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Return an API as the first start leaves it: its training has published and asked."""
    with running_api(tmp_path_factory.mktemp("readme")) as api:
        first = [sys.executable, "-m", "service.lab.train"]
        subprocess.run(first, cwd=CHECKOUT, env=os.environ | api.environment, check=True)
        yield api


def test_readme_is_short() -> None:
    assert len(README.read_text().split()) <= 900


def test_spanish_readme_is_the_same_page() -> None:
    assert code_blocks(SPANISH) == BLOCKS
    assert links(SPANISH) == ["README.md", "docs/loop.es.svg", *links(README)[2:]]
    assert links(README)[1] == "docs/loop.svg"
    assert links(README)[0] == "README.es.md"
    assert names_in(SPANISH) == names_in(README)


def test_python_blocks_print_as_shown(api: LiveApi, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert len(PYTHON) == 4


def test_curl_is_answered_as_shown(api: LiveApi) -> None:
    shown = [(code, BLOCKS[i + 1][1]) for i, (_, code) in enumerate(BLOCKS) if "curl" in code]
    for code, expected in shown:
        command, url = shlex.split(code)
        assert command == "curl"
        answered = httpx.get(url.replace("http://127.0.0.1:8000", api.url))
        assert answered.text == expected.strip()
    assert shown


def test_requests_on_the_http_page_work(api: LiveApi) -> None:
    page = CHECKOUT / "docs" / "http.md"
    commands = [shlex.split(code) for _, code in code_blocks(page) if code.startswith("curl")]
    for _, _, header, url, _, body in commands:
        name, _, value = header.partition(": ")
        there = url.replace("http://127.0.0.1:8000", api.url)
        answered = httpx.post(there, content=body, headers={name: value})
        assert answered.status_code == 200, answered.text
        assert answered.json().keys() <= {*names_in(page)}
    assert len(commands) == 2


def test_every_error_is_documented() -> None:
    page = (CHECKOUT / "docs" / "http.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| `(\w+)` \|", page, re.M)
    errors = [(str(each.status), each.code, each.__name__) for each in ApiError.__subclasses__()]
    assert sorted(rows) == sorted(errors)


def test_every_setting_is_documented() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|([^|]*)\|", SETTINGS, re.M)
    table = {name: default.strip() for name, default in rows}
    for name, field in Settings.model_fields.items():
        assert table[name.upper()] == ("" if field.default is None else str(field.default))
    assert table.keys() - {name.upper() for name in Settings.model_fields} == NOT_OURS
    for name, default in re.findall(r"\$\{(\w+):-([^}$]*)\}", COMPOSE):
        assert name in table or (name in (*BUILD, *AWS) and f"`{name}`" in SETTINGS)
        assert not default or table[name] == default


def test_compose_has_no_defaults() -> None:
    needed = {
        "BASE_IMAGE",  # an empty one is no image
        "BIND_ADDRESS",  # an empty one publishes the ports at every address
        "API_PORT",  # an empty one publishes the port under any number
        "LAB_PORT",
        "API_CPUS",  # an empty one is no number
        "API_MEMORY",  # an empty one is no bound
        "SCHEDULER_MEMORY",
        "WORKER_MEMORY",
        "WORKERS",  # an empty one is no number
        "DASHBOARD_PORT",  # as the others
        "DASK_SCHEDULER_ADDRESS",  # with the profile `cluster` it is that of the service
    }
    found = {
        (line.split(":")[0].strip(), name)
        for line in COMPOSE.splitlines()
        for name in re.findall(r"\$\{(\w+):?-[^}]+\}", line)
    }
    assert {name for _, name in found} == needed
    assert {place for place, _ in found} == {
        *("ports", "BASE_IMAGE", "cpus", "mem_limit", "replicas", "DASK_SCHEDULER_ADDRESS")
    }


def test_every_named_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (CHECKOUT / "Makefile").read_text(), re.M))
    texts = [page.read_text() for page in PAGES]
    named = {target for text in texts for target in re.findall(r"`make ([a-z-]+)", text)}
    assert named <= targets
    assert {"up", "up-docker", "up-local", "down", "venv", "test", "notebooks", "lock"} <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if not link.startswith("http"):
            file, _, anchor = link.partition("#")
            to = page.parent / file if file else page
            assert to.exists(), link
            assert not anchor or anchor in anchors(to), link
