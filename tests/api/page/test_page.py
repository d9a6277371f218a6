"""The page for people, in a real browser."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, Response, Route, expect
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from service.contract.errors import RefusedError
from service.contract.model.manifest import MODEL
from service.contract.model.store import ModelStore
from tests.support.browser import new_browser
from tests.support.live import LiveApi, running_api
from tests.support.models import MEASURES, body_mass, iris, penguins

NAMES = ["setosa", "versicolor", "virginica"]
MARKUP = "<img src=x onerror=alert(1)>"
LARGE = 2**53 + 1  # a double cannot hold it
FEATURES = [f"f{number}" for number in range(120)]
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1400, "height": 1000}

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


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("api"), LAB_PORT="9999") as api:
        yield api


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
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
    browser.set_viewport_size(DESK)  # type: ignore[arg-type]
    for event, listener in listeners.items():
        browser.on(event, listener)
    yield browser
    browser.goto("about:blank")
    for event, listener in listeners.items():
        browser.remove_listener(event, listener)
    assert wrong == []


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


def test_before_anything_is_published_it_names_the_notebook_and_then_shows_the_model(
    api: LiveApi, page: Page
) -> None:
    page.goto(api.url)
    expect(page.get_by_role("heading", name="Waiting for a first model")).to_be_visible()
    notebook = page.get_by_role("link", name="notebooks/02_train.ipynb")
    lab = "http://127.0.0.1:9999/lab/tree/notebooks"
    expect(notebook).to_have_attribute("href", f"{lab}/02_train.ipynb")
    trained = body_mass()
    api.lab().publish("first", trained.estimator, trained.X, trained.y)
    expect(page.get_by_role("heading", name="first")).to_be_visible()
    expect(page.get_by_role("heading", name="Waiting for a first model")).to_be_hidden()


def test_a_prediction_by_keyboard_alone(published: LiveApi, page: Page) -> None:
    article = opened(page, published, "iris")
    keys = page.keyboard
    keys.press("Tab")
    keys.press("Enter")  # past the models
    keys.press("Tab")
    expect(article.get_by_label("sepal_length")).to_be_focused()
    for value in ["6.5", "3.0", "5.5", "1.8"]:  # each field's text is selected by Tab
        keys.type(value)
        keys.press("Tab")
    expect(article.get_by_role("button", name="Predict")).to_be_focused()
    keys.press("Enter")
    answer = article.get_by_role("status").filter(has_text="virginica")
    expect(answer).to_contain_text("Answered by version 1")
    assert probabilities(article) == sorted(probabilities(article), reverse=True)
    assert len(probabilities(article)) == 3
    assert sum(probabilities(article)) == pytest.approx(1)
    widths = [bar.bounding_box() for bar in article.locator(".filled").all()]
    assert widths[0]
    assert widths[0]["width"] > 50
    logged = published.lab().predictions("iris").iloc[-1]
    assert logged["prediction_id"] == answer.locator("code").inner_text()
    assert logged[["sepal_length", "petal_width"]].tolist() == [6.5, 1.8]


def test_what_is_live_with_its_metrics_signature_and_times(published: LiveApi, page: Page) -> None:
    article = opened(page, published, "iris")
    expect(article).to_contain_text("Version 1 went live")
    expect(article.locator(".figures")).to_contain_text("0.961")
    exact = article.locator(".live time").get_attribute("title") or ""
    assert re.search(r"\d{4}.*\d+:\d\d:\d\d", exact)
    article.get_by_text("Signature: 4 features, 3 classes").click()
    expect(article.get_by_role("row", name="petal_width number float64 0.1 to 2.5")).to_be_visible()
    expect(article).to_contain_text("Gives classes: setosa, versicolor, virginica.")
    expect(page.get_by_text("Every prediction is logged")).to_be_visible()


def test_a_restart_keeps_live_since_and_says_from_when_it_counts(
    tmp_path: Path, browser: Page
) -> None:
    def told(api: LiveApi) -> tuple[Any, Any, Any]:
        with api.http() as http:
            said = http.get("/models").json()
        (model,) = said["models"]
        return model["live"]["since"], said["counted_since"], model["traffic"]

    started = datetime.now(UTC).isoformat()
    with running_api(tmp_path) as api:
        for _ in range(3):
            api.lab().publish("iris", iris().estimator, iris().X, iris().y)
        api.lab().predict("iris", iris().X)
        since, counted_since, traffic = told(api)
        assert started < counted_since < since
        assert traffic["predictions"] == 150
    with running_api(tmp_path) as api:
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


def test_an_error_marks_its_field_and_nothing_typed_is_lost(published: LiveApi, page: Page) -> None:
    article = opened(page, published, "penguins")
    length, depth = article.get_by_label("bill_length_mm"), article.get_by_label("bill_depth_mm")
    length.fill("46,1")
    depth.fill("")
    article.get_by_label("island").fill("Atlantis")
    article.get_by_role("button", name="Predict").click()
    expect(length).to_have_attribute("aria-invalid", "true")
    expect(length).to_be_focused()
    expect(length).to_have_accessible_description(re.compile("'46,1', but a number is expected"))
    expect(article.get_by_role("status").filter(has_text="No prediction")).to_be_visible()
    expect(depth).not_to_have_attribute("aria-invalid", "true")

    trained = penguins()  # while the page refreshes itself, too
    published.lab().publish("penguins", trained.estimator, trained.X, trained.y)
    look_again(page)
    expect(article).to_contain_text("Version 2 went live")
    expect(length).to_be_focused()
    assert [length.input_value(), depth.input_value()] == ["46,1", ""]
    assert article.get_by_label("island").input_value() == "Atlantis"
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("46.1")
    page.keyboard.press("Enter")
    expect(article.locator(".said")).to_contain_text("Answered by version 2")
    logged = published.lab().predictions("penguins").iloc[-1]
    assert logged[["island", "bill_length_mm"]].tolist() == ["Atlantis", 46.1]
    assert pd.isna(logged["bill_depth_mm"])


def test_a_new_signature_keeps_what_was_typed_and_the_focus(published: LiveApi, page: Page) -> None:
    article = opened(page, published, "body-mass")
    article.get_by_label("bill_depth_mm").fill("17.25")
    trained = body_mass()
    X = trained.X.assign(age=1.0)
    published.lab().publish(
        "body-mass", trained.estimator.__class__().fit(X, trained.y), X, trained.y
    )
    look_again(page)
    expect(article.get_by_label("age")).to_have_value("1")
    expect(article.get_by_label("bill_depth_mm")).to_be_focused()
    expect(article.get_by_label("bill_depth_mm")).to_have_value("17.25")
    page.keyboard.press("Enter")
    expect(article.locator(".prediction")).to_have_text(re.compile(r"^\d{4}\.?\d*$"))
    assert probabilities(article) == []


def test_a_refused_version_is_shown_with_its_reason(published: LiveApi, page: Page) -> None:
    article = opened(page, published, "iris")
    lab, trained = published.lab(), iris(seed=1)
    bad = lab.publish("iris", trained.estimator, trained.X, trained.y, class_names=NAMES).version
    lab.rollback("iris")
    (published.models / "iris" / str(bad) / MODEL).write_bytes(b"garbage")
    with pytest.raises(RefusedError):
        lab.promote("iris", bad)
    look_again(page)
    expect(article).to_contain_text(f"Version {bad} is refused. Version {bad - 1} serves on.")
    article.get_by_text("1 refused version").click()
    expect(article.locator(".refusals li")).to_contain_text("sha256 differs")
    expect(page.get_by_role("link", name="iris").first).to_contain_text("1 refused")


def test_a_deleted_live_version_shows(published: LiveApi, page: Page) -> None:
    lab, trained = published.lab(), body_mass()
    for _ in range(2):
        lab.publish("gone", trained.estimator, trained.X, trained.y)
    article = opened(page, published, "gone")
    expect(article.locator(".notice")).to_have_count(0)
    shutil.rmtree(published.models / "gone" / "2")
    look_again(page)
    link = page.get_by_role("link", name="gone")
    notice = article.locator(".notice")
    expect(notice).to_contain_text(
        "Needs attention. Version 2 serves on. Version 2 of model 'gone'"
    )
    expect(notice).to_contain_text("is to be live, but its folder is deleted")
    expect(link).to_contain_text("needs attention")
    lab.promote("gone", 1)
    look_again(page)
    expect(notice).to_have_count(0)
    expect(link).not_to_contain_text("needs attention")


def test_deleted_by_hand_then_restarted(tmp_path: Path, browser: Page) -> None:
    with running_api(tmp_path, DEFAULT_MODEL="birds") as api:
        for name in ("birds", "birds", "iris"):
            api.lab().publish(name, iris().estimator, iris().X, iris().y)
        shutil.rmtree(api.models / "birds" / "2")
    with running_api(tmp_path, DEFAULT_MODEL="iris") as api:
        problem = ModelStore(api.models).problem("birds") or ""
        assert "run lab.promote('birds', 1)" in problem
        browser.goto(f"{api.url}/#birds")
        article = browser.get_by_role("article", name="birds", exact=True)
        expect(article.locator(".notice")).to_have_text(f"Needs attention. {problem}")
        expect(browser.get_by_role("link", name="birds")).to_contain_text("needs attention")
        (fix,) = api.lab().doctor().fixes
        assert fix.sentence == problem


@pytest.mark.parametrize(
    "private, said",
    [
        ([], "The fields hold a row of the training data."),
        (
            MEASURES[:1],
            "Fields of private features are empty or hold a made-up value. "
            "The others hold a row of the training data.",
        ),
        (MEASURES, "Fields of private features are empty or hold a made-up value."),
    ],
)
def test_what_the_fields_hold(
    published: LiveApi, page: Page, private: list[str], said: str
) -> None:
    X, y = penguins().X[MEASURES], penguins().y
    estimator = make_pipeline(SimpleImputer(), DecisionTreeClassifier()).fit(X, y)
    published.lab().publish("secret", estimator, X, y, private=private)
    article = opened(page, published, "secret")
    expect(article.locator("form > .hint")).to_have_text(f"{said} Change what you like.")


def test_any_name_is_text_and_any_integer_is_exact(published: LiveApi, page: Page) -> None:
    article = opened(page, published, "odd")
    expect(article.get_by_label(MARKUP)).to_be_visible()
    expect(article.get_by_label(' "a" & b ')).to_have_value("false")
    expect(article.get_by_label("large")).to_have_value(str(LARGE))
    article.get_by_label("__proto__").fill("0.123456789012345678")
    article.get_by_label("large").fill(str(LARGE + 2))
    with page.expect_request("**/predict") as asked:
        article.get_by_role("button", name="Predict").click()
    assert '"__proto__":0.123456789012345678' in (asked.value.post_data or "")
    expect(article.locator(".prediction")).to_have_text("toString")
    assert published.lab().predictions("odd").iloc[-1]["large"] == LARGE + 2
    expect(article.locator(".bars")).to_contain_text("<b>bold</b>")
    assert page.locator("img, b").count() == 0


def test_a_hundred_features_and_classes_stay_usable(published: LiveApi, page: Page) -> None:
    X = pd.DataFrame(np.random.default_rng(0).random((220, 120)), columns=FEATURES)
    y = np.arange(220) % 110
    published.lab().publish("wide", GaussianNB().fit(X, y), X, y)
    article = opened(page, published, "wide")
    expect(article.locator(".field:visible")).to_have_count(12)
    article.get_by_label("Find a feature").fill("f119")
    expect(article.locator(".field:visible")).to_have_count(1)
    article.get_by_label("f119").fill("x")
    article.get_by_label("Find a feature").fill("")
    article.get_by_text("108 more features").click()
    expect(article.get_by_label("f119")).to_be_hidden()
    article.get_by_role("button", name="Predict").click()
    expect(article.get_by_label("f119")).to_be_focused()
    article.get_by_role("button", name="Example row").click()
    article.get_by_role("button", name="Predict").click()
    expect(article.locator(".prediction")).to_have_text("0")
    expect(article.locator(".bars tr:visible")).to_have_count(8)
    article.get_by_text("102 more classes").click()
    expect(article.locator(".bars tr:visible")).to_have_count(110)
    assert sum(probabilities(article)) == pytest.approx(1)


def test_several_targets_have_a_prediction_each(published: LiveApi, page: Page) -> None:
    X, kind = iris().X, iris().y
    two = pd.DataFrame({"kind": kind, "size": (X["petal_length"] > 3).astype(int)})
    published.lab().publish("two", DecisionTreeClassifier().fit(X, two), X, two)
    article = opened(page, published, "two")
    article.get_by_role("button", name="Predict").click()
    expect(article.locator(".prediction")).to_have_text(["kind0", "size0"])
    expect(article.get_by_role("table", name="Probabilities of size")).to_contain_text("1.000")
    assert len(probabilities(article)) == 3 + 2


def test_an_api_that_is_gone_is_said_and_the_last_state_stays(
    published: LiveApi, page: Page
) -> None:
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


def test_it_works_under_the_prefix_of_jupyterlabs_proxy(published: LiveApi, page: Page) -> None:
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


def test_the_documentation_sends_missing_values(published: LiveApi, page: Page) -> None:
    lab, trained = published.lab(), penguins()
    X = trained.X[["body_mass_g", "sex", "island"]]
    X = X.assign(grams=X["body_mass_g"].astype("Int64"), male=(X["sex"] == "male").astype(object))
    X.loc[X["sex"].isna(), "male"] = None
    mass = make_column_transformer((SimpleImputer(), ["body_mass_g"]))
    lab.publish(
        "gaps", make_pipeline(mass, DecisionTreeClassifier()).fit(X, trained.y), X, trained.y
    )
    page.goto(f"{published.url}/docs")
    operation = page.locator("#operations-predict-get_models_gaps_predict")
    operation.locator(".opblock-summary-control").first.click()
    operation.get_by_role("button", name="Try it out").click()
    fields = {name: operation.locator(f'tr[data-param-name="{name}"]') for name in X}
    values = {name: each.locator("input[type=text], select") for name, each in fields.items()}

    def logged() -> list[Any]:
        with page.expect_response("**/predict?**") as answered:
            operation.get_by_role("button", name="Execute").click()
        assert answered.value.status == 200
        row = lab.predictions("gaps").iloc[-1]
        return [None if pd.isna(row[name]) else row[name] for name in X]

    values["body_mass_g"].fill("3900.5")
    assert logged() == [3900.5, "male", "Torgersen", 3750, True]
    for name in ("body_mass_g", "sex", "grams"):
        values[name].fill("")
        fields[name].get_by_role("checkbox").check()
    values["male"].select_option("")
    fields["male"].get_by_role("checkbox").check()
    assert logged() == [None, None, "Torgersen", None, None]
    expect(fields["body_mass_g"]).to_contain_text("In training: 2700 to 6300")


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
