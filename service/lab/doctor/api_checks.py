"""API checks: whether the API responds, fits this lab, and serves."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from service.contract.build import Build, build
from service.contract.errors import ApiUnreachableError, LabloopError
from service.contract.libraries import versions
from service.lab.client.client import Client
from service.lab.doctor.diagnosis import Finding

CLOCK_SECONDS = 5.0
MEANING = {
    "starting": "It loads what is live.",
    "stuck": "It lives, but has done nothing for 15 s. publish does not wait for it.",
    "gone": "It ended without a word; what it had not sealed of the log is sealed by another.",
}
REBUILD = "`docker compose up --build` gives both the same; without Docker, `make down`, `make up`."


def check_api(client: Client) -> tuple[bool, list[Finding]]:
    """Ask the API what it runs, what time it has, and whether it is ready.

    Parameters
    ----------
    client : Client

    Returns
    -------
    responds : bool
        Whether an API responds at all.
    findings : list of Finding
    """
    try:
        live = client.get("/health/live")
    except LabloopError as error:
        return not isinstance(error, ApiUnreachableError), [Finding("fix", "api", str(error))]
    if "libraries" not in live:
        older = "The API is older than 0.4.0, this lab is not."
        findings = [Finding("fix", "versions", older, REBUILD)]
    else:
        findings = [_check_versions(live), _check_clocks(live)]
    try:
        ready = client.get("/health/ready")
    except LabloopError as error:
        return True, [*findings, Finding("fix", "api", f"It is not ready: {error}")]
    serves = f"It serves {ready['model']} version {ready['version']} by default"
    return True, [*findings, Finding("ok", "api", f"{serves}; LOG_SYNC is {ready['log_sync']}.")]


def served_models(
    client: Client,
) -> tuple[dict[str, dict[str, Any]] | None, dict[str, str] | None, list[Finding]]:
    """Ask the API for its models, and for the libraries that it has.

    Returns
    -------
    served : dict of str to dict, or None
        What ``GET /models`` says of each model, by its name; None if it says nothing.
    libraries : dict of str to str, or None
        Their versions by name; None if it says nothing.
    findings : list of Finding
    """
    try:
        libraries = client.get("/health/live").get("libraries")
        models = client.get("/models")["models"]
    except LabloopError as error:
        return None, None, [Finding("fix", "api", f"It does not list its models: {error}")]
    return {model["name"]: model for model in models}, libraries, []


def check_replicas(served: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    """Name the replicas that do not serve as they should.

    Parameters
    ----------
    served : dict of str to dict
        As `served_models` returns it.
    """
    states = {
        (worker["replica"], worker["state"])
        for model in served.values()
        for worker in model["workers"]
    }
    if len({replica for replica, _ in states}) < 2:
        return
    for replica, state in sorted(states):
        if state != "serving":
            yield Finding("note", "api", f"Replica {replica} is {state}. {MEANING[state]}")


def _check_versions(live: dict[str, Any]) -> Finding:
    here, there = versions.installed(), live["libraries"]
    differences = [
        f"{name} {there.get(name)} there and {here.get(name)} here"
        for name in here | there
        if there.get(name) != here.get(name)
    ]
    image, own = live["image"], build().image
    if Build.image not in (image, own) and image.partition(":")[2] != own.partition(":")[2]:
        differences.append(f"image {image} there and {own} here")
    if differences:
        sentence = f"The two sides differ: {', '.join(differences)}."
        return Finding("fix", "versions", sentence, REBUILD)
    same = ", ".join(f"{name} {number}" for name, number in here.items())
    return Finding("ok", "versions", f"Both sides have {same}.")


def _check_clocks(live: dict[str, Any]) -> Finding:
    ahead = (datetime.fromisoformat(live["time"]) - datetime.now(UTC)).total_seconds()
    if abs(ahead) < CLOCK_SECONDS:
        return Finding("ok", "clocks", "They agree.")
    which = "ahead of" if ahead > 0 else "behind"
    return Finding(
        "fix",
        "clocks",
        f"The API's clock is {abs(ahead):.0f} s {which} this one.",
        "Times in the log and since=… are off by that. Let both machines use the same time server.",
    )
