"""Access control: turns away what a page of another site sends, and what lacks the token.

A browser sends requests on behalf of any page that it shows. So a request must be meant for one
of the API's own names (or a name of the attacker's could lead here), must not come from another
site's page, and a body must be called JSON, which no form of another site can do.

Two kinds of requests come to an address instead of a name. The open paths are what a health check
asks. The metrics are what Prometheus reads, with the token or from a network that may.
"""

import base64
import binascii
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.edge.responses import is_v2, problem_response
from service.contract.errors import (
    ApiError,
    ForeignError,
    MediaTypeError,
    RepeatedError,
    TokenError,
)
from service.contract.settings import Settings, listed, networks
from service.contract.text import show

OPEN = frozenset(
    path + slash
    for path in ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready")
    for slash in ("", "/")
)
METRICS = frozenset({"/metrics", "/metrics/"})
PAGES = frozenset({"/", "/docs"})  # a link on another site may lead to these
# What tritonclient calls its bodies: tensors, or nothing at all. A page may send the latter to
# another site without asking first, but not without its Origin.
V2_TYPES = frozenset({b"application/octet-stream", b""})
# Whoever stands before the API may go by the first of two, and the API by the last.
ONCE = frozenset(
    b"host origin authorization content-type content-encoding".split()
    + b"sec-fetch-site sec-fetch-mode sec-fetch-dest".split()
)

Headers = dict[bytes, bytes]


class AccessControl:
    """Stands before the application.

    Parameters
    ----------
    app : ASGI application
    settings : Settings
        `ALLOWED_HOSTS`, `BIND_ADDRESS`, `API_URL`, `ALLOWED_ORIGINS`, `API_TOKEN` and
        `METRICS_FROM`.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.hosts = settings.hosts
        self.origins = listed(settings.allowed_origins)
        self.token = settings.api_token.get_secret_value().encode()
        self.scrapers = networks(settings.metrics_from)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            try:
                self.check(scope)
            except ApiError as problem:
                await problem_response(scope["path"], problem)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def check(self, scope: Scope) -> Headers:
        """Look at a request's head, and return its headers.

        Raises
        ------
        RepeatedError
            A header that decides is there twice.
        ForeignError
            Another host is meant, or another site's page asks.
        TokenError
            The token is missing or another one.
        MediaTypeError
            There is a body, and it is not said to be JSON.
        """
        headers: Headers = dict(scope["headers"])
        if len(headers) < len(scope["headers"]):
            _check_repeated([name for name, _ in scope["headers"]])
        authorization = headers.get(b"authorization", b"")
        is_free = scope["path"] in OPEN or self._may_scrape(scope, authorization)
        if not is_free:
            self._check_host(headers.get(b"host", b""))
        self._check_origin(headers, scope)
        if self.token and not is_free:
            self._check_token(authorization)
        if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            _check_media_type(headers, scope["path"])
        return headers

    def _check_host(self, host: bytes) -> None:
        name = host.decode("latin-1").lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if name not in self.hosts:
            raise ForeignError(
                f"This API is not called {show(name)}. Call it by one of "
                f"{', '.join(sorted(self.hosts))}, or add the name to ALLOWED_HOSTS."
            )

    def _check_origin(self, headers: Headers, scope: Scope) -> None:
        origin = headers.get(b"origin")
        if origin is not None:
            text = origin.decode("latin-1").lower()
            own = headers.get(b"host", b"").decode("latin-1").lower()
            if text.partition("://")[2] != own and text not in self.origins:
                raise ForeignError(
                    f"A page of {show(text)} may not call this API. Add it to ALLOWED_ORIGINS "
                    "if it should."
                )
        elif headers.get(b"sec-fetch-site", b"none") not in (b"same-origin", b"none"):
            # A picture or a link of another page; these have no Origin.
            opened = headers.get(b"sec-fetch-mode") == b"navigate" and (
                headers.get(b"sec-fetch-dest", b"document") == b"document"  # and not in a frame
            )
            if not (opened and scope["path"] in PAGES):
                raise ForeignError(
                    "A page of another site may not call this API. Open its address yourself."
                )

    def _may_scrape(self, scope: Scope, authorization: bytes) -> bool:
        """Whether a request for metrics may come to whatever address this has."""
        if scope["path"] not in METRICS:
            return False
        if self.token and self._has_token(authorization):  # which no page from elsewhere knows
            return True
        return bool(self.scrapers) and self._is_scraper(scope["client"])

    def _is_scraper(self, client: tuple[str, int] | None) -> bool:
        try:
            address = ip_address(client[0] if client else "")
        except ValueError:  # a proxy on this machine calls its client otherwise
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self.scrapers)

    def _check_token(self, authorization: bytes) -> None:
        if not self._has_token(authorization):
            raise TokenError(
                "This API asks for its token: the header `Authorization: Bearer <API_TOKEN>`, or "
                "in a browser the token as password. Notebooks take it from the setting API_TOKEN."
            )

    def _has_token(self, authorization: bytes) -> bool:
        scheme, _, given = authorization.partition(b" ")
        if scheme.lower() == b"basic":  # browsers ask for it; any name, the token as password
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except binascii.Error:
                given = b""
        elif scheme.lower() != b"bearer":
            given = b""
        return compare_digest(given, self.token)


def _check_repeated(names: list[bytes]) -> None:
    for name in ONCE:
        if names.count(name) > 1:
            raise RepeatedError(
                f"The header {name.decode().title()} is there {names.count(name)} times. Send one."
            )


def _check_media_type(headers: Headers, path: str) -> None:
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding != b"identity":
        raise MediaTypeError(
            f"Content-Encoding {show(encoding.decode('latin-1'))} is not read. "
            "Send the body as it is."
        )
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind == b"application/json" or (is_v2(path) and kind in V2_TYPES):
        return
    raise MediaTypeError(
        f"The body's Content-Type is {show(kind.decode('latin-1'))}. "
        "Send JSON, with the header `Content-Type: application/json`."
    )
