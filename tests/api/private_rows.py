"""A table with private features, and estimators whose words would tell of them."""

import re
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 40
PEOPLE = [f"Zebulon-{number:04}" for number in range(7731, 7731 + 8)]
NICKS = ["Wyvern-one", "Wyvern-two"]
CODES = ["770077", "770078"]  # numbers as text
PRIVATE = ["person", "nick", "code", "ward", "salary", "bonus", "badge", "member"]
X = pd.DataFrame(
    {
        "size": np.linspace(1.0, 2.0, ROWS),
        "person": np.resize(PEOPLE, ROWS),
        "nick": pd.Categorical(np.resize([*NICKS, None], ROWS)),
        "code": np.resize(CODES, ROWS),
        "ward": pd.Categorical(np.resize([880_011, 880_012], ROWS)),
        "salary": np.linspace(31_337.125, 98_765.375, ROWS),
        "bonus": np.where(np.arange(ROWS) % 9, np.linspace(-4_114.625, 5_225.875, ROWS), np.nan),
        "badge": np.arange(ROWS) * 1_001 + 7_340_033,
        "member": np.arange(ROWS) % 2 == 0,
    }
)
Y = np.resize(["calm", "busy"], ROWS)

# What is wrong with a request is said without what was sent.
HUGE = 2**80 + 666
WRONG: dict[str, list[Any]] = {
    "person": [666_001_230, True, {"Quetzal-a": 1}, ["Quetzal-b"], "Quetzal-c\ud800"],
    "nick": [666_001_231, ["Quetzal-d"]],
    "code": ["Quetzal-e", 666_001_232],
    "ward": ["Quetzal-f", 666_001_233.5, HUGE],
    "salary": ["Quetzal-g", True, {"Quetzal-h": 1}, None, 10**400 + 1],
    "bonus": ["Quetzal-i"],
    "badge": ["Quetzal-j", 666_001_234.5, HUGE],
    "member": ["Quetzal-k", 666_001_235],
}
ASKED = ["Quetzal", "66600123", str(HUGE)]


def secrets() -> set[str]:
    """List all values of the private features in training, and what follows from them, as text."""
    texts = {"Zebulon", "Wyvern", *ASKED, *CODES}
    for name in ("ward", "salary", "bonus", "badge"):
        column = X[name].dropna().tolist()
        middle = {min(column) / 2 + max(column) / 2, float(np.mean(column))}
        for value in {*column, *(middle if name != "ward" else [])}:
            texts |= {str(value), f"{value:g}", f"{value:.1f}", repr(float(value))}
    return {text for text in texts if len(text.strip("-")) > 5}


SECRETS = secrets()


def encoded(strict: bool) -> Any:
    """Return an estimator of all kinds of features; a strict one refuses categories of nobody."""
    unknown = "error" if strict else "ignore"
    texts = OneHotEncoder(handle_unknown=unknown)
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="most_frequent"), texts), ["nick", "person", "ward"]),
        (SimpleImputer(), ["size", "salary", "bonus", "badge", "member"]),
    )
    return make_pipeline(prepare, RandomForestClassifier(10, random_state=0)).fit(X, Y)


def named() -> Any:
    """Return an estimator that is described with its categories."""
    inner = make_pipeline(
        make_column_transformer((OneHotEncoder(categories=[PEOPLE]), ["person"])),
        LinearRegression(),
    )
    return TransformedTargetRegressor(regressor=inner).fit(X, X["size"])


ESTIMATORS: dict[str, tuple[Any, Any]] = {
    "lenient": (encoded(strict=False), Y),
    "strict": (encoded(strict=True), Y),
    "named": (named(), X["size"]),
    "scaled": (
        make_pipeline(
            make_column_transformer((StandardScaler(), ["code", "salary"])), LinearRegression()
        ).fit(X, X["size"]),
        X["size"],
    ),
}


def boosted() -> tuple[pd.DataFrame, Any]:
    """Return an estimator whose trees treelite does not read, and says why with a category."""
    table = X[["person", "size"]].astype({"person": "category"})
    booster = HistGradientBoostingClassifier(max_iter=3, categorical_features=["person"])
    return table, booster.fit(table, Y)


def told(content: bytes) -> list[str]:
    """List the secrets in something; a number's digits within another number are none."""
    text = content.decode("utf-8", "replace")
    found = [secret for secret in SECRETS if secret in text]
    return [
        secret
        for secret in found
        if secret in ASKED or re.search(rf"(?<![\d.]){re.escape(secret)}(?!\d)", text)
    ]
