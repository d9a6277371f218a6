"""What the page says after a restart."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from service.contract.model.store import ModelStore
from tests.api.page.steps import look_again
from tests.support.live import LiveApi, running_api
from tests.support.models import iris

# After a restart.


def told(api: LiveApi) -> tuple[Any, Any, Any]:
    """Return since when iris is live, since when is counted, and the traffic of iris."""
    with api.http() as http:
        said = http.get("/models").json()
    (model,) = (each for each in said["models"] if each["name"] == "iris")
    return model["live"]["since"], said["counted_since"], model["traffic"]


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveApi, Any]]:
    """Return an API that was started again, and what the one before it told last.

    In between a live version was deleted by hand.
    """
    folder = tmp_path_factory.mktemp("restarted")
    started = datetime.now(UTC).isoformat()
    with running_api(folder, DEFAULT_MODEL="birds") as api:
        for name in ("birds", "birds", "iris", "iris", "iris"):
            api.lab().publish(name, iris().estimator, iris().X, iris().y)
        api.lab().predict("iris", iris().X)
        before = told(api)
        shutil.rmtree(api.models / "birds" / "2")
    assert started < before[1]
    with running_api(folder, DEFAULT_MODEL="iris") as api:
        yield api, before


def test_a_restart_keeps_live_since(restarted: tuple[LiveApi, Any], browser: Page) -> None:
    api, (since, counted_since, traffic) = restarted
    assert counted_since < since
    assert traffic["predictions"] == 150
    again, counted_since, traffic = told(api)
    assert again == since < counted_since
    assert traffic is None
    browser.goto(f"{api.url}/#iris")
    article = browser.get_by_role("article", name="iris", exact=True)
    expect(article.locator("p.live time")).to_have_attribute("datetime", since)
    expect(article.locator(".figures")).to_have_text("predictions0")
    counted = article.locator(".counted")
    expect(counted).to_have_text("Predictions are counted since the API started just now.")
    expect(counted.locator("time")).to_have_attribute("datetime", counted_since)

    # A deletion is no change of what is live, a rollback is one.
    api.lab().delete("iris", 2)
    assert told(api)[0] == since
    api.lab().rollback("iris")
    assert told(api)[0] > counted_since

    # What was live before 0.5 has no such time.
    file = api.models / "iris" / "aliases.json"
    old = json.loads(file.read_text()) | {"generation": 99}
    del old["live_since"]
    file.write_text(json.dumps(old))
    look_again(browser)
    expect(article.locator("p.live")).to_have_text(re.compile("^Version 1 is live "))
    assert told(api)[0] is None


def test_deleted_by_hand_then_restarted(restarted: tuple[LiveApi, Any], browser: Page) -> None:
    api, _ = restarted
    problem = ModelStore(api.models).problem("birds") or ""
    assert "run lab.promote('birds', 1)" in problem
    browser.goto(f"{api.url}/#birds")
    article = browser.get_by_role("article", name="birds", exact=True)
    expect(article.locator(".notice")).to_have_text(f"Needs attention. {problem}")
    expect(browser.get_by_role("link", name="birds")).to_contain_text("needs attention")
    (fix,) = api.lab().doctor().fixes
    assert fix.sentence == problem
