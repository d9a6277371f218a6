"""`make doctor`, run where nothing is installed."""

import subprocess
import sys
from pathlib import Path

from tests.support.live import free_ports


def examine(folder: Path, **environment: str) -> tuple[int, str]:
    """Run it where there is no Docker, nor anything else that was installed."""
    api_port, lab_port = free_ports(2)
    alone = {"PATH": str(folder), "API_PORT": str(api_port), "LAB_PORT": str(lab_port)}
    done = subprocess.run(
        [sys.executable, "-m", "start.doctor"],
        cwd=folder,
        env=alone | environment,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout
