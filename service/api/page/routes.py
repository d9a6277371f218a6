"""Page: what people see at `/`. Its files are in `page/`; its data is the API's own."""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from service.api.state import state_of

FOLDER = Path(__file__).with_name("static")
# The page needs nothing but its own files and the API, and may do nothing else. JupyterLab shows
# it in a frame of the same origin.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'none'; frame-ancestors 'self'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
}


class PageFiles(StaticFiles):
    """The page's style and scripts, asked for anew each time and sent only if they changed."""

    def file_response(self, *args: Any, **more: Any) -> Response:
        """Respond with a file, and the page's headers."""
        response = super().file_response(*args, **more)
        response.headers.update(HEADERS)
        return response


def home(request: Request) -> Response:
    """Respond with the page, which is told where JupyterLab is."""
    html = (FOLDER / "index.html").read_text("utf-8")
    return HTMLResponse(
        html.replace("{lab_port}", str(state_of(request).settings.lab_port)), headers=HEADERS
    )


PAGE_ROUTES = [
    Route("/", home, methods=["GET"]),
    Mount("/page", PageFiles(directory=FOLDER)),
]
