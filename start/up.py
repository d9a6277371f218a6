"""Start and stop Labloop: with Docker Compose where it can be used, else without Docker.

    python3 start/up.py             choose, and say which way was taken and why
    python3 start/up.py docker      with Docker Compose, or not at all
    python3 start/up.py local       from a virtual environment
    python3 start/up.py down        stop what is running, whichever way it was started

Only the standard library is used: nothing else is there before the first start.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PID_FILE = ROOT / ".labloop.pid"
STOP_SECONDS = 30
PORTS = {"API_PORT": ("the API", 8000), "LAB_PORT": ("JupyterLab", 8888)}


def answer(*command: str) -> str:
    """Return what a command prints; nothing if it is not there, fails or takes too long."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=15)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def docker_answers() -> tuple[bool, str]:
    """Whether Docker Compose can be used here, and the reason in words."""
    if not shutil.which("docker"):
        return False, "docker is not installed"
    engine = answer("docker", "version", "--format", "{{.Server.Version}}")
    if not engine:
        return False, "the docker command is here, but no Docker engine answers it"
    compose = answer("docker", "compose", "version", "--short")
    if not compose:
        return False, f"Docker engine {engine} answers, but its Compose plugin is missing"
    return True, f"Docker engine {engine} answers, and Compose {compose} is there"


def read_settings() -> None:
    """Complete the environment: from `.env`, as Compose does, then with the defaults."""
    env_file = ROOT / ".env"
    for line in env_file.read_text().splitlines() if env_file.exists() else []:
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            os.environ.setdefault(name.strip(), value.strip().strip("'\""))
    defaults = {name: str(port) for name, (_, port) in PORTS.items()}
    defaults["GIT_REVISION"] = answer("git", "rev-parse", "--short=12", "HEAD")
    for name, value in defaults.items():
        os.environ[name] = os.environ.get(name) or value


def check_ports(taken_by_us: set[str]) -> None:
    """Stop with a sentence if a port cannot be had."""
    for name, (what, port) in PORTS.items():
        if name in taken_by_us:
            continue
        try:
            port = int(os.environ[name])
        except ValueError:
            chosen = f"{name}={os.environ[name]!r}"
            sys.exit(f"{chosen} is no port. Give a number: {name}={port} make up")
        with socket.socket() as attempt:
            # As the servers do; else a port stays busy for a minute after it was closed.
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError as error:
                sys.exit(
                    f"Port {port} is taken ({error.strerror}). If that is Labloop itself, "
                    f"`make down` stops it. Else choose another port for {what}: "
                    f"{name}={port + 1} make up"
                )


def up_docker() -> None:
    """Start the stack in the background, wait until it is healthy, and say where it is."""
    api, lab = os.environ["API_PORT"], os.environ["LAB_PORT"]
    published = {
        "API_PORT": answer("docker", "compose", "port", "api", "8000"),
        "LAB_PORT": answer("docker", "compose", "port", "lab", lab),
    }
    check_ports({name for name, at in published.items() if at.endswith(f":{os.environ[name]}")})
    if subprocess.run(["docker", "compose", "up", "--build", "--wait"], cwd=ROOT).returncode:
        sys.exit("Labloop did not start. `docker compose logs` says why.")
    log = answer("docker", "compose", "logs", "--no-log-prefix", "lab")
    urls = re.findall(rf"http://127\.0\.0\.1:{lab}/lab\S*token=[^.\s]\S*", log)
    print(f"\nThe API:     http://127.0.0.1:{api}/")
    print(f"JupyterLab:  {urls[-1] if urls else 'see `docker compose logs lab`'}")
    print("Stop with:   make down")


def up_local() -> None:
    """Become honcho, running the two servers of the Procfile."""
    check_ports(set())
    subprocess.run(["make", "--no-print-directory", "venv"], cwd=ROOT, check=True)
    api = os.environ["API_PORT"]
    programs = ROOT / ".venv" / "bin"
    os.environ["API_URL"] = os.environ.get("API_URL") or f"http://127.0.0.1:{api}"
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    print(f"The API will be at http://127.0.0.1:{api}/; JupyterLab prints its URL when it is up.")
    print("Ctrl-C stops both.", flush=True)
    os.chdir(ROOT)
    file = PID_FILE.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    os.set_inheritable(file.fileno(), True)  # honcho keeps the lock; what it starts does not
    print(os.getpid(), file=file, flush=True)
    # `.env` was read above, where the environment goes before it; honcho would have it reversed.
    os.execv(programs / "honcho", ["honcho", "--env", os.devnull, "start"])


def running() -> int:
    """Return the process of a local start, which locks its file as long as it lives; else 0."""
    if PID_FILE.exists():
        with PID_FILE.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read())
    return 0


def down() -> None:
    """Stop the stack, and the local start if there is one."""
    if docker_answers()[0]:
        subprocess.run(["docker", "compose", "down"], cwd=ROOT, check=True)
    if pid := running():
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while running():
            if time.monotonic() > deadline:
                sys.exit(f"Process {pid} did not stop within {STOP_SECONDS} s. kill -KILL {pid}")
            time.sleep(0.1)
    PID_FILE.unlink(missing_ok=True)


def main(way: str) -> None:
    """Go the way that was asked for, or choose one."""
    if way == "down":
        return down()
    usable, reason = docker_answers()
    if way == "docker" and not usable:
        sys.exit(f"Docker Compose cannot be used: {reason}. `make up-local` does without.")
    read_settings()
    if way == "docker" or (way == "" and usable):
        print(f"Starting with Docker Compose: {reason}.", flush=True)
        return up_docker()
    why = "as asked" if way else reason
    print(f"Starting without Docker, from a virtual environment: {why}.", flush=True)
    return up_local()


if __name__ == "__main__":
    words = sys.argv[1:] or [""]
    if len(words) > 1 or words[0] not in ("", "docker", "local", "down"):
        sys.exit(__doc__)
    main(words[0])
