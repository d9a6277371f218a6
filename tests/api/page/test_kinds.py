"""The page asks with texts, dates, lengths of time and many categories."""

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.api.page.steps import opened
from tests.support.live import LiveApi

ROWS = 300
VISITS = pd.DataFrame(
    {
        "note": [f"patient {n} asks for {'a refund' if n % 2 else 'a visit'}" for n in range(ROWS)],
        "when": pd.date_range("2024-01-01", periods=ROWS, freq="7h"),
        "zoned": pd.date_range("2024-01-01", periods=ROWS, freq="7h", tz="America/Bogota"),
        "took": pd.to_timedelta(np.arange(ROWS), unit="min"),
        "zip": [f"{n:05}" for n in range(150)] * 2,
    }
)
TOPIC = np.where(np.arange(ROWS) % 2, "refund", "visit")


@pytest.fixture(scope="module")
def visits(published: LiveApi) -> LiveApi:
    prepare = make_column_transformer(
        (CountVectorizer(), "note"), (OneHotEncoder(handle_unknown="ignore"), ["zip"])
    )
    model = make_pipeline(prepare, LogisticRegression()).fit(VISITS, TOPIC)
    published.lab().publish("visits", model, VISITS, TOPIC)
    return published


def test_texts_and_times_are_asked(visits: LiveApi, page: Page) -> None:
    article = opened(page, visits, "visits")
    expect(article).not_to_contain_text("patient")
    filled = {
        "note": "one asks for a refund",
        "when": "2025-02-03 04:05",
        "zoned": "2024-02-03T04:05:06-05:00",
        "took": "PT90M",
        "zip": "00007",
    }
    for name, value in filled.items():
        article.get_by_label(name).fill(value)
    article.get_by_role("button", name="Predict").click()
    expect(article.locator(".prediction")).to_have_text("refund")
    row = visits.lab().predictions("visits", last=1).iloc[0]
    assert row["when"] == pd.Timestamp("2025-02-03T04:05")
    assert row["zoned"] == pd.Timestamp("2024-02-03T04:05:06-05:00")
    assert row["took"] == pd.Timedelta("90min")
    assert list(row["marks"]) == ["out_of_range:when"]


def test_a_wrong_date_is_named(visits: LiveApi, page: Page) -> None:
    article = opened(page, visits, "visits")
    article.get_by_label("when").fill("yesterday")
    article.get_by_role("button", name="Predict").click()
    expect(article.locator(".error", has_text="yesterday")).to_be_visible()


def test_many_categories_are_counted(visits: LiveApi, page: Page) -> None:
    article = opened(page, visits, "visits")
    article.locator(".signature summary").click()
    expect(article).to_contain_text("… 150 in all")
    article.get_by_label("zip").fill("00149")  # one of those that are not listed
    expect(article).not_to_contain_text("not seen in training")
