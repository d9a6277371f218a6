"""Tiles in JupyterLab's launcher that lead to the API, through JupyterLab's own port.

Read by jupyter_server_config.py. jupyter-server-proxy brings the tiles, the proxy and the check
that the visitor is logged in. By itself it would proxy any port of this machine, a named server
nowhere else, and JupyterLab's cookie and token with the rest. Here it is one server, at API_URL,
that is not told them.
"""

import os
from pathlib import Path
from typing import Any as Anything
from urllib.parse import unquote_plus, urlsplit

from jupyter_server.base.handlers import Template404
from jupyter_server_proxy.config import ServerProcess
from jupyter_server_proxy.handlers import NamedLocalProxyHandler, ProxyHandler
from tornado import web
from traitlets import Any

API_URL = os.environ.get("API_URL") or f"http://127.0.0.1:{os.environ.get('API_PORT') or 8000}"
API_TOKEN = os.environ.get("API_TOKEN")
PREFIX = "labloop-api"
ICONS = Path(__file__).parent / "labconfig"

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (Jupyter gives this to the file)
api = urlsplit(API_URL)


class ApiHandler(NamedLocalProxyHandler):  # type: ignore[misc]
    """Passes a request on to the API, on whatever host it is."""

    def __init__(self, *arguments: Anything, **options: Anything) -> None:
        super().__init__(*arguments, **options)
        self.host_allowlist = [api.hostname]

    async def prepare(self) -> None:
        """Let through who is logged in, unless a page from elsewhere made them ask."""
        await super().prepare()
        if self.request.headers.get("Upgrade", "").lower() == "websocket":
            raise web.HTTPError(404, "The API has no websocket.")
        # The proxy leaves the check of XSRF to what is behind it.
        if self.request.method not in ("GET", "HEAD") and not self.check_origin():
            raise web.HTTPError(403)
        parts = self.request.query.split("&")
        self.request.query = "&".join(part for part in parts if not self.is_secret(part))

    def is_secret(self, text: str) -> bool:
        """Whether JupyterLab's token is in a header or in a part of a query."""
        return self.token in unquote_plus(text)

    def proxy_request_headers(self) -> Anything:
        """Keep back what would let the API into JupyterLab."""
        headers = super().proxy_request_headers()
        for name, value in [*headers.get_all()]:
            if name in ("Cookie", "X-Xsrftoken") or self.is_secret(value):
                headers.pop(name, None)
        if API_TOKEN:  # who is logged in may read it here anyway
            headers["Authorization"] = f"Bearer {API_TOKEN}"
        return headers

    async def proxy(self, port: int, path: str) -> None:
        """Ask the API; say so if it does not answer."""
        try:
            await ProxyHandler.proxy(self, api.hostname, port, path)
        except (OSError, web.HTTPError) as error:
            raise web.HTTPError(502, f"The API at {API_URL} does not answer: {error}") from error


class Server(ServerProcess):  # type: ignore[misc]
    """A name, the handler that answers under it, and maybe a tile. No process is started."""

    handler = Any()

    def get_proxy_base_class(self) -> tuple[type | None, dict[str, Anything]]:
        """Name the handler."""
        return self.handler, {}


def tile(title: str, path: str, icon: str) -> dict[str, Anything]:
    """Describe a tile. JupyterLab shows an icon of one's own under Notebook and Console alone."""
    return {"title": title, "path_info": f"{PREFIX}/{path}", "icon_path": ICONS / icon}


# The first name that fits a path wins, so that `proxy` and the ports under it lead nowhere.
servers = {"proxy": Server(handler=Template404, launcher_entry={"enabled": False})}
if api.scheme == "http" and not api.path.strip("/"):  # the proxy speaks nothing else
    at_root = tile("API", "", "api.svg")
    servers[PREFIX] = Server(handler=ApiHandler, port=api.port or 80, launcher_entry=at_root)
    at_docs = tile("API documentation", "docs", "docs.svg")
    servers["labloop-docs"] = Server(launcher_entry=at_docs)
c.ServerProxy.servers = servers
