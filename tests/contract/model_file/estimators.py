"""Every estimator of scikit-learn, by each parameter that is one of several words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils import all_estimators
from sklearn.utils._param_validation import Options

from tests.support.rounding import equal_but_for_rounding

Table = tuple[Any, Any]

DICE = np.random.default_rng(0)
NUMBERS = pd.DataFrame(DICE.normal(size=(60, 4)), columns=[*"abcd"])
CLASSES = (NUMBERS["a"] + 0.3 * NUMBERS["b"] > 0).astype(int)
AMOUNTS = NUMBERS["a"] * 2 + NUMBERS["b"] + 9
# Each estimator is fitted with the first of these that it takes.
TABLES: list[Table] = [
    (NUMBERS, CLASSES),
    (NUMBERS.abs() + 0.1, AMOUNTS),
    (NUMBERS.abs() + 0.1, CLASSES),
    (NUMBERS, np.column_stack([CLASSES, 1 - CLASSES])),
    (NUMBERS, np.column_stack([AMOUNTS, NUMBERS["b"]])),
    (["one word", "two words", "a b c"] * 4, [0, 1, 0] * 4),
    ([{"a": 1.0}, {"a": 2.0}] * 5, [0, 1] * 5),
    (np.arange(40) % 7 / 7.0, np.arange(40) / 3),
    (pd.DataFrame({"a": ["x", "y"] * 20}), [0, 1] * 20),
]
# What those that need arguments are made of.
ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"estimator": LogisticRegression()},
    {"estimator": Ridge()},
    {"estimators": [("one", LogisticRegression()), ("other", LogisticRegression(C=2.0))]},
    {"estimators": [("one", Ridge()), ("other", Ridge(2.0))]},
    {"estimator": LogisticRegression(), "param_grid": {"C": [1.0, 2.0]}},
    {"estimator": LogisticRegression(), "param_distributions": {"C": [1.0, 2.0, 3.0]}},
    {"transformers": [("one", "passthrough", ["a"])]},
    {"transformer_list": [("one", "passthrough")]},
    {"steps": [("model", LogisticRegression())]},
    {"dictionary": np.eye(4)},
]
METHODS = ("predict", "predict_proba", "decision_function", "score_samples", "transform")


@dataclass(frozen=True)
class Variant:
    """A class, and the words that some of its parameters are."""

    kind: type
    parameters: dict[str, str]

    def __str__(self) -> str:
        said = ", ".join(f"{name}={word!r}" for name, word in self.parameters.items())
        return f"{self.kind.__name__}({said})" if said else self.kind.__name__


def variants() -> Iterator[Variant]:
    """Return each class with its defaults, then with each word that a parameter may be."""
    for _, kind in all_estimators():
        yield Variant(kind, {})
        for parameter, constraints in getattr(kind, "_parameter_constraints", {}).items():
            for each in constraints if isinstance(constraints, list) else []:
                words = each.options if isinstance(each, Options) else ()
                for word in sorted(word for word in words if isinstance(word, str)):
                    yield Variant(kind, {parameter: word})


def fitted(variant: Variant) -> tuple[Any, Any] | None:
    """Return an estimator with the table that it answers; None if it answers none of ours."""
    for arguments in ARGUMENTS:
        for X, y in TABLES:
            try:
                estimator: Any = variant.kind(**arguments, **variant.parameters)
                if "random_state" in estimator.get_params(deep=False):
                    estimator.set_params(random_state=0)
                if answers(estimator.fit(X, y), X):
                    return estimator, X
            except Exception:  # whatever an estimator says of a table or of a word
                continue
    return None


def answers(estimator: Any, X: Any) -> dict[str, list[np.ndarray]]:
    """Return what an estimator answers, by method; several outputs are several arrays."""
    given = {}
    for method in METHODS:
        if hasattr(estimator, method):
            try:
                answer = getattr(estimator, method)(X)
            except (AttributeError, TypeError, ValueError):  # it has no answer for this table
                continue
            given[method] = [
                each.toarray() if issparse(each) else np.asarray(each)
                for each in (answer if isinstance(answer, list) else [answer])
            ]
    return given


def same(one: dict[str, list[np.ndarray]], other: dict[str, list[np.ndarray]]) -> bool:
    """Whether answers are the same, but for rounding."""
    return one.keys() == other.keys() and all(
        len(one[method]) == len(other[method])
        and all(
            equal_but_for_rounding(a, b) for a, b in zip(one[method], other[method], strict=True)
        )
        for method in one
    )
