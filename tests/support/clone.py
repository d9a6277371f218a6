"""A folder under git, as a person has one, with notebooks that were run in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

# Git as it is installed, whatever is set for the person who runs the tests.
ENVIRONMENT = os.environ | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{f"GIT_{who}_NAME": "somebody" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "somebody@example.org" for who in ("AUTHOR", "COMMITTER")},
}
DOCKER = """#!/bin/sh
case "$*" in
*version*) echo 20.10 ;;
*config*) echo '{{"name": "clone", "services": {{}}}}' ;;
"compose up"*) env -0 >{got}; exit 1 ;;
esac
"""


class Clone:
    """A folder under git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def git(self, *words: str) -> str:
        return self.run("git", *words).stdout

    def begin(self) -> None:
        """Put all that is there under git."""
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message=one version")

    def upgrade(self, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("make", "upgrade", f"PYTHON={sys.executable}", check=check)

    def up(self) -> dict[str, str]:
        """Run `make up` with a docker that starts nothing; return the settings that Compose got."""
        programs = self.folder.parent / "programs"
        programs.mkdir(exist_ok=True)
        docker, got = programs / "docker", programs / "environment"
        docker.write_text(DOCKER.format(got=got))
        docker.chmod(0o755)
        path = f"PATH={programs}{os.pathsep}{os.environ['PATH']}"
        start = ["make", "up", f"PYTHON={sys.executable}"]
        settings = ["API_PORT=0", "LAB_PORT=0", "GIT_REVISION="]
        done = self.run("env", path, *settings, *start, check=False)
        assert got.exists(), done.stdout + done.stderr
        return dict(pair.split("=", 1) for pair in got.read_text().split("\0") if pair)

    def tell_git(self) -> None:
        """Do what `make up` does about it."""
        self.run(sys.executable, "-c", "from start import up; assert up.tell_git()")

    def seen(self, path: str) -> bytes:
        """Return what git sees of a working file."""
        self.git("add", path)
        return self.blob(path)

    def blob(self, path: str) -> bytes:
        shown = ["git", "cat-file", "blob", f":{path}"]
        return subprocess.run(shown, cwd=self.folder, check=True, capture_output=True).stdout

    def read(self, path: str) -> Any:
        return json.loads((self.folder / path).read_bytes())

    def write(self, path: str, notebook: Any) -> None:
        """Save a notebook as Jupyter does."""
        nbformat.write(nbformat.from_dict(notebook), self.folder / path)

    def run_all(self, path: str, output: str = "as it came out here") -> None:
        """Leave what Run All and a save leave: outputs, counts, and what ran it."""
        notebook = self.read(path)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["execution_count"] = 4321
                cell["metadata"]["execution"] = {"iopub.execute_input": "2026-05-01T12:00:00Z"}
                cell["outputs"] = [nbformat.v4.new_output("stream", text=output)]
        notebook["metadata"]["language_info"] = {"name": "python", "version": "3.13.1"}
        self.write(path, notebook)

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text("utf-8")
        assert old in text
        (self.folder / path).write_text(text.replace(old, new, 1), "utf-8")


def cloned(source: Clone, folder: Path) -> Clone:
    source.git("clone", "--quiet", str(source.folder), str(folder))
    return Clone(folder)
