"""Greeting: the last that a start says, once both servers answer: what to open.

An extension of JupyterLab's server, switched on in jupyter_server_config.py; the image has both
in one folder. `make up` finds the greeting in the lab's log and repeats it. Only the standard
library is used, because `make up` imports this before anything is installed.
"""

from __future__ import annotations

import json
import os
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

FIRST_LINE, LAST_LINE = "Labloop is up.", "Stop with:   make down"
SECONDS = 60.0
EVERYWHERE = ("0.0.0.0", "::")


def complete_environment() -> None:
    """Take up what is set by files in `SETTINGS_DIR`, and drop what Kubernetes sets of its own.

    The names are checked by `service.contract.settings`, which notebooks and the API read.
    """
    for name in ("API_PORT", "LAB_PORT"):
        if "://" in os.environ.get(name, ""):  # a Service of the name `api` or `lab`
            del os.environ[name]
    folder = os.environ.get("SETTINGS_DIR")
    for file in sorted(Path(folder).glob("[!.]*")) if folder else []:
        os.environ.setdefault(file.name, file.read_text("utf-8").strip())


def listed(text: str) -> list[str]:
    """Read a list with commas.

    Examples
    --------
    >>> listed("lab.example.org, LocalHost")
    ['lab.example.org', 'localhost']
    """
    return [part.strip().lower() for part in text.split(",") if part.strip()]


def host_of(host: str) -> str:
    """Read the name in a request's header `Host`; nothing if it has none.

    Examples
    --------
    >>> host_of("Lab.example.org:8888"), host_of("[::1]:8888")
    ('lab.example.org', '::1')
    """
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Whether a name or an address can only mean this machine.

    Examples
    --------
    >>> is_loopback("localhost"), is_loopback("127.0.0.1"), is_loopback("192.168.1.5")
    (True, True, False)
    """
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def host() -> str:
    """Return the address to open on this machine, whatever is listened on.

    Examples
    --------
    >>> host()
    '127.0.0.1'
    """
    address = os.environ.get("BIND_ADDRESS") or "127.0.0.1"
    return "127.0.0.1" if address in EVERYWHERE else address


def url(port: str) -> str:
    """Return the URL under which a port is opened on this machine.

    Examples
    --------
    >>> url("8000")
    'http://127.0.0.1:8000'
    """
    return f"http://[{host()}]:{port}" if ":" in host() else f"http://{host()}:{port}"


def greet(lab_url: str) -> None:
    """Wait for the API, and print what to open."""
    is_there, problem = _ask_until_it_answers()
    api_url = url(os.environ.get("API_PORT") or "8000")
    lines = [FIRST_LINE if is_there else "JupyterLab is up, the API is not."]
    lines += [f"The API:     {api_url}/", f"JupyterLab:  {lab_url}"]
    lines += [f"Note:        {note}" for note in (problem, *_notes()) if note]
    # One write, so that nothing of the other server gets between the lines.
    print("\n".join(["", *lines, LAST_LINE]), flush=True)


def _ask_until_it_answers() -> tuple[bool, str]:
    """Whether the API answers, and what keeps it from being ready."""
    api = urlsplit(os.environ.get("API_URL") or url(os.environ.get("API_PORT") or "8000"))
    connect = HTTPSConnection if api.scheme == "https" else HTTPConnection
    deadline = time.monotonic() + SECONDS
    while True:
        connection = connect(api.hostname or "", api.port, timeout=5)
        try:
            connection.request("GET", f"{api.path}/health/ready")
            response = connection.getresponse()
            content = json.loads(response.read())
            return True, "" if response.status == 200 else str(content["error"])
        except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
            if time.monotonic() > deadline:
                where = f"{api.scheme}://{api.netloc}"
                return False, f"The API does not answer at {where} ({error!r}). See its log."
        finally:
            connection.close()
        time.sleep(0.1)


def _notes() -> list[str]:
    """Say what to know where both servers can be reached from other machines."""
    address = os.environ.get("BIND_ADDRESS") or "127.0.0.1"
    if is_loopback(address):
        return []
    notes = []
    if not os.environ.get("API_TOKEN"):
        notes.append(
            f"BIND_ADDRESS is {address} and API_TOKEN is empty: whoever reaches this machine may "
            "ask the API. Set API_TOKEN, e.g. to what `openssl rand -hex 24` prints."
        )
    if address in EVERYWHERE:
        names = [n for n in listed(os.environ.get("ALLOWED_HOSTS", "")) if not is_loopback(n)]
        if names:
            notes.append(f"From other machines: {' or '.join(names)} in place of 127.0.0.1.")
        else:
            notes.append("From other machines both refuse: put this one's name in ALLOWED_HOSTS.")
    return notes


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Nothing is to be done before the server listens."""


async def _start_jupyter_server_extension(server: Any) -> None:
    """Greet, now that the server listens, without holding it up."""
    Thread(target=greet, args=[server.custom_display_url], daemon=True).start()
