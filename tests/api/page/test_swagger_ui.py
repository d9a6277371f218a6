"""The documentation at /docs, in a real browser."""

from typing import Any

import pandas as pd
from playwright.sync_api import Page, expect
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from tests.support.live import LiveApi
from tests.support.models import penguins


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
