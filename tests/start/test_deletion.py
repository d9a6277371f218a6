"""`make delete-log` without Docker; with it: tests/stack/test_projects.py."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.models import publish_iris
from tests.support.stack import LocalLab, copy_checkout


def delete(folder: Path, typed: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `make delete-log` where no other program can be found, and type something."""
    return subprocess.run(
        [sys.executable, "-m", "start.deletion"],
        cwd=folder,
        env={"PATH": str(folder)} | environment,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a checkout with a log and a copy of it, in the usual places and in chosen ones."""
    copy = copy_checkout(tmp_path / "labloop")
    for logs in (copy / "logs", tmp_path / "chosen"):
        (logs / "predictions").mkdir(parents=True)
        (logs / "predictions" / "000001-a-000000000.open.jsonl").write_text("secret")
    for copies in (copy / "data" / "log-copy", tmp_path / "copies"):
        (copies / "1-logs-0123abcd").mkdir(parents=True)
        (copies / "1-logs-0123abcd" / "x.parquet").write_text("secret")
    (tmp_path / "copies" / "other").mkdir()
    return copy


def secrets(folder: Path) -> list[str]:
    """Find what was logged, wherever it is."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return [str(path.relative_to(folder)) for path in found if path.read_bytes() == b"secret"]


@pytest.mark.parametrize("typed", ["", "yes\n", "DELETE\n"])
def test_nothing_goes_without_the_word(copy: Path, typed: str) -> None:
    done = delete(copy, typed)
    assert done.returncode == 1
    assert "Type 'delete' to go on: Nothing was deleted." in done.stdout
    assert len(secrets(copy)) == 2


def test_only_log_and_copies_go(copy: Path, tmp_path: Path) -> None:
    before = {path for path in copy.rglob("*") if path.is_file()}
    done = delete(
        copy,
        "delete\n",
        LOGS_DIR=str(tmp_path / "chosen"),
        LOG_COPY_DIR=str(tmp_path / "copies"),
    )
    assert done.returncode == 0, done.stderr
    assert f"  {tmp_path / 'chosen' / 'predictions'}\n" in done.stdout
    # A log that the settings do not name is left; the usual copy is where Docker's lab has its own.
    assert secrets(tmp_path) == ["labloop/logs/predictions/000001-a-000000000.open.jsonl"]
    assert (tmp_path / "copies" / "other").is_dir()
    assert delete(copy, "delete\n").returncode == 0
    assert secrets(tmp_path) == []
    left = {path for path in copy.rglob("*") if path.is_file()}
    assert {path.parent.name for path in before - left} == {"1-logs-0123abcd", "predictions"}
    assert delete(copy, "").stdout == "There is no log, and no copy of one.\n"


def test_an_unseen_volume_is_named(copy: Path) -> None:
    program = copy / "docker"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    done = delete(copy, "delete\n")
    assert done.returncode == 1
    assert (
        "The log and its copy are deleted.\nBut the docker command is here, but no " in done.stdout
    )
    assert "start the engine and run `make delete-log` again" in done.stdout
    assert secrets(copy) == []


def test_docker_does_not_take_the_answer(copy: Path) -> None:
    """A stopped stack: its project is asked by a container, which reads what it can."""
    program, down = copy / "docker", copy / "down"
    config = '{"name": "mine", "services": {}}'
    program.write_text(
        f"""#!/bin/sh
        while read -r line; do :; done
        case "$*" in
            *config*) echo '{config}';;
            ps*) ;;
            *"compose down"*) : > '{down}';;
            *"volume inspect"*) [ ! -e '{down}' ] && echo mine_logs;;
            *) echo 26.1.0;;
        esac
        """
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    done = delete(copy, "delete\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "  volume mine_logs\n" in done.stdout
    assert down.exists()
    assert secrets(copy) == []


def test_a_running_lab_is_stopped_first(tmp_path: Path) -> None:
    lab = LocalLab(copy_checkout(tmp_path / "labloop"))
    publish_iris(lab.folder / "data" / "models")
    try:
        lab.up()
        assert lab.predict().is_success
        assert [*(lab.folder / "logs" / "predictions").iterdir()]
        done = delete(lab.folder, "delete\n")
        assert done.returncode == 0, done.stdout + done.stderr
        lab.process.wait(10)
        assert not (lab.folder / "logs" / "predictions").exists()
    finally:
        lab.interrupt()
