"""What can be published: each estimator in several forms of X; ``--write`` for docs/models.md.

Each is fitted, published and validated as in the API, which compares its predictions with the
trained estimator's and tries its fast path.
"""

import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from imblearn import ensemble as balanced
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import clone, is_regressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.utils import all_estimators
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from benchmarks.peers import plain
from service.contract.errors import LabloopError
from service.contract.model.store import ModelStore
from service.contract.predictors.loading import load
from service.lab.publish.publication import Publication
from tests.contract.predictors.zoo import prepared
from tests.support.live import CHECKOUT
from tests.support.models import iris, penguins
from tests.support.unsupervised import ALONE

FIRST, LAST = "<!-- made by `python -m benchmarks.published --write` -->", "<!-- end -->"
FORMS = ["numbers", "array", "mixed", "texts", "dicts"]
WORDS = {True: "fast", False: "yes", None: "-"}
FEW = {"n_estimators": 10, "max_iter": 10}  # of trees
NEEDED: dict[str, dict[str, Any]] = {
    "CategoricalNB": {"min_categories": 20},
    "LGBMClassifier": {"verbose": -1, "n_estimators": 10},
    "LGBMRegressor": {"verbose": -1, "n_estimators": 10},
}


def estimators() -> Iterator[tuple[str, Any]]:
    """List the library and a prototype of each estimator that is made without others."""
    for kind in ("classifier", "regressor"):
        for name, made in all_estimators(type_filter=kind):
            try:
                prototype = made(**NEEDED.get(name, {}))
                is_regressor(prototype)
            except (TypeError, AttributeError):  # it is made of others
                continue
            trees = "max_iter" if name.startswith("HistGradient") else "n_estimators"
            if trees in prototype.get_params():
                prototype.set_params(**{trees: FEW[trees]})
            yield "scikit-learn", prototype
    yield from (("scikit-learn", clone(each)) for each in ALONE.values())
    for each in (XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor):
        yield "xgboost", each(n_estimators=10)
    for each in (LGBMClassifier, LGBMRegressor):
        yield "lightgbm", each(**NEEDED[each.__name__])
    for name in balanced.__all__:
        yield "imbalanced-learn", getattr(balanced, name)(n_estimators=10)


def tables() -> dict[str, tuple[Any, Any, Any, list[Any]]]:
    """Return by form X, classes, numbers, and the steps before the estimator."""
    flowers, birds = iris(), penguins()
    _, questions, topics = plain.questions()
    questions, topics = questions[:300], topics[:300].astype("category").cat.codes
    trips = [{"zone": f"{n % 7}", "distance": n / 9, "hour": n % 24} for n in range(200)]
    hours = np.arange(200) % 24
    species = birds.y.astype("category").cat.codes
    mass = birds.X["bill_length_mm"].fillna(40)
    lengths = questions.str.len()
    width = flowers.X["petal_width"] + flowers.X["sepal_length"]
    return {
        "numbers": (flowers.X, flowers.y, width, []),
        "array": (flowers.X.to_numpy(), flowers.y, width, []),
        "mixed": (birds.X, species, mass, [prepared()]),
        "texts": (questions.tolist(), topics, lengths, [TfidfVectorizer(max_features=300)]),
        "dicts": (trips, hours // 8, hours + 1.0, [DictVectorizer()]),
    }


def outcome(store: ModelStore, prototype: Any, form: tuple[Any, Any, Any, list[Any]]) -> Any:
    """Publish an estimator; say whether it has a fast path, or None if it does not fit."""
    X, classes, numbers, before = form
    y = numbers if is_regressor(prototype) else classes
    estimator = make_pipeline(*map(clone, before), clone(prototype))
    if not before:
        estimator = clone(prototype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            estimator.fit(X, y).predict(X)
        except Exception:  # whatever an estimator raises at a table that it does not take
            return None
        version = Publication("m", estimator, X, y).write(store)
        return load(store, "m", version, "the API").verdict.slow_because is None


def lines() -> Iterator[str]:
    """Return the lines of the table, estimators with the same outcomes in one."""
    forms = tables()
    found: dict[tuple[str, ...], list[str]] = defaultdict(list)
    refused: list[str] = []
    with TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        for library, prototype in estimators():
            name = type(prototype).__name__
            outcomes = []
            for form in FORMS:
                try:
                    outcomes.append(WORDS[outcome(store, prototype, forms[form])])
                except LabloopError as error:
                    outcomes.append("no")
                    refused.append(f"{name}, {form}: {error}")
            print(library, name, *outcomes, flush=True)
            if {*outcomes} != {WORDS[None]}:
                found[(library, *outcomes)].append(name)
    yield f"| library | {' | '.join(FORMS)} | estimators |"
    yield "|---" * (len(FORMS) + 2) + "|"
    for (library, *outcomes), names in sorted(found.items(), key=_order):
        listed = ", ".join(f"`{name}`" for name in sorted(names))
        yield f"| {library} | {' | '.join(outcomes)} | {listed} |"
    for line in refused:
        print("refused:", line)


def _order(item: tuple[tuple[str, ...], list[str]]) -> tuple[Any, ...]:
    (library, *outcomes), _ = item
    libraries = ["scikit-learn", "xgboost", "lightgbm", "imbalanced-learn"]
    return libraries.index(library), [["fast", "yes", "no", "-"].index(o) for o in outcomes]


def main() -> None:
    """Make the table; with ``--write`` put it into docs/models.md."""
    table = "\n".join(lines())
    print(table)
    if "--write" in sys.argv:
        file = CHECKOUT / "docs" / "models.md"
        before, _, rest = file.read_text().partition(FIRST)
        _, _, after = rest.partition(LAST)
        file.write_text(f"{before}{FIRST}\n\n{table}\n\n{LAST}{after}")


if __name__ == "__main__":
    main()
