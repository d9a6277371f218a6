"""What Labloop is compared with: the same work in plain FastAPI applications."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

DATA = Path(__file__).resolve().parents[2] / "data"
FLOWER = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]

Trained = tuple[Any, Any, pd.Series]


def forest() -> Trained:
    """Fit 100 trees on iris."""
    table = pd.read_csv(DATA / "iris.csv")
    X, y = table[FLOWER], table["target"]
    return RandomForestClassifier(100, random_state=0).fit(X, y), X, y


def neighbours() -> Trained:
    """Fit what has no fast path, and takes milliseconds."""
    _, X, y = forest()
    return BaggingClassifier(KNeighborsClassifier(), random_state=0).fit(X, y), X, y


def penguins() -> Trained:
    """Fit a pipeline on text and numbers, some missing."""
    table = pd.read_csv(DATA / "penguins.csv")
    X, y = table[["island", *MEASURES, "sex"]], table["species"]
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    prepare = make_column_transformer((words, ["island", "sex"]), (numbers, MEASURES))
    return make_pipeline(prepare, LogisticRegression(max_iter=1000)).fit(X, y), X, y


def wide(features: int) -> Trained:
    """Fit 100 trees on so many numbers."""
    values = np.random.default_rng(0).normal(size=(300, features))
    X = pd.DataFrame(values, columns=[f"x{number}" for number in range(features)])
    y = pd.Series(values[:, 0] > 0)
    return RandomForestClassifier(100, random_state=0).fit(X, y), X, y


def questions() -> Trained:
    """Fit a pipeline on free text."""
    table = pd.read_csv(DATA / "questions.csv")
    X, y = table["question"], table["topic"]
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(X, y), X, y


def boosting() -> Trained:
    """Fit XGBoost behind the same preparation."""
    from xgboost import XGBClassifier  # here, so that the others are as small as they can be

    pipeline, X, y = penguins()
    codes = y.astype("category").cat.codes.astype(int)
    boosted = make_pipeline(clone(pipeline[0]), XGBClassifier(n_estimators=100))
    return boosted.fit(X, codes), X, codes


class Table(BaseModel):
    rows: list[list[float]]


class Question(BaseModel):
    question: str


class Penguin(BaseModel):
    island: str
    bill_length_mm: float | None
    bill_depth_mm: float | None
    flipper_length_mm: float | None
    body_mass_g: float | None
    sex: str | None


def constant() -> FastAPI:
    """Answer the same to everybody: the most that this framework and server can do."""
    app = FastAPI()

    @app.get("/predict")
    async def predict() -> dict[str, int]:
        return {"prediction": 0}

    return app


def exercise() -> FastAPI:
    """Answer as the class exercise does: query parameters, scikit-learn on a list, no log."""
    app, model = FastAPI(), RandomForestClassifier(100, random_state=0).fit(*_iris())

    @app.get("/predict")
    def predict(
        sepal_length: float, sepal_width: float, petal_length: float, petal_width: float
    ) -> dict[str, int]:
        prediction = model.predict([[sepal_length, sepal_width, petal_length, petal_width]])
        return {"prediction": int(prediction[0])}

    return app


def _iris() -> tuple[Any, Any]:
    _, X, y = forest()
    return X.to_numpy(), y


def slow() -> FastAPI:
    """Answer with the estimator that has no fast path."""
    app, model = FastAPI(), neighbours()[0]

    @app.get("/predict")
    def predict(
        sepal_length: float, sepal_width: float, petal_length: float, petal_width: float
    ) -> dict[str, int]:
        row = [[sepal_length, sepal_width, petal_length, petal_width]]
        table = pd.DataFrame(row, columns=FLOWER)
        return {"prediction": int(model.predict(table)[0])}

    return app


def table() -> FastAPI:
    """Answer rows: of iris, or with `FEATURES` of so many numbers."""
    features = os.environ.get("FEATURES")
    model, X, y = wide(int(features)) if features else forest()
    app, model = FastAPI(), clone(model).fit(X.to_numpy(), y)

    @app.post("/predict")
    def predict(asked: Table) -> dict[str, Any]:
        probabilities = model.predict_proba(np.array(asked.rows))
        predictions = model.classes_[probabilities.argmax(axis=1)]
        return {"predictions": predictions.tolist(), "probabilities": probabilities.tolist()}

    return app


def several() -> FastAPI:
    """Answer by one of `MODELS` forests, which the path names."""
    fitted = pickle.dumps(RandomForestClassifier(100, random_state=0).fit(*_iris()))
    models = {f"iris-{n}": pickle.loads(fitted) for n in range(int(os.environ["MODELS"]))}
    app = FastAPI()

    @app.get("/models/{name}/predict")
    def predict(
        name: str, sepal_length: float, sepal_width: float, petal_length: float, petal_width: float
    ) -> dict[str, int]:
        row = [[sepal_length, sepal_width, petal_length, petal_width]]
        return {"prediction": int(models[name].predict(row)[0])}

    return app


def text() -> FastAPI:
    """Answer what a question is about."""
    app, model = FastAPI(), questions()[0]

    @app.post("/predict")
    def predict(asked: Question) -> dict[str, Any]:
        prediction = str(model.predict([asked.question])[0])
        probabilities = model.predict_proba([asked.question])[0].tolist()
        return {"prediction": prediction, "probabilities": probabilities}

    return app


def mixed() -> FastAPI:
    """Answer about penguins."""
    return _about_penguins(penguins()[0])


def boosted() -> FastAPI:
    """Answer about penguins by XGBoost."""
    return _about_penguins(boosting()[0])


def _about_penguins(model: Any) -> FastAPI:
    app = FastAPI()

    @app.post("/predict")
    def predict(penguin: Penguin) -> dict[str, Any]:
        table = pd.DataFrame([penguin.model_dump()])
        prediction = str(model.predict(table)[0])
        return {"prediction": prediction, "probabilities": model.predict_proba(table)[0].tolist()}

    return app
