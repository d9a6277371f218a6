from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import ConsoleMessage, Page, Response
from sklearn.tree import DecisionTreeClassifier

from tests.api.page.steps import DESK, LARGE, MARKUP, NAMES
from tests.support.browser import new_browser
from tests.support.live import LiveApi, running_api
from tests.support.models import body_mass, iris, penguins


@pytest.fixture(scope="package")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("api"), LAB_PORT="9999") as api:
        yield api


@pytest.fixture(scope="package")
def published(api: LiveApi) -> LiveApi:
    """Publish an iris with names, penguins, a regressor, and names that try everything."""
    lab = api.lab()
    trained = iris()
    lab.publish(
        "iris", trained.estimator, trained.X, trained.y, metrics={"f1": 0.9612}, class_names=NAMES
    )
    for name, trained in [("penguins", penguins()), ("body-mass", body_mass())]:
        lab.publish(name, trained.estimator, trained.X, trained.y)
    numbers = np.linspace(0, 1, 40)
    odd = pd.DataFrame({MARKUP: numbers, "__proto__": numbers, ' "a" & b ': numbers > 0.5})
    odd["large"] = np.arange(40) + LARGE
    y = np.where(numbers > 0.5, "<b>bold</b>", "toString")
    lab.publish("odd", DecisionTreeClassifier().fit(odd, y), odd, y)
    return api


@pytest.fixture(scope="package")
def browser() -> Iterator[Page]:
    with new_browser() as page:
        yield page


@pytest.fixture
def page(api: LiveApi, browser: Page) -> Iterator[Page]:
    """Return the browser; nothing that the page does may fail, or ask another server."""
    wrong: list[str] = []

    def on_console(said: ConsoleMessage) -> None:
        # The browser says itself, as an error, that an answer was 422 or 503.
        if said.type in ("error", "warning") and not said.text.startswith("Failed to load"):
            wrong.append(said.text)

    def on_answer(answer: Response) -> None:
        expected = answer.url.endswith(("/predict", "/health/ready"))
        if not answer.url.startswith((api.url, "data:")) or (answer.status >= 400 and not expected):
            wrong.append(f"{answer.status} {answer.url}")

    listeners: dict[Any, Any] = {
        "console": on_console,
        "response": on_answer,
        "pageerror": lambda error: wrong.append(str(error)),
    }
    browser.goto("about:blank")  # it may be at the page of another API
    browser.set_viewport_size(DESK)  # type: ignore[arg-type]
    for event, listener in listeners.items():
        browser.on(event, listener)
    yield browser
    browser.goto("about:blank")
    for event, listener in listeners.items():
        browser.remove_listener(event, listener)
    assert wrong == []
