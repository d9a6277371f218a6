"""A real browser for the tests."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import nbformat
from nbformat import v4
from playwright.sync_api import Page, Route, expect, sync_playwright

from tests.support.need import need
from tests.support.stack import Lab

# The browser looks for updates and more of its maker's servers unless told otherwise.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
]


@contextmanager
def new_browser() -> Iterator[Page]:
    """Open a browser that knows nothing yet."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    need(chromium, "there is no Chromium to test with")
    assert chromium
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            chromium_sandbox=False,  # It cannot be had as root, as which CI runs.
            args=QUIET,
            viewport={"width": 1400, "height": 1000},
        )
        yield browser.pages[0]
        browser.close()


def show_cluster(lab: Lab, page: Page) -> Page:
    """Run a notebook with a cluster, follow the link that it shows, and see the dashboard drawn.

    Whatever is not JupyterLab's own port cannot be reached meanwhile.
    """
    kept_away: list[str] = []

    def pass_on(route: Route) -> None:
        if route.request.url.startswith((lab.lab_url, "data:", "blob:")):
            route.continue_()
        else:
            kept_away.append(route.request.url)
            route.abort()

    cell = "from service.lab import Lab\n\nclient = Lab().cluster()\nclient"
    kernel_named = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell)], metadata=kernel_named)
    nbformat.write(notebook, lab.folder / "notebooks" / "cluster.ipynb")
    page.context.route("**/*", pass_on)
    page.goto(f"{lab.lab_url}/lab/tree/notebooks/cluster.ipynb?reset&token={lab.token()}")
    kernel = page.get_by_role("button", name=re.compile(r"^Python 3 .*\| Idle$"))
    expect(kernel).to_be_visible(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Run All Cells")).click()
    link = page.locator(".jp-OutputArea-output a", has_text="labloop-cluster/status")
    expect(link).to_be_visible(timeout=90_000)
    with page.context.expect_page() as opened:
        link.click()
    dashboard = opened.value
    expect(dashboard.locator("canvas").first).to_be_visible(timeout=30_000)
    assert kept_away == []
    return dashboard
