"""Fitted boosters of every kind, on one table with missing values and categories."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping
from xgboost import XGBClassifier, XGBRegressor, XGBRFRegressor

from tests.support.models import Trained

ROWS = 400


@cache
def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    numbers = random.normal(size=(ROWS, 4))
    numbers[random.random(numbers.shape) < 0.05] = np.nan
    places = pd.Categorical(random.choice(["Año", "Bogotá", "Cali", "Tunja"], ROWS))
    return pd.DataFrame(numbers, columns=[*"abcd"]).assign(
        place=places, level=pd.Categorical(random.choice([3, 5, 7], ROWS))
    )


@cache
def number() -> pd.Series:
    noise = np.random.default_rng(1).normal(size=ROWS)
    return table()["a"].fillna(0) * 2 + table()["level"].astype(int) + noise


def xgboost_models() -> dict[str, Trained]:
    numbers, y = table()[[*"abcd"]], number()
    three, two = pd.Series(np.digitize(y, [4, 6])), pd.concat([y, -y], axis=1)
    few: dict[str, Any] = {"n_estimators": 8, "max_depth": 3}
    made: dict[str, tuple[Any, pd.DataFrame, Any]] = {
        "number": (XGBRegressor(**few), numbers, y),
        "two-classes": (XGBClassifier(**few), numbers, (y > 5).astype(int)),
        "three-classes": (XGBClassifier(**few), numbers, three),
        "three-classes-softmax": (XGBClassifier(objective="multi:softmax", **few), numbers, three),
        "poisson": (XGBRegressor(objective="count:poisson", **few), numbers, np.exp(y / 4)),
        "two-quantiles": (
            XGBRegressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.9], **few),
            numbers,
            y,
        ),
        "pruned": (XGBRegressor(gamma=30, **few), numbers, y),
        "dropping": (XGBRegressor(booster="dart", rate_drop=0.3, **few), numbers, y),
        "linear": (XGBRegressor(booster="gblinear", n_estimators=8), numbers.fillna(0), y),
        "forest": (XGBRFRegressor(**few), numbers, y),
        "two-targets": (XGBRegressor(**few), numbers, two),
        "two-targets-in-one-tree": (
            XGBRegressor(multi_strategy="multi_output_tree", **few),
            numbers,
            two,
        ),
        "two-labels": (XGBClassifier(**few), numbers, (two > 0).astype(int)),
        "categories": (XGBRegressor(enable_categorical=True, **few), table(), y),
        "categories-one-by-one": (
            XGBRegressor(enable_categorical=True, max_cat_to_onehot=9, **few),
            table(),
            y,
        ),
        "no-tree": (XGBRegressor(n_estimators=0), numbers, y),
    }
    fitted = {name: Trained(model.fit(X, t), X, t) for name, (model, X, t) in made.items()}
    odd = np.random.default_rng(2).normal(size=ROWS)
    stopped = XGBRegressor(n_estimators=50, early_stopping_rounds=2)
    stopped.fit(numbers, y, eval_set=[(numbers, y + odd * 3)], verbose=False)
    return fitted | {"stopped-early": Trained(stopped, numbers, y)}


def lightgbm_models() -> dict[str, Trained]:
    numbers, y = table()[[*"abcd"]], number()
    three = pd.Series(np.digitize(y, [4, 6])).map({0: "low", 1: "middle", 2: "high"})
    few: dict[str, Any] = {"n_estimators": 8, "num_leaves": 7, "verbose": -1}
    made: dict[str, tuple[Any, pd.DataFrame, Any]] = {
        "number": (LGBMRegressor(**few), numbers, y),
        "two-classes": (LGBMClassifier(**few), numbers, y > 5),
        "three-classes": (LGBMClassifier(**few), numbers, three),
        "one-against-all": (LGBMClassifier(objective="multiclassova", **few), numbers, three),
        "poisson": (LGBMRegressor(objective="poisson", **few), numbers, np.exp(y / 4)),
        "quantile": (LGBMRegressor(objective="quantile", alpha=0.9, **few), numbers, y),
        "dropping": (LGBMRegressor(boosting_type="dart", **few), numbers, y),
        "forest": (
            LGBMRegressor(boosting_type="rf", subsample=0.5, subsample_freq=1, **few),
            numbers,
            y,
        ),
        "lines-in-leaves": (LGBMRegressor(linear_tree=True, **few), numbers, y),
        "categories": (LGBMRegressor(**few), table(), y),
        "odd-names": (
            LGBMRegressor(**few),
            numbers.set_axis(["bill length (mm)", "año", "c=d", "e/f"], axis=1),
            y,
        ),
        "constant": (LGBMRegressor(**few), numbers, y * 0),
        "parameters-of-training": (LGBMRegressor(force_col_wise=True, **few), numbers, y),
    }
    fitted = {name: Trained(model.fit(X, t), X, t) for name, (model, X, t) in made.items()}
    stopped = LGBMRegressor(n_estimators=50, learning_rate=0.5, verbose=-1)
    odd = y + np.random.default_rng(2).normal(size=ROWS) * 3
    stopped.fit(
        numbers, y, eval_X=numbers, eval_y=odd, callbacks=[early_stopping(2, verbose=False)]
    )
    return fitted | {"stopped-early": Trained(stopped, numbers, y)}
