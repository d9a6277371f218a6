"""Estimators of people's work, combined at random, are written and answer the same when read."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import SelectFromModel, SelectKBest
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TunedThresholdClassifierCV,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC

from service.contract.model_file import artifact
from tests.contract.model_file.estimators import answers, same
from tests.support.soak import times

DICE = np.random.default_rng(0)
COUNT = 80
FRAME = pd.DataFrame(
    {
        "size": np.where(DICE.random(COUNT) < 0.1, np.nan, DICE.normal(size=COUNT) ** 2),
        "age": DICE.integers(1, 90, COUNT),
        "town": DICE.choice(["Bergen", "Oslo", "Tromsø"], COUNT).astype(object),
    }
)
YES = ((FRAME["age"] > 40) | (FRAME["town"] == "Oslo")).astype(int)
CONTAINERS: dict[str, Any] = {
    "objects": FRAME,
    "categories": FRAME.astype({"town": "category"}),
    "strings": FRAME.astype({"town": "str"}),
    "array": FRAME.to_numpy(),
}


def own_score(estimator: Any, X: Any, y: Any) -> float:
    return float(np.mean(estimator.predict(X) == y))


TREE = GradientBoostingClassifier(n_estimators=2, random_state=0)
FINALS: dict[str, tuple[Any, str, list[Any], Any]] = {  # a parameter, its choices, a distribution
    "logistic": (LogisticRegression(), "C", [0.5, 1.0], stats.loguniform(0.1, 10)),
    "forest": (RandomForestClassifier(3), "max_depth", [1, 2], stats.randint(1, 4)),
    "boosting": (TREE, "learning_rate", [0.1, 0.2], stats.uniform(0.1, 0.5)),
    "histogram": (
        HistGradientBoostingClassifier(max_iter=2),
        "learning_rate",
        [0.1, 0.2],
        stats.uniform(0.1, 0.5),
    ),
    "neighbours": (KNeighborsClassifier(metric="manhattan"), "p", [1, 2], stats.randint(1, 4)),
    "vectors": (SVC(), "C", [0.5, 1.0], stats.expon(scale=2)),
    "voting": (
        VotingClassifier([("a", TREE), ("b", LogisticRegression())], voting="soft"),
        "voting",
        ["hard", "soft"],
        ["hard", "soft"],
    ),
    "stacking": (
        StackingClassifier([("a", TREE)], LogisticRegression(), cv=StratifiedKFold(2)),
        "passthrough",
        [False, True],
        [False, True],
    ),
    "bagging": (BaggingClassifier(SVC(), 2), "max_samples", [0.5, 0.9], stats.uniform(0.5, 0.5)),
    "threshold": (
        TunedThresholdClassifierCV(
            LogisticRegression(), cv=2, scoring=make_scorer(fbeta_score, beta=2)
        ),
        "thresholds",
        [5, 9],
        stats.randint(5, 9),
    ),
}


def by_columns(numbers: Any, text: Any) -> Callable[[Any], Any]:
    """Return what makes a preprocessing, with columns as people choose them."""

    def make(encoder: Any) -> Any:
        scaled = make_pipeline(SimpleImputer(), StandardScaler())
        return make_column_transformer((scaled, numbers), (encoder, text))

    return make


COLUMNS: dict[str, Callable[[Any], Any]] = {
    "names": by_columns(["size", "age"], ["town"]),
    "places": by_columns([0, 1], [2]),
    "slices": by_columns(slice(0, 2), slice(2, 3)),
    "masks": by_columns([True, True, False], np.array([False, False, True])),
    "index": by_columns(FRAME.columns[:2], FRAME.columns[2:]),
    "pattern": by_columns(make_column_selector(pattern="e$"), ["town"]),
    "types": by_columns(
        make_column_selector(dtype_include=np.number), make_column_selector(dtype_exclude=np.number)
    ),
    "function": by_columns(lambda X: [0, 1], lambda X: [2]),
}
ENCODERS = {
    "one-hot": OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "target": TargetEncoder(cv=StratifiedKFold(2, shuffle=True, random_state=0)),
}
THEN = {
    "nothing": "passthrough",
    "best": SelectKBest(k=2),
    "chosen": SelectFromModel(TREE, threshold=-np.inf),
    "iterative": IterativeImputer(max_iter=2),
    "neighbours": KNNImputer(),
    "absolute": FunctionTransformer(np.abs),
    "clipped": FunctionTransformer(np.clip, kw_args={"a_min": -2, "a_max": 2}),
}
SCORINGS = {
    "own": None,
    "name": "f1",
    "names": ["precision", "f1"],
    "scorers": {"f1": make_scorer(fbeta_score, beta=2), "other": "accuracy"},
    "scorer": make_scorer(fbeta_score, beta=0.5),
    "function": own_score,
}
SPLITTERS: dict[str, Callable[[], Any]] = {
    "number": lambda: 2,
    "folds": lambda: StratifiedKFold(2),
    "shuffled": lambda: StratifiedShuffleSplit(2, random_state=0),
    "repeated": lambda: RepeatedStratifiedKFold(n_splits=2, n_repeats=1),
    "splits": lambda: StratifiedKFold(2).split(FRAME, YES),
}
SEARCHES = ["none", "grid", "random", "halving grid", "halving random"]


@dataclass(frozen=True)
class Combination:
    search: str
    scoring: str
    splitter: str
    container: str
    columns: str
    encoder: str
    then: str
    final: str

    def __str__(self) -> str:
        return " ".join(map(str, vars(self).values()))

    def can_be(self) -> bool:
        """Whether it can be fitted: names need a table; halving, one score and steady splits."""
        named = self.columns in ("names", "index", "pattern", "types")
        several = self.scoring in ("names", "scorers")
        halving = self.search.startswith("halving")
        return not (
            (named and self.container == "array")
            or (halving and (several or self.splitter not in ("number", "folds")))
        )

    def make(self) -> Any:
        final, parameter, choices, distribution = FINALS[self.final]
        prepared = COLUMNS[self.columns](ENCODERS[self.encoder])
        pipeline = Pipeline([("columns", prepared), ("then", THEN[self.then]), ("model", final)])
        given = {"cv": SPLITTERS[self.splitter](), "scoring": SCORINGS[self.scoring]}
        if self.scoring in ("names", "scorers"):
            given["refit"] = "f1"
        grid, drawn = {f"model__{parameter}": choices}, {f"model__{parameter}": distribution}
        match self.search:
            case "grid":
                return GridSearchCV(pipeline, grid, **given)
            case "random":
                return RandomizedSearchCV(pipeline, drawn, n_iter=2, random_state=0, **given)
            case "halving grid":
                return HalvingGridSearchCV(pipeline, grid, min_resources=30, **given)
            case "halving random":
                return HalvingRandomSearchCV(pipeline, drawn, min_resources=30, **given)
        return pipeline


def combinations(count: int) -> list[Combination]:
    """Draw combinations that can be fitted, at random."""
    kinds = (SEARCHES, SCORINGS, SPLITTERS, CONTAINERS, COLUMNS, ENCODERS, THEN, FINALS)
    dice, drawn = Random(0), dict[Combination, None]()
    while len(drawn) < count:
        one = Combination(*(dice.choice([*kind]) for kind in kinds))
        if one.can_be():
            drawn[one] = None
    return [*drawn]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("combination", combinations(times(700, 40)), ids=str)
def test_combinations_survive_their_file(combination: Combination) -> None:
    X = CONTAINERS[combination.container]
    estimator = combination.make().fit(X, YES)
    again = artifact.loads(artifact.dumps(estimator))
    assert same(answers(estimator, X), answers(again, X))
