"""A table goes to the API in parts that it accepts."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline

from service.contract.errors import TooLargeError
from service.lab import Lab
from tests.support.live import LiveApi, running_api

LIMIT = 1_000_000
COLUMNS = 5000


def reviews(rows: int, length: int, words: str = "good bad fair") -> pd.DataFrame:
    dice = np.random.default_rng(rows)
    chosen = dice.choice(words.split(), size=(rows, length // 5 + 1))
    return pd.DataFrame({"review": [" ".join(each)[:length] for each in chosen]})


@pytest.fixture(scope="module")
def critic() -> Pipeline:
    X = reviews(40, 30)
    steps = make_column_transformer((HashingVectorizer(n_features=64), "review"))
    return make_pipeline(steps, LogisticRegression()).fit(X, [0, 1] * 20)


@pytest.fixture(scope="module")
def wide() -> Ridge:
    X = measured(40)
    return Ridge().fit(X, X["c0"] - X["c4999"])


def measured(rows: int, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(rows, COLUMNS))
    return pd.DataFrame(values, columns=[f"c{n}" for n in range(COLUMNS)])


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory, critic: Pipeline, wide: Ridge
) -> Iterator[LiveApi]:
    folder = tmp_path_factory.mktemp("api")
    with running_api(folder, MAX_BODY_BYTES=str(LIMIT), MAX_ROWS="3000") as api:
        X = reviews(40, 30)
        api.lab().publish("critic", critic, X, [0, 1] * 20)
        X = measured(40)
        api.lab().publish("wide", wide, X, X["c0"] - X["c4999"])
        yield api


@pytest.fixture
def lab(api: LiveApi) -> Lab:
    return api.lab(max_body_bytes=LIMIT, max_rows=3000)


TABLES = [
    pytest.param(reviews(5000, 1000), id="many"),
    pytest.param(reviews(30, 100_000), id="long"),
    pytest.param(reviews(1, 900_000), id="one"),
    pytest.param(reviews(200, 10_000, "güt schlächt"), id="other bytes than characters"),
    pytest.param(reviews(200, 10_000, 'go"d b\\d\n'), id="escaped"),
    pytest.param(pd.concat([reviews(2000, 3), reviews(5, 400_000)]), id="at the end"),
    pytest.param(reviews(200, 10_000).set_index(pd.Index(range(200, 0, -1))), id="an index"),
]


@pytest.mark.parametrize("table", TABLES)
def test_long_texts_are_cut(lab: Lab, critic: Pipeline, table: pd.DataFrame) -> None:
    answers = lab.predict("critic", table)
    assert answers["prediction"].tolist() == critic.predict(table).tolist()
    assert answers.index.equals(table.index)


@pytest.mark.parametrize("text", ["a" * (LIMIT + 1), "ü" * (LIMIT // 2 + 1)], ids=["a", "ü"])
def test_too_long_rows_are_named(lab: Lab, text: str) -> None:
    table = pd.concat([reviews(7, 20), pd.DataFrame({"review": [text]})], ignore_index=True)
    said = r"^Row 7 of the table has 1,000,0\d\d bytes.*MAX_BODY_BYTES is 1,000,000.*Shorten"
    before = lab.sql("SELECT count(*) AS n FROM predictions")["n"][0]
    with pytest.raises(TooLargeError, match=said):
        lab.predict("critic", table)
    assert lab.sql("SELECT count(*) AS n FROM predictions")["n"][0] == before


@pytest.mark.parametrize("limits", [{}, {"max_body_bytes": LIMIT, "max_rows": 20_000}])
def test_other_limits_there_are_explained(api: LiveApi, limits: dict[str, Any]) -> None:
    long = "max_body_bytes" not in limits
    table = reviews(3000, 1000) if long else reviews(4000, 3)
    said = "From row 0 of the table the API refuses .* give the API and the lab the same"
    with pytest.raises(TooLargeError, match=said):
        api.lab(**limits).predict("critic", table)


def test_thousands_of_columns_go_round(lab: Lab, wide: Ridge) -> None:
    X = measured(20, seed=1)
    answers = lab.predict("wide", X)
    assert answers["prediction"].tolist() == pytest.approx(wide.predict(X).tolist())
    log = lab.predictions("wide").set_index("prediction_id").loc[answers["prediction_id"]]
    assert np.array_equal(log[[*X.columns]].to_numpy(), X.to_numpy())
    drift = lab.drift("wide")
    assert len(drift.table) > COLUMNS
    assert lab.feedback(answers["prediction_id"], X["c0"]) == len(X)
    assert lab.quality("wide").table["predictions"].sum() == len(X)
    assert len(lab.replay("wide", 1).table) == 0
