"""The page of one replica tells of all."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.api.page.steps import look_again
from tests.support.live import running_api
from tests.support.models import publish_iris


def test_the_page_counts_replicas(browser: Page, tmp_path: Path) -> None:
    publish_iris(tmp_path / "models")
    with running_api(tmp_path) as api:
        browser.goto(api.url)
        expect(browser.locator(".figures")).to_contain_text("predictions")
        expect(browser.locator(".replicas")).to_be_hidden()
        with running_api(tmp_path):
            look_again(browser)
            expect(browser.locator(".replicas")).to_have_text("Served by 2 replicas.")
            # Each counts for itself, and behind a proxy any of them may be asked.
            expect(browser.locator(".figures")).to_be_hidden()
        look_again(browser)
        expect(browser.locator(".replicas")).to_be_hidden()
        expect(browser.locator(".figures")).to_contain_text("predictions")
