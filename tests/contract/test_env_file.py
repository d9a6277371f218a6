"""Everything reads `.env` as Compose does."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from service.contract import env_file
from service.contract.errors import SettingError
from service.lab import Lab
from start import up
from tests.support.need import need

TEXT = r"""# a comment
PLAIN=value
  INDENTED = a b  c
export EXPORTED=yes
COMMENT=value # a comment
HASH=value#none	# nor this
LITERAL='$PLAIN # none' # a comment
ESCAPED="a\"b\\ \n \$PLAIN \q"  # a comment
SEVERAL="one
two"
USED=$PLAIN-${EXPORTED}
DEFAULTS=${NONE:-a}${NONE-b}${EMPTY:-c}${EMPTY-d}${PLAIN:+e}${EMPTY:+f}${EMPTY+g}
DOLLARS=a$$b$5c$
SLASHED=a\$PLAIN\n
QUOTES=a"b"c'd
COLON: yes
EMPTY_QUOTES=""
EMPTY=
HERE=not this
AGAIN=1
AGAIN=2
SEEN=$HERE
"""


def test_compose_reads_the_same(tmp_path: Path) -> None:
    need(up.answer("docker", "compose", "version"), "there is no Compose to compare with")
    text = TEXT + "WINDOWS='x'\r\nLAST=no end of line"
    (tmp_path / ".env").write_bytes(text.encode())
    names = sorted({*env_file.parse(text, {}).values, "NONE"})
    asked = "\n".join(f"      {name}: ${{{name}-unset}}" for name in names)
    service = f"services:\n  a:\n    image: a\n    environment:\n{asked}\n"
    (tmp_path / "docker-compose.yml").write_text(service)
    environment = os.environ | {"HERE": "this", "COMPOSE_DISABLE_ENV_FILE": "0"}
    said = subprocess.run(
        ["docker", "compose", "config", "--format", "json"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    read = json.loads(said.stdout)["services"]["a"]["environment"]
    by_compose = {name: value.replace("$$", "$") for name, value in read.items()}
    ours = env_file.read(tmp_path / ".env", environment)
    assert ours.unread == []
    assert {**dict.fromkeys(names, "unset"), **ours.values, "HERE": "this"} == by_compose
    assert len(by_compose) > 20


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout's `.env`, to be written."""
    monkeypatch.delenv("COMPOSE_DISABLE_ENV_FILE")
    monkeypatch.setattr("service.contract.settings.CHECKOUT", tmp_path)
    return tmp_path / ".env"


def test_a_notebook_reads_the_env_file(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env.write_text("export API_PORT=8001 # mine\nAPI_TOKEN='a token'\nMAX_ROWS=10\nMINE=1\n")
    lab = Lab(models_dir=env.parent)
    assert lab.settings.api_url == "http://127.0.0.1:8001"
    assert lab.headers == {b"Authorization": b"Bearer a token"}
    assert lab.settings.max_rows == 10

    monkeypatch.setenv("MAX_ROWS", "20")
    monkeypatch.setenv("API_TOKEN", "")
    lab = Lab(models_dir=env.parent)
    assert lab.settings.max_rows == 20
    assert lab.headers == {}


@pytest.mark.parametrize("line", ["API TOKEN=x", "API_TOKEN='x"])
def test_odd_lines_are_named(env: Path, line: str) -> None:
    env.write_text(f"MAX_ROWS=10\n{line}\n")
    with pytest.raises(SettingError, match=re.escape(f"The line {line!r} in {env} is no setting")):
        Lab(models_dir=env.parent)


def test_an_unreadable_file_is_named(env: Path) -> None:
    env.mkdir()
    with pytest.raises(SettingError, match="Make it a readable text file"):
        Lab(models_dir=env.parent)
