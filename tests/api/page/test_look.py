"""The page can be read on a phone and in the dark, without the API, and behind a proxy."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.api.page.steps import DESK, look_again, opened
from tests.support.live import LiveApi

PHONE = {"width": 360, "height": 740}

# Each text that is seen with the contrast to what is behind it, by the formula of WCAG 2.
CONTRASTS = """() => {
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => parts(colour).slice(0, 3)
        .map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (element) => {
        const colour = getComputedStyle(element).backgroundColor;
        return parts(colour)[3] === 0 ? behind(element.parentElement) : colour;
    };
    return [...document.querySelectorAll("body *")]
        .filter((e) => e.checkVisibility() && e.matches("input, select") || e.checkVisibility() &&
            [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .map((e) => {
            const both = [light(getComputedStyle(e).color), light(behind(e))].map((l) => l + 0.05);
            return [e.tagName, e.textContent, Math.max(...both) / Math.min(...both)];
        });
}"""


def test_an_unreachable_api_keeps_the_state(published: LiveApi, page: Page) -> None:
    article = opened(page, published, "iris")
    article.get_by_label("sepal_length").fill("6.25")
    page.context.set_offline(True)
    try:
        look_again(page)
        expect(page.get_by_text("The API is not reachable since")).to_be_visible()
        article.get_by_role("button", name="Predict").click()
        expect(article.locator(".said")).to_contain_text("What you typed is still here")
        expect(article.get_by_label("sepal_length")).to_have_value("6.25")
        expect(article.locator(".figures")).to_contain_text("0.961")
    finally:
        page.context.set_offline(False)
        look_again(page)
    expect(page.get_by_text("Every prediction is logged")).to_be_visible()


def test_it_works_under_a_proxy_prefix(published: LiveApi, page: Page) -> None:
    prefix = f"{published.url}/proxy/api:8000"

    def strip(route: Route) -> None:
        route.fulfill(response=route.fetch(url=route.request.url.replace(prefix, published.url)))

    page.route(f"{prefix}/**", strip)
    try:
        page.goto(f"{prefix}/#penguins")
        article = page.get_by_role("article", name="penguins")
        article.get_by_role("button", name="Predict").click()
        expect(article.locator(".prediction")).to_have_text("Adelie")
        notebooks = page.get_by_role("link", name="Notebooks")
        expect(notebooks).to_have_attribute("href", "/lab/tree/notebooks")
    finally:
        page.unroute(f"{prefix}/**")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_it_fits_and_can_be_read(
    published: LiveApi, page: Page, scheme: Any, size: Any, tmp_path: Path
) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size(size)
    article = opened(page, published, "odd")
    article.get_by_label("large").fill("many")
    article.get_by_role("button", name="Predict").click()
    expect(article.locator(".error").filter(has_text="many")).to_be_visible()
    for summary in article.locator(".facts summary:visible").all():
        summary.click()
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 30
    assert [each for each in contrasts if each[2] < 4.5] == []
    body = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", body))) < 200) == (scheme == "dark")
    for model in ("iris", "odd"):
        opened(page, published, model)
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
