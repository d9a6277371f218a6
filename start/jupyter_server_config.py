"""JupyterLab's settings, the same in the container and without Docker."""

import os
from urllib.parse import quote

from traitlets.config import get_config

c = get_config()
port = int(os.environ.get("LAB_PORT") or 8888)

# The token is Jupyter's own: JUPYTER_TOKEN, or a new random one for each start when that is not
# set or empty. Jupyter prints a random one but hides a chosen one, so that one is added here.
token = os.environ.get("JUPYTER_TOKEN")
url = f"http://127.0.0.1:{port}/lab/tree/notebooks"
c.ServerApp.custom_display_url = f"{url}?token={quote(token)}" if token else url

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
c.ServerApp.default_url = "/lab/tree/notebooks"

# Nothing here calls out: no news, no look for a newer version, no list of extensions to install.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
