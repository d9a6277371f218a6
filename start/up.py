"""Start and stop Labloop: with Docker Compose where it can be used, else without Docker.

    python3 start/up.py             choose, and say which way was taken and why
    python3 start/up.py docker      with Docker Compose, or not at all
    python3 start/up.py local       from a virtual environment
    python3 start/up.py down        stop what is running, whichever way it was started

Only the standard library is used: nothing else is there before the first start.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this file is run by its path

from service.contract import code_digest, env_file
from start import lifeline
from start.greeting import LAST_LINE, url

ROOT = Path(__file__).resolve().parents[1]
ENV_FILE = ROOT / ".env"
STOP_SECONDS = 30
GREETING_SECONDS = 70  # it waits for the API
FILTER = "filter.labloop-notebook.clean"
REPLICATED = ("docker-compose.yml", "start/replicas/compose.yml")
MOST_REPLICAS = 20  # that start/replicas/haproxy.cfg has places for
REFUSED = "Docker Compose refuses what is set here"
PORTS = {"API_PORT": ("the API", 8000), "LAB_PORT": ("JupyterLab", 8888)}


def answer(*command: str) -> str:
    """Return what a command prints; nothing if it is not there, fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,  # what is typed is for us
            capture_output=True,
            text=True,
            timeout=15,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def version() -> str:
    """Read this checkout's version."""
    return (ROOT / "VERSION").read_text().strip()


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


def compose_config() -> tuple[dict[str, Any], str]:
    """Return what Compose makes of docker-compose.yml and `.env`, or its reason to refuse them."""
    command = ["docker", "compose", "config", "--format", "json"]
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        return {}, (done.stderr.strip().splitlines() or ["it gives no reason"])[-1]
    return json.loads(done.stdout), ""


def project() -> str:
    """Return the project's name, or stop with the reason for which there is none."""
    config, refusal = compose_config()
    return str(config["name"]) if config else sys.exit(f"{REFUSED}: {refusal}")


def is_nameless() -> bool:
    """Whether Compose can make no project name of this folder's, and none was chosen."""
    chosen = os.environ.get("COMPOSE_PROJECT_NAME")
    return not chosen and not re.search("[a-z0-9]", ROOT.name.lower())


def name_project() -> None:
    """Choose a project name where the folder's gives none; `.env` keeps it for all commands."""
    if is_nameless():
        chosen = f"labloop-{sha256(os.fsencode(ROOT)).hexdigest()[:6]}"
        with ENV_FILE.open("a") as file:
            print(f"{chr(10) if file.tell() else ''}COMPOSE_PROJECT_NAME={chosen}", file=file)
        os.environ["COMPOSE_PROJECT_NAME"] = chosen
        print(f"The folder's name gives no project name. COMPOSE_PROJECT_NAME={chosen} is in .env.")


def places(name: str) -> list[Path]:
    """Return the folders from which a project's containers were started."""
    label = "com.docker.compose.project"
    command = ["docker", "ps", "--all", "--filter", f"label={label}={name}"]
    said = answer(*command, "--format", f'{{{{.Label "{label}.working_dir"}}}}')
    return [Path(line) for line in sorted({*said.splitlines()}) if line]


def other_checkout(found: list[Path]) -> Path | None:
    """Return the one of a project's places that is another checkout's, if any."""
    for place in found:
        try:
            if not place.samefile(ROOT):
                return place
        except FileNotFoundError:  # it was moved here, or is gone
            continue
        except OSError:  # it is somebody's, whose folders we may not enter
            return place
    return None


def check_project(name: str) -> None:
    """Stop with a sentence, before anything is replaced, if the project is another checkout's."""
    found = places(name)
    if other := other_checkout(found):
        sys.exit(
            f"Project {name!r} is in use by the checkout at {other}. Give this one a project of "
            f"its own, in `.env` or like this: COMPOSE_PROJECT_NAME={name}-2 make up"
        )
    # Where nothing runs, the volume knows; the service that asks it is built if there is none.
    if not found and answer("docker", "volume", "inspect", f"{name}_checkout"):
        ask = ["docker", "compose", "run", "--rm", "-T", "checkout"]
        if subprocess.run(ask, cwd=ROOT, stdin=subprocess.DEVNULL).returncode:
            sys.exit(f"Nothing of project {name!r} was changed.")


def is_built(image: str) -> bool:
    """Whether the engine has an image."""
    return bool(answer("docker", "image", "inspect", "--format", "{{.Id}}", image))


def settings_in_file() -> dict[str, str]:
    """Read `.env`, or stop with a sentence."""
    try:
        return env_file.settings(ENV_FILE, os.environ)
    except ValueError as error:
        sys.exit(str(error))


def complete_settings(written: Mapping[str, str]) -> None:
    """Complete the environment: from `.env`, as Compose does, then with the defaults."""
    for name, value in written.items():
        os.environ.setdefault(name, value)
    defaults = {name: str(port) for name, (_, port) in PORTS.items()}
    defaults["GIT_REVISION"] = answer("git", "rev-parse", "--short=12", "HEAD")
    for name, value in defaults.items():
        os.environ[name] = os.environ.get(name) or value
    os.environ["CODE_DIGEST"] = digest_of(os.environ["GIT_REVISION"])
    replicas = os.environ.get("API_REPLICAS") or "1"
    if replicas not in map(str, range(1, MOST_REPLICAS + 1)):
        sys.exit(f"API_REPLICAS={replicas!r} cannot be used: give a number up to {MOST_REPLICAS}.")
    if replicas != "1":
        os.environ.setdefault("COMPOSE_FILE", os.pathsep.join(REPLICATED))


def digest_of(revision: str) -> str:
    """Return the digest of a commit's code; nothing where git does not tell."""
    try:
        command = ["git", "archive", "--format=tar", revision, "service"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=15)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if not revision or done.returncode:
        return ""
    files = []
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None and code_digest.counts(member.name):
                files.append((member.name, file.read()))
    return code_digest.digest(files)


def tell_git() -> bool:
    """Have git in this clone leave out what running a notebook changes; return whether it does."""
    program = answer("git", "ls-files", "--full-name", "start/notebook_filter.py")
    if not program:  # no git, or no clone
        return False
    # Git runs it at the top of whichever work tree of this clone it is in.
    command = f"{shlex.quote(sys.executable)} -I {shlex.quote(program)} %f"
    answer("git", "config", FILTER, command)
    return answer("git", "config", FILTER) == command


def port_problem(name: str) -> str:
    """Say why a port cannot be had, and what to do; nothing if it can."""
    address = os.environ.get("BIND_ADDRESS") or "127.0.0.1"
    try:
        port = int(os.environ[name])
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as attempt:
            # As the servers do; else a port stays busy for a minute after it was closed.
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind((address, port))
    except (ValueError, OverflowError):
        chosen = f"{name}={os.environ[name]!r}"
        return f"{chosen} is no port. Give a number: {name}={PORTS[name][1]} make up"
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
            return f"BIND_ADDRESS={address!r} is no address of this machine: give one, or 0.0.0.0."
        return (
            f"Port {port} is taken ({error.strerror}). If that is Labloop itself, "
            f"`make down` stops it. Else choose another port for {PORTS[name][0]}: "
            f"{name}={port + 1} make up"
        )
    return ""


def check_ports(taken_by_us: set[str]) -> None:
    """Stop with a sentence if a port cannot be had."""
    for name in PORTS:
        if name not in taken_by_us and (problem := port_problem(name)):
            sys.exit(problem)


def ports_of_stack() -> set[str]:
    """Name the ports that our own containers publish; whose they are changes with the replicas."""
    name = compose_config()[0].get("name", "")
    filters = ["--filter", f"label=com.docker.compose.project={name}"]
    published = answer("docker", "ps", *filters, "--format", "{{.Ports}}")
    return {port for port in PORTS if f":{os.environ[port]}->" in published}


def up_docker() -> None:
    """Start the stack in the background, wait until it is healthy, and say where it is."""
    name_project()
    check_ports(ports_of_stack())
    check_project(project())
    tell_git()
    # An orphan is the proxy that several replicas had.
    start = ["docker", "compose", "up", "--build", "--wait", "--remove-orphans"]
    if subprocess.run(start, cwd=ROOT).returncode:
        sys.exit("Labloop did not start. `docker compose logs` says why.")
    print(f"\n{greeting_of_stack()}")


def greeting_of_stack() -> str:
    """Find what the lab said last when it started."""
    lab = answer("docker", "compose", "ps", "--quiet", "lab")
    started = answer("docker", "inspect", "--format", "{{.State.StartedAt}}", lab)
    deadline = time.monotonic() + GREETING_SECONDS
    while time.monotonic() < deadline:
        log = answer("docker", "compose", "logs", "--no-log-prefix", "--since", started, "lab")
        log = log.replace("\x1b[2K", "")  # some versions of Compose clear each line first
        if said := re.search(rf"^[^\n]+\nThe API: .*?^{LAST_LINE}$", log, re.M | re.S):
            return said[0]
        time.sleep(0.2)
    return f"See `docker compose logs lab`.\n{LAST_LINE}"


def setting_problem() -> str:
    """Say which value cannot be used; nothing if all can. It takes the packages to tell."""
    code = "from service.contract.settings import settings; settings()"
    python = ROOT / ".venv" / "bin" / "python"
    done = subprocess.run([python, "-c", code], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    last = (done.stderr.strip().splitlines() or ["The settings cannot be read."])[-1]
    return last.partition("SettingError: ")[2] or last


def up_local() -> None:
    """Become what runs the two servers of the Procfile."""
    started_already = "Labloop was started here already. `make down` stops it."
    if not lifeline.is_over():
        sys.exit(started_already)
    check_ports(set())
    tell_git()
    if (os.environ.get("API_REPLICAS") or "1") != "1":
        print("API_REPLICAS counts with Docker alone; here API_WORKERS is the number of processes.")
    subprocess.run(["make", "--no-print-directory", "venv"], cwd=ROOT, check=True)
    if problem := setting_problem():
        sys.exit(problem)
    programs = ROOT / ".venv" / "bin"
    os.environ["API_URL"] = os.environ.get("API_URL") or url(os.environ["API_PORT"])
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    os.chdir(ROOT)
    if not lifeline.take():
        sys.exit(started_already)
    print("What to open is said when both servers answer. Ctrl-C stops them.", flush=True)
    os.execv(programs / "python", ["python", "-m", "start.servers"])


def down(*options: str) -> None:
    """Stop the local start if there is one, and the stack."""
    pid = lifeline.starter()
    try:
        if pid:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while not lifeline.is_over():
            if time.monotonic() > deadline:
                kill = f" kill -KILL {pid}" if pid else ""
                sys.exit(f"What was started here did not stop within {STOP_SECONDS} s.{kill}")
            time.sleep(0.1)
    except PermissionError:
        sys.exit("Labloop was started here by another user, who can stop it: sudo make down")
    lifeline.FILE.unlink(missing_ok=True)
    complete_settings(settings_in_file())
    if docker_answers()[0] and not is_nameless():
        if other := other_checkout(places(name := project())):
            print(f"Project {name!r} is in use by the checkout at {other}, and was left running.")
        else:
            stop = ["docker", "compose", "down", "--remove-orphans", *options]
            every = os.environ | {"COMPOSE_PROFILES": "*"}  # whichever it was started with
            subprocess.run(stop, cwd=ROOT, env=every, stdin=subprocess.DEVNULL, check=True)


def main(way: str) -> None:
    """Go the way that was asked for, or choose one."""
    if way == "down":
        return down()
    usable, reason = docker_answers()
    if way == "docker" and not usable:
        sys.exit(f"Docker Compose cannot be used: {reason}. `make up-local` does without.")
    complete_settings(settings_in_file())
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
