"""A model is published and asked in the forms in which people hold rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from service.contract.errors import InputError, SignatureError
from service.lab import Lab
from tests.support.live import LiveApi, running_api
from tests.support.models import FLOWER, iris

TEXTS = ["claim your prize", "lunch at noon?", "cheap watches", "the report is here"] * 9
LABELS = ["spam", "ham"] * 18
NEW = ["a prize", "report at noon"]
TRIPS = [{"zone": f"{n % 7}_{n % 5}", "distance": n / 9} for n in range(40)]
HOUSES = pd.DataFrame(
    {"area": np.linspace(50, 90, 40), "rooms": [2, 3, 4, 5] * 10, "state": ["NY", "CA"] * 20}
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("forms")) as api:
        api.lab().publish("iris", iris().estimator, iris().X, iris().y)
        yield api


@pytest.fixture
def lab(api: LiveApi) -> Lab:
    return api.lab()


def asked(lab: Lab, name: str, X: Any) -> list[Any]:
    given: list[Any] = lab.predict(name, X)["prediction"].tolist()
    return given


@pytest.mark.parametrize("form", [list, pd.Series, np.array])
def test_text_models_take_texts(lab: Lab, api: LiveApi, form: Any) -> None:
    X, name = form(TEXTS), f"text-{form.__name__.lower()}"
    for vectorizer, last in (
        (TfidfVectorizer(), LogisticRegression()),
        (CountVectorizer(), MultinomialNB()),
    ):
        model = make_pipeline(vectorizer, last).fit(X, LABELS)
        lab.publish(name, model, X, LABELS)
        for new in (NEW, pd.Series(NEW), np.array(NEW), pd.DataFrame({"text": NEW})):
            assert asked(lab, name, new) == model.predict(NEW).tolist()
    with api.http() as http:
        for path in (
            "/models",
            f"/models/{name}/versions/1",
            "/openapi.json",
            f"/v2/models/{name}",
        ):
            shown = http.get(path)
            assert shown.is_success
            assert "watches" not in shown.text


def test_a_list_of_dicts_is_served(lab: Lab, api: LiveApi) -> None:
    y = np.arange(40.0)
    model = make_pipeline(DictVectorizer(), LinearRegression()).fit(TRIPS, y)
    lab.publish("trips", model, TRIPS, y)
    new = [{"zone": "3_2", "distance": 2}, {"distance": 4.5}, {"zone": "elsewhere"}]
    assert asked(lab, "trips", new) == pytest.approx(model.predict(new))
    with api.http() as http:
        alone = http.get("/models/trips/predict", params={"distance": 4.5})
        assert alone.json()["prediction"] == pytest.approx(model.predict([{"distance": 4.5}])[0])
        assert http.get("/models/trips/predict", params={"size": 4.5}).status_code == 422


def test_an_array_of_objects_is_served(lab: Lab) -> None:
    X = HOUSES.to_numpy()
    prepare = ColumnTransformer([("state", OneHotEncoder(), [2])], remainder="passthrough")
    model = make_pipeline(prepare, LinearRegression()).fit(X, HOUSES["area"])
    lab.publish("houses", model, X, HOUSES["area"])
    for new in (X[:5], X[:5].tolist(), HOUSES.head()):
        assert asked(lab, "houses", new) == pytest.approx(model.predict(X[:5]))


def test_a_polars_table_is_served(lab: Lab) -> None:
    X = pl.DataFrame(HOUSES.to_dict("list"))
    prepare = ColumnTransformer([("state", OneHotEncoder(), ["state"])], remainder="passthrough")
    model = make_pipeline(prepare, LinearRegression()).fit(X, HOUSES["area"])
    lab.publish("polars", model, X, HOUSES["area"])
    for new in (X.head(), HOUSES.head()):
        assert asked(lab, "polars", new) == pytest.approx(model.predict(X.head()))


def test_integer_columns_are_served(lab: Lab) -> None:
    X = pd.DataFrame(iris().X.to_numpy())
    model = make_pipeline(
        make_column_transformer(("passthrough", [0, 2])), LogisticRegression(max_iter=1000)
    ).fit(X, iris().y)
    lab.publish("integers", model, X, iris().y)
    for new in (X.head(), X.to_numpy()[:5], X[[3, 2, 1, 0]].head().rename(columns=str)):
        assert asked(lab, "integers", new) == model.predict(X.head()).tolist()
    assert [*lab.predictions("integers").columns[-4:]] == ["0", "1", "2", "3"]


ROWS = iris().X.iloc[[0, 80, 140]].set_index(pd.Index([7, 8, 9]))


@pytest.mark.parametrize(
    "X",
    [
        ROWS,
        ROWS.to_numpy(),
        ROWS.to_numpy().tolist(),
        pd.DataFrame(ROWS.to_numpy()),
        ROWS.to_dict("list"),
        ROWS.to_dict("records"),
        pl.DataFrame(ROWS.to_dict("list")),
        ROWS[ROWS.columns[::-1]],
    ],
)
def test_rows_with_or_without_names(lab: Lab, X: Any) -> None:
    answers = lab.predict("iris", X)
    assert answers["prediction"].tolist() == [0, 1, 2]
    has_index = isinstance(X, pd.DataFrame) and X.index[0] == 7
    assert [*answers.index] == ([7, 8, 9] if has_index else [0, 1, 2])


@pytest.mark.parametrize("row", [ROWS.iloc[0], FLOWER, ROWS.iloc[0].astype(object)])
def test_a_single_row(lab: Lab, row: Any) -> None:
    assert asked(lab, "iris", row) == [0]


def test_a_series_that_fits_nowhere(lab: Lab) -> None:
    with pytest.raises(SignatureError, match=r"Series of 3 values.*sepal_length, sepal_width"):
        lab.predict("iris", pd.Series([5.1, 3.5, 1.4]))


def test_extra_columns_are_refused_or_dropped(lab: Lab) -> None:
    X = ROWS.assign(species="setosa")
    with pytest.raises(InputError, match=r"'species' is not known.*drop_extra=True"):
        lab.predict("iris", X)
    assert lab.predict("iris", X, drop_extra=True)["prediction"].tolist() == [0, 1, 2]
    assert lab.predict("iris", X, 1, drop_extra=True)["prediction"].tolist() == [0, 1, 2]


def test_a_table_of_another_width(lab: Lab) -> None:
    with pytest.raises(InputError, match=r"length 3, but the model has 4 features, in this order"):
        lab.predict("iris", ROWS.to_numpy()[:, :3])
