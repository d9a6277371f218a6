"""The page before anything is published."""

from playwright.sync_api import Page, expect

from tests.support.live import LiveApi
from tests.support.models import body_mass


def test_an_empty_page_names_the_notebook(api: LiveApi, page: Page) -> None:
    page.goto(api.url)
    expect(page.get_by_role("heading", name="Waiting for a first model")).to_be_visible()
    notebook = page.get_by_role("link", name="notebooks/02_train.ipynb")
    lab = "http://127.0.0.1:9999/lab/tree/notebooks"
    expect(notebook).to_have_attribute("href", f"{lab}/02_train.ipynb")
    trained = body_mass()
    api.lab().publish("first", trained.estimator, trained.X, trained.y)
    expect(page.get_by_role("heading", name="first")).to_be_visible()
    expect(page.get_by_role("heading", name="Waiting for a first model")).to_be_hidden()
