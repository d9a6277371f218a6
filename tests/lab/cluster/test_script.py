"""A script may start workers, or is told why it may not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live import CHECKOUT

BODY = """
from service.lab import Lab

class Doubled:
    def __init__(self, number):
        self.number = 2 * number

def main():
    with Lab(dask_scheduler_address="").cluster(workers=1) as cluster:
        print("answered", cluster.submit(Doubled, 21).result().number)

"""
GUARDED = BODY + 'if __name__ == "__main__":\n    main()\n'
UNGUARDED = BODY + "main()\n"
MODULE = ["-m", "asked"]
FILE = ["asked.py"]


def run(folder: Path, source: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    (folder / "asked.py").write_text(source)
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("words", [FILE, MODULE, ["-c", UNGUARDED]], ids=["file", "module", "text"])
def test_a_script_uses_a_cluster(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, GUARDED, words)
    assert done.stdout == "answered 42\n", done.stderr


@pytest.mark.parametrize("words", [FILE, MODULE], ids=["file", "module"])
def test_an_unguarded_script_is_told(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, UNGUARDED, words)
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    said = done.stderr.splitlines()[-1]
    assert "asked.py starts workers, and each worker runs it again." in said
    assert said.endswith(
        'Put what it does below a line with `if __name__ == "__main__":`, or use a notebook.'
    )
