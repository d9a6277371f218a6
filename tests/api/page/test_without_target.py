"""The page says clusters and outliers in plain words, with the score."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.api.page.steps import opened, probabilities
from tests.support.live import LiveApi
from tests.support.unsupervised import customers, fitted

NAMES = ["loyal", "new", "rare"]


@pytest.fixture(scope="module")
def unsupervised(published: LiveApi) -> LiveApi:
    lab, X = published.lab(), customers()
    lab.publish("alarms", fitted("IsolationForest"), X)
    lab.publish("frauds", fitted("EllipticEnvelope"), X, class_names=["fraud", "fine"])
    lab.publish("clusters", fitted("KMeans"), X)
    lab.publish("regulars", fitted("KMeans"), X, class_names=NAMES)
    lab.publish("mixture", fitted("GaussianMixture"), X)
    return published


@pytest.fixture
def ask(unsupervised: LiveApi, page: Page) -> Callable[[str, int], Any]:
    """Return what asks a model about a row of training on the page."""

    def predict(model: str, row: int) -> Any:
        article = opened(page, unsupervised, model)
        for name, value in customers().iloc[row].items():
            article.get_by_label(str(name)).fill(str(value))
        article.get_by_role("button", name="Predict").click()
        expect(article.locator(".said")).to_contain_text("Predicted by version 1")
        article.locator(".signature summary").click()
        return article

    return predict


def row_of(kind: str, label: int) -> int:
    return int((fitted(kind).predict(customers()) == label).argmax())


def test_an_outlier_has_its_score(ask: Callable[[str, int], Any]) -> None:
    row = row_of("IsolationForest", -1)
    article = ask("alarms", row)
    expect(article.locator(".prediction")).to_have_text("outlier class -1")
    score = fitted("IsolationForest").decision_function(customers().iloc[[row]])[0]
    assert float(article.locator(".score data").get_attribute("value")) == pytest.approx(score)
    expect(article.locator(".score")).to_have_text(
        re.compile(r"^Score -0\.\d+: negative means outlier\.$")
    )
    expect(article).to_contain_text("Tells outliers from inliers: outlier, inlier.")
    article = ask("alarms", row_of("IsolationForest", 1))
    expect(article.locator(".prediction")).to_have_text("inlier class 1")
    article = ask("frauds", row_of("EllipticEnvelope", -1))
    expect(article.locator(".prediction")).to_have_text("fraud class -1")


def test_a_cluster_has_number_and_name(ask: Callable[[str, int], Any]) -> None:
    article = ask("clusters", row_of("KMeans", 2))
    expect(article.locator(".prediction")).to_have_text("cluster 2")
    expect(article.locator(".score")).to_have_count(0)
    expect(article).to_contain_text("Signature: 3 features, 3 clusters")
    expect(article).to_contain_text("Gives clusters: 0, 1, 2.")
    article = ask("regulars", row_of("KMeans", 2))
    expect(article.locator(".prediction")).to_have_text("rare cluster 2")
    expect(article).to_contain_text("Gives clusters: loyal, new, rare.")


def test_a_mixture_has_probabilities_and_score(ask: Callable[[str, int], Any]) -> None:
    row = row_of("GaussianMixture", 1)
    article = ask("mixture", row)
    expect(article.locator(".prediction")).to_have_text("cluster 1")
    expect(article.locator(".score")).to_contain_text("the log-likelihood of the row")
    expect(article.locator(".bars th").first).to_have_text("cluster 1")
    known = fitted("GaussianMixture").predict_proba(customers().iloc[[row]])[0]
    assert sum(probabilities(article)) == pytest.approx(1)
    assert probabilities(article) == pytest.approx(sorted(known, reverse=True))
