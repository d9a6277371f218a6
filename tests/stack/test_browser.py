"""A person's way in a browser: the printed URL, the training notebook, the tiles."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Error, Page, Route, expect

from start.up import docker_answers
from tests.support.browser import new_browser, show_cluster
from tests.support.clone import Clone
from tests.support.live import CHECKOUT, wait_until
from tests.support.stack import Lab, LocalLab

ARTEFACTS = CHECKOUT / "tests" / "artefacts"


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Lab:
    """Return the Compose stack where there is an engine, else the same without Docker."""
    if docker_answers()[0]:
        stack: Lab = request.getfixturevalue("stack")
        return stack
    local: LocalLab = request.getfixturevalue("local")
    if local.process.poll() is not None:  # a test stopped it
        local.up()
    return local


@pytest.fixture
def page() -> Iterator[Page]:
    with new_browser() as page:
        yield page


def test_the_training_notebook_runs_in_jupyterlab(lab: Lab, page: Page) -> None:
    wait_until(lab.version, "a first model")
    promised = f"The API serves iris version {lab.version() + 1}"
    clone = Clone(lab.folder)
    clone.begin()
    clone.tell_git()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ARTEFACTS.mkdir(exist_ok=True)
    try:
        page.goto(lab.printed_url())
        page.locator(".jp-DirListing-item", has_text="02_train.ipynb").dblclick()
        kernel = page.get_by_role("button", name=re.compile(r"^Python 3 .*\| Idle$"))
        expect(kernel).to_be_visible(timeout=60_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name=re.compile("^Run All Cells")).click()
        output = page.locator(".jp-NotebookPanel .jp-OutputArea-output", has_text=promised)
        expect(output.first).to_be_visible(timeout=180_000)
        output.first.scroll_into_view_if_needed()
    except (AssertionError, Error):
        page.screenshot(path=ARTEFACTS / "jupyterlab_failed.png")
        raise
    page.screenshot(path=ARTEFACTS / "jupyterlab.png")
    assert lab.predict().headers["X-Model-Version"] == promised.rpartition(" ")[2]

    # What it leaves in the file is no change for git.
    page.keyboard.press("ControlOrMeta+s")
    notebook = lab.folder / "notebooks" / "02_train.ipynb"
    wait_until(lambda: promised in notebook.read_text(), "the notebook to be saved")
    assert clone.git("diff", "notebooks") == ""

    # A new visitor is not asked anything, and nothing was fetched from elsewhere.
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    expect(page.locator(".Toastify__toast")).to_have_count(0)
    elsewhere = [url for url in asked if not url.startswith((lab.lab_url, "data:", "blob:"))]
    assert elsewhere == []


def test_a_stranger_gets_the_login_page(lab: Lab, page: Page) -> None:
    page.goto(lab.printed_url().partition("?")[0])
    expect(page.locator("#password_input")).to_be_visible()


def test_the_documentation_needs_no_internet(lab: Lab, page: Page) -> None:
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.set_extra_http_headers(lab.headers)
    page.goto(f"{lab.api_url}/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    assert failed == []


def test_tiles_open_the_api_pages(lab: Lab, page: Page) -> None:
    kept_away: list[str] = []

    def pass_on(route: Route) -> None:
        if route.request.url.startswith(lab.lab_url):
            route.continue_()
        else:
            kept_away.append(route.request.url)
            route.abort()

    def click(title: str) -> Page:
        card = page.locator(f'.jp-LauncherCard[title^="{title} ["]')
        expect(card.locator("img")).to_be_visible(timeout=60_000)
        with page.context.expect_page() as opened:
            card.click()
        assert opened.value.url.startswith(f"{lab.lab_url}/labloop-api/")
        return opened.value

    page.context.route("**/*", pass_on)
    wait_until(lab.version, "a first model")
    page.goto(f"{lab.lab_url}/lab?reset&token={lab.token()}")
    api = click("API").get_by_role("article", name="iris", exact=True)
    api.get_by_role("button", name="Predict").click()
    expect(api.get_by_role("status").filter(has_text="Predicted by version")).to_be_visible()
    expect(click("API documentation").locator(".opblock").first).to_be_visible()
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / "launcher.png")
    assert kept_away == []


def test_a_cluster_links_to_its_dashboard(lab: Lab, page: Page) -> None:
    """It is the notebook's own, since there is no other."""
    dashboard = show_cluster(lab, page)
    assert dashboard.url == f"{lab.lab_url}/labloop-cluster/status"
    ARTEFACTS.mkdir(exist_ok=True)
    dashboard.screenshot(path=ARTEFACTS / "dashboard.png")
