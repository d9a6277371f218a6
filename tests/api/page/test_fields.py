"""The fields of a model and its predictions, for models of all kinds."""

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from sklearn.impute import SimpleImputer
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from tests.api.page.steps import LARGE, MARKUP, opened, probabilities
from tests.support.live import LiveApi
from tests.support.models import MEASURES, iris, penguins

FEATURES = [f"f{number}" for number in range(120)]

# What a model asks for and gives.


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


def test_names_are_text_and_integers_exact(published: LiveApi, page: Page) -> None:
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


def test_hundred_features_and_classes_stay_usable(published: LiveApi, page: Page) -> None:
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
