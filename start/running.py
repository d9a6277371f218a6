"""What was started, and how it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any

from start import up
from start.finding import Finding
from start.greeting import host, url

SECONDS = 5
INSIDE_SECONDS = 120
KILLED = 137  # 128 and the number of SIGKILL
UNANSWERED = (OSError, ValueError, LookupError, TypeError)  # or not as Labloop answers
ASK_INSIDE = "from service.lab import Lab; print(Lab().doctor())"


class Server:
    """A server on this machine.

    Parameters
    ----------
    name : str
        The setting that holds its port.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = os.environ[name]

    def get(self, path: str) -> tuple[int, Any]:
        """Ask for a path; return status and content. A failure is an OSError or ValueError."""
        connection = HTTPConnection(host(), int(self.port), timeout=SECONDS)
        headers = {"User-Agent": "labloop-doctor"}
        if os.environ.get("API_TOKEN"):
            headers["Authorization"] = f"Bearer {os.environ['API_TOKEN']}"
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except HTTPException as error:
            raise ValueError(repr(error)) from error
        finally:
            connection.close()

    def missing(self, error: Exception) -> str:
        """Say that it is not there."""
        if isinstance(error, OSError):
            text = f"Nothing answers at port {self.port} ({error}). "
            return f"{text}If it was started at another: {self.name}=… make doctor"
        text = f"What answers at port {self.port} is not Labloop's ({error!r}). "
        return f"{text}Choose another port: {self.name}=… make up"


def containers() -> list[dict[str, Any]]:
    """List what Compose started here; older versions of it print one list, newer a line each."""
    said = up.answer("docker", "compose", "ps", "--all", "--format", "json")
    parsed = [json.loads(line) for line in said.splitlines()]
    return parsed[0] if parsed and isinstance(parsed[0], list) else parsed


def check_containers(found: list[dict[str, Any]]) -> Iterator[Finding]:
    """Whether each container is as it should be."""
    for each in found:
        service, state = each["Service"], each["State"]
        health, code = each.get("Health") or "", each.get("ExitCode", 0)
        ended_well = service in ("checkout", "train") and state == "exited" and code == 0
        image = str(each.get("Image", ""))
        if ended_well or (state == "running" and health in ("healthy", "")):
            if image and image.rpartition(":")[2] != up.version():
                text = f"{service} runs {image}, and this checkout is {up.version()}: `make up`."
                yield Finding("fix", "stack", text)
            else:
                yield Finding("ok", "stack", f"{service} {'is done' if ended_well else 'runs'}.")
        elif health == "starting" or state == "created":
            yield Finding("note", "stack", f"{service} is starting.")
        else:
            text = f"{service} is {state}{f', {health}' if health else ''}, exit code {code}. "
            if state == "running":
                text += f"`docker compose logs {service}` says why."
            else:
                if code == KILLED:
                    text += "It was killed: by hand, or because memory ran out. "
                text += f"`docker compose logs {service}` shows what it said last; "
                text += "`docker compose up -d` starts it again."
            yield Finding("fix", "stack", text)


def check_servers(is_local: bool) -> Iterator[Finding]:
    """Ask the API, JupyterLab, and the lab's own doctor."""
    api, lab = Server("API_PORT"), Server("LAB_PORT")
    said = [*check_api(api, is_local)]
    yield from said
    try:
        number = lab.get("/api")[1]["version"]
    except UNANSWERED as error:
        yield Finding("fix", "lab", lab.missing(error))
        yield from check_models(api)
        return
    yield Finding("ok", "lab", f"JupyterLab answers, on Jupyter Server {number}.")
    is_api_amiss = any((each.level, each.check) == ("fix", "api") for each in said)
    for finding in check_inside(is_local):
        if not (is_api_amiss and finding.check == "lab: api"):
            yield finding


def check_api(api: Server, is_local: bool) -> Iterator[Finding]:
    """Ask the API itself."""
    try:
        live = api.get("/health/live")[1]
        image, libraries = live["image"], live["libraries"]
        ready, content = api.get("/health/ready")
    except UNANSWERED as error:
        logs = "What `make up` prints says more" if is_local else "See `docker compose logs api`"
        yield Finding("fix", "api", f"{api.missing(error)}. {logs}.")
        return
    if ready == 200:
        serves = f"It serves {content['model']} version {content['version']} as its default model."
        yield Finding("ok", "api", serves)
    else:
        yield Finding("fix", "api", f"It is not ready: {content['error']}")
    yield from check_versions(image, libraries)


def check_versions(image: str, libraries: dict[str, str]) -> Iterator[Finding]:
    """Whether the API runs what this checkout holds."""
    wanted = up.version()
    if image not in ("local", f"labloop-api:{wanted}"):
        text = f"The API is from {image}, and this checkout is {wanted}: `make up`."
        yield Finding("fix", "versions", text)
    lock = (up.ROOT / "requirements-api.txt").read_text()
    others = []
    for name, number in libraries.items():
        locked = re.findall(rf"^{name}==([^ ;]+)", lock, re.M)
        if locked and number not in locked:
            others.append(f"{name} {number} instead of {' or '.join(locked)}")
    said = ", ".join(f"{name} {number}" for name, number in libraries.items())
    if others:
        text = f"The API has {', '.join(others)}. `make down`, then `make up`, installs the lock."
        yield Finding("fix", "versions", text)
    else:
        yield Finding("ok", "versions", f"The API has {said}.")


def check_models(api: Server) -> Iterator[Finding]:
    """Say what was refused, where the lab cannot be asked."""
    try:
        models = api.get("/models")[1]["models"]
    except UNANSWERED:  # as was said
        return
    for model in models:
        for refusal in model["refused"]:
            text = f"{model['name']} version {refusal['version']} was refused: {refusal['reason']} "
            if model["live"]:
                text += f"Version {model['live']['version']} serves on."
                yield Finding("note", "models", text)
            else:
                text += "Nothing is served in its place: publish anew, or promote another."
                yield Finding("fix", "models", text)
    served = [model for model in models if model["live"]]
    yield Finding("ok", "models", f"{len(served)} of {len(models)} models are served.")


def check_inside(is_local: bool) -> Iterator[Finding]:
    """Ask the lab's own doctor, which says a line a finding, too."""
    python = [str(up.ROOT / ".venv" / "bin" / "python")]
    if not is_local:
        python = ["docker", "compose", "exec", "-T", "lab", "python"]
    api_url = os.environ.get("API_URL") or url(os.environ["API_PORT"])
    try:
        done = subprocess.run(
            [*python, "-c", ASK_INSIDE],
            cwd=up.ROOT,
            env=os.environ | {"API_URL": api_url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSIDE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding("fix", "lab", f"lab.doctor() could not be asked: {error}")
        return
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        yield Finding("fix", "lab", f"lab.doctor() failed: {last}")
    for line in done.stdout.splitlines()[1:]:
        level, check, text = line.split(maxsplit=2)
        yield Finding(level, f"lab: {check}", text)
