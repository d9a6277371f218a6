"""Look at what Labloop needs on this machine, and say what to do about what is amiss.

    python3 -m start.doctor

One line a check: `ok`, `note` (worth knowing), or `fix` (something is to be done; then the exit
code is 1). Only the standard library is used, so that it works before anything is installed.
Where a lab is running, `lab.doctor()` is asked as well: it sees the log, and the folders as the
lab does.
"""

from __future__ import annotations

import ast
import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from service.contract import env_file
from start import lifeline, running, up
from start.finding import Finding

ROOT = up.ROOT
LAB_UID = 1000
FULL, LOW = 1, 5  # GB
COMPOSE_READS = ("COMPOSE_", "DOCKER_", "BUILDKIT_", "BUILDX_")


def check_ways(usable: bool, reason: str) -> Iterator[Finding]:
    """Whether there is a way to start: an engine, or a Python that the packages are made for."""
    if usable:
        yield Finding("ok", "engine", f"{reason}.")
        return
    reason = f"{reason[0].upper()}{reason[1:]}{engine_error()}"
    number = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info < (3, 14):
        text = f"{reason}. `make up` starts without Docker."
        yield Finding("note", "engine", text)
        yield Finding("ok", "python", f"This is Python {number}.")
        yield from check_packages()
        return
    text = (
        f"{reason}, and Labloop needs Python 3.11 to 3.13, not {number}. "
        "Install one of the two, or name another Python: make PYTHON=python3.12 doctor"
    )
    yield Finding("fix", "engine", text)


def engine_error() -> str:
    """Return the docker command's own words, e.g. that you are not in the group `docker`."""
    if not shutil.which("docker"):
        return ""
    done = subprocess.run(
        ["docker", "version"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    lines = done.stderr.strip().splitlines()
    return f": {lines[-1].rstrip('.?')}" if done.returncode and lines else ""


def check_packages() -> Iterator[Finding]:
    """Whether the packages are those of the lock."""
    mark, lock = ROOT / ".venv" / ".installed", ROOT / "tests" / "requirements.txt"
    if not mark.exists():
        yield Finding("note", "packages", "Not installed yet; `make up` does it.")
    elif mark.stat().st_mtime < lock.stat().st_mtime:
        yield Finding("note", "packages", "Older than their lock; `make up` installs them anew.")
    else:
        yield Finding("ok", "packages", "Installed from the lock.")


def known_settings() -> tuple[set[str], set[str]]:
    """Read the names of all settings from the code, and of those that Compose passes on."""
    tree = ast.parse((ROOT / "service" / "contract" / "settings.py").read_text())
    classes = {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}
    fields = [each for each in classes["Settings"].body if isinstance(each, ast.AnnAssign)]
    names = {each.target.id.upper() for each in fields if isinstance(each.target, ast.Name)}
    passed_on = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    return names | passed_on, passed_on


def check_env_file(usable: bool) -> Iterator[Finding]:
    """Whether `.env` can be read and holds settings, and complete the environment from it."""
    try:
        values, unread = env_file.read(up.ENV_FILE, os.environ)
    except (OSError, UnicodeDecodeError) as error:
        yield Finding("fix", ".env", f"It cannot be read ({error}). Make it a readable text file.")
        values, unread = {}, []
    known, passed_on = known_settings()
    findings = []
    for line in unread:
        text = f"The line {line!r} is no setting. Write NAME=value, or remove it."
        findings.append(Finding("fix", ".env", text))
    for name in values:
        if name in known and usable and name not in passed_on:
            text = f"{name} counts without Docker alone; docker-compose.yml sets its own."
            findings.append(Finding("note", ".env", text))
        elif name not in known and not name.startswith(COMPOSE_READS):
            near = get_close_matches(name.upper(), known, 1, 0.85)
            meant = f" Is {near[0]} meant?" if near else " docs/settings.md lists the settings."
            text = f"{name} is no setting of Labloop.{meant}"
            findings.append(Finding("fix" if near else "note", ".env", text))
    yield from findings
    if values and not findings:
        yield Finding("ok", ".env", "All its settings are known.")
    up.complete_settings(values)
    yield from check_values()


def check_values() -> Iterator[Finding]:
    """Whether the values can be used; it takes the packages to tell."""
    if (ROOT / ".venv" / "bin" / "python").exists():
        if problem := up.setting_problem():
            yield Finding("fix", "settings", problem)
        else:
            yield Finding("ok", "settings", "All values can be used.")


def check_ports(ours: set[str]) -> Iterator[Finding]:
    """Whether the ports are free, or taken by what was started here."""
    for name, (what, _) in up.PORTS.items():
        check = f"port {os.environ[name]}"
        if name in ours:
            yield Finding("ok", check, f"Taken by {what} itself.")
        elif problem := up.port_problem(name):
            yield Finding("fix", check, problem + holder(os.environ[name]))
        else:
            yield Finding("ok", check, f"Free for {what}.")


def holder(port: str) -> str:
    """Say which process listens on a port, where Linux tells."""
    sockets = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            address, state, inode = fields[1], fields[3], fields[9]
            if state == "0A" and port.isdigit() and int(address.split(":")[1], 16) == int(port):
                sockets.add(f"socket:[{inode}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(each.readlink()) in sockets for each in (process / "fd").iterdir()):
                command = (process / "comm").read_text().strip()
                return f" (It is process {process.name}, {command}.)"
        except OSError:  # it ended just now, or belongs to somebody else
            continue
    return ""


def check_checkout(usable: bool) -> Iterator[Finding]:
    """Whose the checkout is, and whether what is made in the lab can be written."""
    uid = ROOT.stat().st_uid
    text = f"It belongs to uid {uid}"
    if not usable:
        yield Finding("ok", "checkout", f"{text}, and you are uid {os.geteuid()}.")
    elif uid == LAB_UID:
        yield Finding("ok", "checkout", f"{text}, as the lab does.")
    elif keeps_access_lists():
        yield Finding("ok", "checkout", f"{text}; what the lab makes is given to it.")
    else:
        text += f", the lab is uid {LAB_UID}, and the file system keeps no access lists. "
        text += "If notebooks cannot be saved: sudo chown -R 1000 notebooks service data"
        yield Finding("note", "checkout", text)
    folders = ["notebooks", "service", "data", "data/models"]
    if not usable:  # with Docker the log is in a volume, and Compose names the folders itself
        folders[3] = os.environ.get("MODELS_DIR") or folders[3]
        folders.append(os.environ.get("LOGS_DIR") or "logs")
    findings = [finding for folder in folders if (finding := check_folder(folder, usable))]
    yield from findings or [Finding("ok", "folders", f"{', '.join(folders)} can be written.")]


def keeps_access_lists() -> bool:
    """Whether the service `owner` can open the checkout's files to the lab."""
    try:
        os.getxattr(ROOT, "system.posix_acl_access")  # type: ignore[attr-defined,unused-ignore]
    except AttributeError:  # not Linux: the engine's virtual machine maps owners itself
        return True
    except OSError as error:
        return error.errno != errno.ENOTSUP
    return True


def check_folder(folder: str, usable: bool) -> Finding | None:
    """Whether a folder can be written."""
    path = ROOT / folder
    if not path.is_dir():
        return Finding("note", "folders", f"{folder} is not there; it is made when it is needed.")
    if os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return None
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return Finding(
            "fix", "folders", f"{folder} is on a read-only file system. Mount it read-write."
        )
    owner = path.stat().st_uid
    text = f"{folder} cannot be written by you, uid {os.geteuid()}: it belongs to uid {owner}. "
    if usable:  # the service `owner` is root
        return Finding("note", "folders", f"{text}The containers can write there.")
    return Finding("fix", "folders", f"{text}sudo chown -R {os.geteuid()} {folder}")


def check_space(usable: bool) -> Iterator[Finding]:
    """Whether there is room for images, packages, models and the log."""
    places = {"the checkout": str(ROOT)}
    if usable:
        places["Docker"] = up.answer("docker", "info", "--format", "{{.DockerRootDir}}")
    for what, place in places.items():
        if not os.path.isdir(place):  # noqa: PTH112  the engine is in a virtual machine
            continue
        free = shutil.disk_usage(place).free / 1e9
        text = f"{free:.1f} GB free for {what} ({place})."
        if free < FULL:
            yield Finding("fix", "space", f"{text} Make room there; lower LOG_MAX_BYTES.")
        elif free < LOW:
            yield Finding("note", "space", f"{text} The log may grow to LOG_MAX_BYTES.")
        else:
            yield Finding("ok", "space", text)


def check_images(config: dict[str, Any]) -> Iterator[Finding]:
    """Whether the images are those of this checkout."""
    wanted = up.version()
    for image in sorted({service["image"] for service in config["services"].values()}):
        tag = image.rpartition(":")[2]
        if tag != wanted:
            text = f"docker-compose.yml names {image}, and VERSION says {wanted}. "
            yield Finding("fix", "images", f"{text}Get both from one commit.")
        elif up.is_built(image):
            yield Finding("ok", "images", f"{image} is built.")
        else:
            yield Finding("note", "images", f"{image} is not built yet; `make up` does it.")


def check_project(config: dict[str, Any], refusal: str, other: Path | None) -> Iterator[Finding]:
    """Whether Compose takes what is set here, and the project's name is this checkout's alone."""
    if up.is_nameless():
        text = f"The folder's name, {ROOT.name!a}, gives none; `make up` chooses one, and keeps it "
        yield Finding("note", "project", f"{text}in `.env` as COMPOSE_PROJECT_NAME.")
    elif refusal:
        text = f"{up.REFUSED}: {refusal}."
        if "project name" in refusal:
            text += " Choose another: COMPOSE_PROJECT_NAME=labloop"
        yield Finding("fix", "project", text)
    elif other:
        text = f"{config['name']!r} is in use by the checkout at {other}. Give this one a project "
        text += f"of its own, in `.env`: COMPOSE_PROJECT_NAME={config['name']}-2"
        yield Finding("fix", "project", text)
    else:
        yield Finding("ok", "project", f"{config['name']!r} is this checkout's.")


def check_started(local: int, config: dict[str, Any], is_up: bool) -> Iterator[Finding]:
    """Say what is started, and where what it is asked is logged."""
    if local:
        yield Finding("ok", "started", f"Without Docker, by process {local}.")
    if is_up:
        log = config["volumes"]["logs"]["name"]
        text = f"In Docker, as project {config['name']!r}. Its log is in the volume {log}: its own "
        text += "JupyterLab reads it, and a notebook that runs on this machine does not."
        yield Finding("ok", "started", text)
    if local and is_up:
        text = "Both share the models, and each has a log of its own. `make down` stops both."
        yield Finding("fix", "started", text)
    if not local and not is_up:
        yield Finding("note", "started", "Nothing is; `make up` starts it.")


def checks() -> Iterator[Finding]:
    """Go through all of them."""
    usable, reason = up.docker_answers()
    yield from check_ways(usable, reason)
    yield from check_env_file(usable)
    yield from check_checkout(usable)
    yield from check_space(usable)
    config: dict[str, Any] = {}
    if usable:
        config, refusal = up.compose_config()
        other = up.other_checkout(up.places(config["name"])) if config else None
        yield from check_project(config, refusal, other)
        if other:
            config = {}  # what is left to look at would be the other's
    local, found = lifeline.starter(), running.containers() if config else []
    yield from check_ports({*up.PORTS} if local else up.ports_of_stack() if config else set())
    if config:
        yield from check_images(config)
        yield from running.check_containers(found)
    is_up = any(container["State"] == "running" for container in found)
    yield from check_started(local, config, is_up)
    if local or found:
        yield from running.check_servers(bool(local))


def main() -> int:
    """Print a line a check; return the exit code."""
    to_do = 0
    for finding in checks():
        to_do += finding.level == "fix"
        print(finding, flush=True)
    things = "Nothing is" if not to_do else "1 thing is" if to_do == 1 else f"{to_do} things are"
    print(f"\n{things} to be fixed.")
    return 1 if to_do else 0


if __name__ == "__main__":
    sys.exit(main())
