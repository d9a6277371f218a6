"""Tiles in JupyterLab's launcher: to the API and a cluster's dashboard, through JupyterLab's port.

Read by jupyter_server_config.py. jupyter-server-proxy brings the tiles, the proxy and the check
that the visitor is logged in. By itself it would proxy any port of this machine, a named server
nowhere else, and JupyterLab's cookie and token with the rest. Here it is two servers, at API_URL
and at the host of DASK_SCHEDULER_ADDRESS, that are not told them.
"""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any as Anything
from urllib.parse import unquote_plus, urlsplit

from jupyter_server.base.handlers import Template404
from jupyter_server_proxy.config import ServerProcess
from jupyter_server_proxy.handlers import NamedLocalProxyHandler, ProxyHandler
from tornado import web
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketClosedError
from traitlets import Any

API_URL = os.environ.get("API_URL") or f"http://127.0.0.1:{os.environ.get('API_PORT') or 8000}"
API_TOKEN = os.environ.get("API_TOKEN")
PREFIX = "labloop-api"
CLUSTER = os.environ.get("DASK_SCHEDULER_ADDRESS") or "tcp://127.0.0.1"
DASHBOARD_PORT = int(os.environ.get("DASHBOARD_PORT") or 8787)
CLUSTER_PREFIX = "labloop-cluster"
ICONS = Path(__file__).parent / "labconfig"

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (Jupyter gives this to the file)
api = urlsplit(API_URL)


class Handler(NamedLocalProxyHandler):  # type: ignore[misc]
    """Passes a request on to one server, on whatever host it is, without JupyterLab's secrets."""

    host: str
    called: str

    def __init__(self, *arguments: Anything, **options: Anything) -> None:
        super().__init__(*arguments, **options)
        self.host_allowlist = [self.host]

    async def prepare(self) -> None:
        """Let through who is logged in, unless a page from elsewhere made them ask."""
        await super().prepare()
        # The proxy leaves the check of XSRF to what is behind it.
        if self.request.method not in ("GET", "HEAD") and not self.check_origin():
            raise web.HTTPError(403)
        parts = self.request.query.split("&")
        self.request.query = "&".join(part for part in parts if not self.is_secret(part))

    def is_secret(self, text: str) -> bool:
        """Whether JupyterLab's token is in a header or in a part of a query."""
        return self.token in unquote_plus(text)

    def proxy_request_headers(self) -> Anything:
        """Keep back what would let the server into JupyterLab."""
        headers = super().proxy_request_headers()
        for name, value in [*headers.get_all()]:
            if name in ("Cookie", "X-Xsrftoken") or self.is_secret(value):
                headers.pop(name, None)
        return headers

    async def proxy(self, port: int, path: str) -> None:
        """Ask the server; say so if it does not answer."""
        try:
            await ProxyHandler.proxy(self, self.host, port, path)
        except (OSError, web.HTTPError) as error:
            raise web.HTTPError(502, f"{self.called} does not answer: {error}") from error


class ApiHandler(Handler):
    """Passes a request on to the API, with the API's token."""

    host = str(api.hostname)
    called = f"The API at {API_URL}"

    async def prepare(self) -> None:
        """Refuse what the API does not have."""
        await super().prepare()
        if self.request.headers.get("Upgrade", "").lower() == "websocket":
            raise web.HTTPError(404, "The API has no websocket.")

    def proxy_request_headers(self) -> Anything:
        """Add the API's token; who is logged in may read it here anyway."""
        headers = super().proxy_request_headers()
        if API_TOKEN:
            headers["Authorization"] = f"Bearer {API_TOKEN}"
        return headers


def dashboard_host() -> str:
    """Return the scheduler's host; if it is this machine, its dashboard is on loopback alone."""
    host = urlsplit(CLUSTER).hostname or CLUSTER.partition(":")[0]
    with socket.socket() as attempt:
        try:
            attempt.bind((host, 0))
        except OSError:
            return host
    return "127.0.0.1"


class DashboardHandler(Handler):
    """Passes a request on to the dashboard of a cluster's scheduler."""

    host = dashboard_host()
    called = (
        f"The dashboard of a cluster at {host}:{DASHBOARD_PORT}, by DASK_SCHEDULER_ADDRESS and "
        "DASHBOARD_PORT,"
    )

    async def open(self, path: str) -> None:
        """Open the websocket by which the dashboard's pictures change."""
        try:
            await self.proxy_open(self.host, self.port, path)
        except (OSError, HTTPClientError) as error:
            self.log.warning(f"{self.called} does not open a websocket: {error}")
            self.close(1011, "The dashboard does not answer.")
        else:
            if self.ws_connection is None:  # the browser has gone meanwhile
                self.ws.close()

    def write_message(self, message: str | bytes, binary: bool = False) -> None:
        """Pass on what the dashboard says, unless the browser has gone."""
        while_open(super().write_message, message, binary)

    def ping(self, data: bytes = b"") -> None:
        """Pass on that the dashboard asks who is there, unless the browser has gone."""
        while_open(super().ping, data)

    def on_message(self, message: str | bytes) -> None:
        """Pass on what the browser says, unless the dashboard has gone."""
        if hasattr(self, "ws"):
            while_open(self.ws.write_message, message, isinstance(message, bytes))

    def on_ping(self, data: bytes) -> None:
        """Answered already; the dashboard is asked by its own pings."""


def while_open(send: Callable[..., Anything], *message: Anything) -> None:
    """Send on a websocket; that it is closed is told to the other end by its own closing."""
    try:
        sent = send(*message)
    except WebSocketClosedError:
        return
    if sent is not None:
        sent.add_done_callback(lambda done: done.cancelled() or done.exception())


class Server(ServerProcess):  # type: ignore[misc]
    """A name, the handler that answers under it, and maybe a tile. No process is started."""

    handler = Any()

    def get_proxy_base_class(self) -> tuple[type | None, dict[str, Anything]]:
        """Name the handler."""
        return self.handler, {}


def tile(title: str, path: str, icon: str) -> dict[str, Anything]:
    """Describe a tile. JupyterLab shows an icon of one's own under Notebook and Console alone."""
    return {"title": title, "path_info": path, "icon_path": ICONS / icon}


# The first name that fits a path wins, so that `proxy` and the ports under it lead nowhere.
servers = {"proxy": Server(handler=Template404, launcher_entry={"enabled": False})}
if api.scheme == "http" and not api.path.strip("/"):  # the proxy speaks nothing else
    at_root = tile("API", f"{PREFIX}/", "api.svg")
    servers[PREFIX] = Server(handler=ApiHandler, port=api.port or 80, launcher_entry=at_root)
    at_docs = tile("API documentation", f"{PREFIX}/docs", "docs.svg")
    servers["labloop-docs"] = Server(launcher_entry=at_docs)
at_status = tile("Cluster", f"{CLUSTER_PREFIX}/status", "cluster.svg")
servers[CLUSTER_PREFIX] = Server(
    handler=DashboardHandler, port=DASHBOARD_PORT, launcher_entry=at_status
)
c.ServerProxy.servers = servers
