"""JupyterLab's settings, the same in the container and without Docker."""

import logging
import os
import secrets
import sys
from pathlib import Path
from shutil import which
from urllib.parse import quote

from jupyter_server.base.handlers import JupyterHandler

sys.path.append(str(Path(__file__).parent))
import greeting  # type: ignore[import-not-found]

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (Jupyter gives this to the file)
greeting.complete_environment()
port = int(os.environ.get("LAB_PORT") or 8888)
address = os.environ.get("BIND_ADDRESS") or "127.0.0.1"

# A release image says which code may run. Without it the lab starts whatever is edited here.
if os.environ.get("RUN_CODE"):
    from service.contract.build import build
    from service.contract.errors import LabloopError

    try:
        build().check()
    except LabloopError as error:
        sys.exit(str(error))

# Never empty, and a new one for each start unless JUPYTER_TOKEN says otherwise.
token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
page = "/lab/tree/notebooks"
c.IdentityProvider.token = token
c.ServerApp.custom_display_url = f"{greeting.url(str(port))}{page}?token={quote(token)}"
c.LabApp.default_url = page

# What starts says what to open by the greeting, last. What else it would say of itself (each
# extension that is loaded, each language server and builder that is not installed, notebooks that
# are not trusted yet) helps nobody and alarms. Errors are shown.
c.ServerApp.jpserver_extensions = {"greeting": True}
c.Application.log_level = logging.ERROR

# Jupyter turns its Host check off when it listens on all addresses, as it must in a container.
# The check is what keeps a foreign page from reaching this server under a name of its own.
c.ServerApp.ip = address
c.ServerApp.allow_remote_access = False
allowed = {address, *greeting.listed(os.environ.get("ALLOWED_HOSTS") or "localhost")}
allowed -= {*greeting.EVERYWHERE}
c.ServerApp.local_hostnames = sorted(allowed)
check_name = JupyterHandler.check_host


def check_host(self: JupyterHandler) -> bool:
    """Take an address that is allowed, too: of these Jupyter takes only the machine's own."""
    return greeting.host_of(self.request.host) in allowed or check_name(self)


JupyterHandler.check_host = check_host  # type: ignore[method-assign]

# A terminal has the project's Python first. By itself JupyterLab opens a login shell, and Debian's
# /etc/profile sets a PATH without it; so does much that people have in ~/.bashrc.
bashrc = Path(__file__).parent / "labconfig" / "bashrc"
shell = ["bash", "--rcfile", str(bashrc)] if which("bash") else ["sh"]
c.ServerApp.terminado_settings = {"shell_command": shell}

# A taken port is an error. The next free one would not be the one that is published.
c.ServerApp.port = port
c.ServerApp.port_retries = 0

# Without Docker the lab may be started by root, in a virtual machine or in CI.
c.ServerApp.allow_root = True
c.ServerApp.open_browser = False

# Nothing here calls out: no news, no look for a newer version, no list of extensions to install.
# labconfig/ beside this file answers JupyterLab's question about news before it is asked.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
config_path = [str(Path(__file__).parent), os.environ.get("JUPYTER_CONFIG_PATH")]
os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, config_path))

# The API's page and documentation, and a cluster's dashboard, for whoever can reach this port only.
load_subconfig("tiles.py")  # type: ignore[name-defined]  # noqa: F821  (as get_config)
