"""Delete every logged input: the log itself, in its volume and in its folder, and the lab's copy.

    python3 -m start.deletion       asks before it does so, and waits for the word `delete`

Only the standard library is used, as in all of `start/` that runs outside of the containers.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from start import up

WORD = "delete"


def volume() -> str:
    """Name the volume that holds this checkout's log; empty if there is none."""
    if not up.docker_answers()[0] or up.is_nameless():
        return ""
    project = up.project()
    up.check_project(project)
    return up.answer("docker", "volume", "inspect", "--format", "{{.Name}}", f"{project}_logs")


def folders() -> list[Path]:
    """Find the folders that hold what was logged, with Docker and without."""
    logs = up.ROOT / (os.environ.get("LOGS_DIR") or "logs") / "predictions"
    copies = {up.ROOT / "data" / "log-copy"}
    if chosen := os.environ.get("LOG_COPY_DIR"):
        copies.add(up.ROOT / chosen)
    # Somebody may keep other things beside them; the name is that of service/lab/log/copy.py.
    copied = [copy for folder in sorted(copies) for copy in folder.glob("[0-9]*-*-" + "?" * 8)]
    return [folder for folder in (logs, *copied) if folder.is_dir()]


def main() -> int:
    """Say what would be deleted, ask, and delete it; return the exit code."""
    up.complete_settings(up.settings_in_file())
    held, found = volume(), folders()
    if not held and not found:
        print("There is no log, and no copy of one.")
        return silent_engine()
    print("This stops Labloop and deletes what was asked, answered and told, in:")
    for place in (*([f"volume {held}"] if held else []), *found):
        print(f"  {place}")
    print(f"Models and notebooks stay. Type {WORD!r} to go on: ", end="", flush=True)
    if sys.stdin.readline().strip() != WORD:
        print("Nothing was deleted.")
        return 1
    print()
    up.down("--volumes")
    for folder in folders():  # again: the lab may have copied meanwhile
        try:
            shutil.rmtree(folder)
        except OSError as error:
            sys.exit(f"{folder} could not be deleted ({error}). Delete it: sudo rm -r {folder}")
    if left := volume():
        sys.exit(
            f"Volume {left} could not be deleted: something else uses it. `docker ps --all "
            f"--filter volume={left}` shows what; remove that, then `docker volume rm {left}`."
        )
    print("The log and its copy are deleted.")
    return silent_engine()


def silent_engine() -> int:
    """Say that there may be a volume that could not be looked at; return the exit code."""
    usable, reason = up.docker_answers()
    if usable or not shutil.which("docker"):
        return 0
    print(
        f"But {reason}. If Labloop was ever started with Docker here, there is a log in a volume, "
        "too: start the engine and run `make delete-log` again."
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
