"""A real browser for the tests."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from tests.support.need import need

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
