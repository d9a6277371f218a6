"""What a person does at the page, and sees."""

from playwright.sync_api import Locator, Page, expect

from tests.support.live import LiveApi

NAMES = ["setosa", "versicolor", "virginica"]
MARKUP = "<img src=x onerror=alert(1)>"
LARGE = 2**53 + 1  # a double cannot hold it
DESK = {"width": 1400, "height": 1000}


def opened(page: Page, api: LiveApi, model: str) -> Locator:
    """Open a model's part of the page."""
    page.goto(f"{api.url}/#{model}")
    article = page.get_by_role("article", name=model, exact=True)
    expect(article.get_by_role("button", name="Predict")).to_be_visible()
    return article


def look_again(page: Page) -> None:
    """Come back to the page, which asks the API at once."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def probabilities(article: Locator) -> list[float]:
    values = article.locator(".probability data").all()
    return [float(value.get_attribute("value") or "nan") for value in values]
