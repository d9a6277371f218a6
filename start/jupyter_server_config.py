"""JupyterLab's settings, the same in the container and without Docker."""

import os
import secrets
from pathlib import Path
from urllib.parse import quote

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (Jupyter gives this to the file)
port = int(os.environ.get("LAB_PORT") or 8888)

# Never empty, and a new one for each start unless JUPYTER_TOKEN says otherwise. Jupyter prints
# "token=..." for a token it was given, so the URL that works when pasted is spelt out here.
token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
page = "/lab/tree/notebooks"
c.IdentityProvider.token = token
c.ServerApp.custom_display_url = f"http://127.0.0.1:{port}{page}?token={quote(token)}"
c.LabApp.default_url = page

# Jupyter turns its Host check off when it listens on all addresses, as it must in a container.
# The check is what keeps a foreign page from reaching this server under a name of its own.
c.ServerApp.allow_remote_access = False
c.ServerApp.local_hostnames = ["localhost", "127.0.0.1"]

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

# The API's page and documentation, for whoever can reach this port only.
load_subconfig("api_tiles.py")  # type: ignore[name-defined]  # noqa: F821  (as get_config)
