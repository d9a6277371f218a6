"""The page of one replica tells of all, and of the store that they share."""

from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.api.page.steps import look_again
from tests.support.live import running_api
from tests.support.models import iris, publish_iris
from tests.support.s3 import environment, running_s3


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


def test_the_page_names_store_trouble(browser: Page, tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = ExitStack()
        s3 = stack.enter_context(server).enter_context(running_s3(tmp_path))
        more = {"STORE_URL": s3.url, **s3.environment}
        api = stack.enter_context(running_api(tmp_path / "api", **more))
        with environment(s3.environment):
            lab, trained = api.lab(store_url=s3.url, models_dir=tmp_path / "lab"), iris()
            lab.publish("iris", trained.estimator, trained.X, trained.y)
        browser.goto(api.url)
        status = browser.locator("#status")
        expect(status).to_have_text(
            "Ready. Every prediction is logged, synced to disk each second."
        )
        server.close()
        expect(status).to_contain_text(s3.url, timeout=60_000)
        expect(status).to_contain_text("What was copied serves on.")
        expect(browser.locator("p.live")).to_contain_text("Version 1")
