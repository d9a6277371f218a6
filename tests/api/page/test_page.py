"""The page for people, in a real browser."""

import re
import shutil

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from service.contract.errors import RefusedError
from service.contract.model.manifest import MODEL
from tests.api.page.steps import NAMES, look_again, opened, probabilities
from tests.support.live import LiveApi
from tests.support.models import body_mass, iris, penguins


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
    expect(answer).to_contain_text("Predicted by version 1")
    assert probabilities(article) == sorted(probabilities(article), reverse=True)
    assert len(probabilities(article)) == 3
    assert sum(probabilities(article)) == pytest.approx(1)
    widths = [bar.bounding_box() for bar in article.locator(".filled").all()]
    assert widths[0]
    assert widths[0]["width"] > 50
    logged = published.lab().predictions("iris").iloc[-1]
    assert logged["prediction_id"] == answer.locator("code").inner_text()
    assert logged[["sepal_length", "petal_width"]].tolist() == [6.5, 1.8]


def test_the_live_version_is_shown(published: LiveApi, page: Page) -> None:
    article = opened(page, published, "iris")
    expect(article).to_contain_text("Version 1 went live")
    expect(article.locator(".figures")).to_contain_text("0.961")
    exact = article.locator(".live time").get_attribute("title") or ""
    assert re.search(r"\d{4}.*\d+:\d\d:\d\d", exact)
    article.get_by_text("Signature: 4 features, 3 classes").click()
    expect(article.get_by_role("row", name="petal_width number float64 0.1 to 2.5")).to_be_visible()
    expect(article).to_contain_text("Gives classes: setosa, versicolor, virginica.")
    expect(page.get_by_text("Every prediction is logged")).to_be_visible()


def test_an_error_marks_its_field(published: LiveApi, page: Page) -> None:
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
    expect(article.locator(".said")).to_contain_text("Predicted by version 2")
    logged = published.lab().predictions("penguins").iloc[-1]
    assert logged[["island", "bill_length_mm"]].tolist() == ["Atlantis", 46.1]
    assert pd.isna(logged["bill_depth_mm"])


def test_a_new_signature_keeps_typed_values(published: LiveApi, page: Page) -> None:
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


def test_a_refusal_is_shown_with_reason(published: LiveApi, page: Page) -> None:
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
