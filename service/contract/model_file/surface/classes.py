"""Classes: those of scikit-learn that a model file may hold, by rule.

1. Every estimator: what `sklearn.utils.all_estimators` finds, the experimental ones too.
2. Every public class of a public module: kernels, splitters, `make_column_selector`.
3. The helpers: classes that are defined or named in a module that defines a class of 1, 2 or 3.

A class counts if objects of it are made from attributes: abstract and compiled classes are not.
`EXCLUDED` leaves out modules and classes, each with its reason, and `ADDED` takes in the few that
no rule finds.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import sklearn
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.utils import all_estimators

from service.contract.text import name_of

HEAP_TYPE = 1 << 9  # the flag of a class that is written in Python

# A module and all in it, or a class, with the reason why a model file holds none of it.
EXCLUDED = {
    "sklearn.base": "mixins and bases; no object is made of them",
    "sklearn.callback": "is called while `fit` runs, and writes",
    "sklearn.cluster._birch._CFNode": "only `fit` uses it",
    "sklearn.cluster._birch._CFSubcluster": "only `fit` uses it",
    "sklearn.datasets": "opens files and connections",
    "sklearn.ensemble._gb.VerboseReporter": "prints; only `fit` uses it",
    "sklearn.ensemble._hist_gradient_boosting.grower": "only `fit` uses it",
    "sklearn.exceptions": "warnings and errors",
    "sklearn.experimental": "switches",
    "sklearn.externals": "other libraries",
    "sklearn.gaussian_process.kernels.Hyperparameter": "a description; no kernel keeps it",
    "sklearn.inspection": "draws",
    "sklearn.linear_model._glm._newton_solver": "only `fit` uses it",
    "sklearn.linear_model._linear_loss": "only `fit` uses it",
    "sklearn.linear_model._logistic._LbfgsCallbackBridge": "calls what it is given",
    "sklearn.linear_model._ridge._IdentityClassifier": "only `fit` uses it",
    "sklearn.linear_model._ridge._IdentityRegressor": "only `fit` uses it",
    "sklearn.linear_model._ridge._RidgeGCV": "only `fit` uses it",
    "sklearn.linear_model._ridge._XT_CenterStackOp": "only `fit` uses it",
    "sklearn.linear_model._ridge._X_CenterStackOp": "only `fit` uses it",
    "sklearn.linear_model._stochastic_gradient._ValidationScoreCallback": "only `fit` uses it",
    "sklearn.metrics": "scorers call what they are given; displays draw",
    "sklearn.model_selection._plot": "draws",
    "sklearn.model_selection._search.ParameterGrid": "only `fit` uses it",
    "sklearn.model_selection._search.ParameterSampler": "calls what it is given",
    "sklearn.model_selection._search_successive_halving._SubsampleMetaSplitter": "only in `fit`",
    "sklearn.model_selection._split.RepeatedKFold": "calls what it is given",
    "sklearn.model_selection._split.RepeatedStratifiedKFold": "calls what it is given",
    "sklearn.model_selection._split._CVIterableWrapper": "only `fit` uses it",
    "sklearn.model_selection._split._RepeatedSplits": "calls what it is given",
    "sklearn.neighbors._ball_tree": "compiled, but for its name",
    "sklearn.neighbors._kd_tree": "compiled, but for its name",
    "sklearn.utils": "tools, which no estimator keeps",
}
# What the rules leave out and a model file holds all the same, with the reason.
ADDED = {
    "pandas.api.typing.NAType": "what an imputer may look for; there is one object of it",
    "scipy.interpolate._bsplines.BSpline": "SplineTransformer keeps it",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": "the trees of boosting",
    "sklearn.metrics._scorer._CurveScorer": "predict asks it for the positive class",
    "sklearn.metrics._scorer._PassthroughScorer": "in files of earlier releases",
    "sklearn.metrics._scorer._Scorer": "in files of earlier releases",
    "sklearn.utils._metadata_requests.MetadataRequest": "what `set_fit_request` keeps",
    "sklearn.utils._metadata_requests.MethodMetadataRequest": "what `set_fit_request` keeps",
}


@cache
def resolve(name: str) -> Any:
    """Import the class or function that has a name; the name must have been checked."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def of_python() -> frozenset[str]:
    """Return the names of the classes whose objects are made from attributes.

    Examples
    --------
    >>> names = of_python()
    >>> "sklearn.calibration._CalibratedClassifier" in names
    True
    >>> [name for name in names if name.endswith(("ParameterSampler", "Display"))]
    []
    """
    estimators = {kind for _, kind in all_estimators()}
    found = estimators | {kind for kind in _public() if _counts(kind)}
    waiting = {kind.__module__ for kind in found}
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        helpers = {
            each
            for each in vars(sys.modules[module]).values()
            if isinstance(each, type) and _counts(each)
        }
        found |= helpers
        waiting |= {kind.__module__ for kind in helpers} - seen
    return frozenset(map(name_of, found)) | ADDED.keys()


def _public() -> Iterator[type]:
    """Return the public classes of the public modules."""
    for module in _public_modules():
        names = getattr(module, "__all__", None)
        for name, each in vars(module).items():
            public = not name.startswith("_") and (names is None or name in names)
            if public and isinstance(each, type):
                yield each


def _public_modules() -> Iterator[object]:
    for found in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        parts = found.name.split(".")
        private = any(part.startswith("_") or part in ("conftest", "tests") for part in parts)
        if not private and not _is_excluded(found.name):
            yield importlib.import_module(found.name)


def _counts(kind: type) -> bool:
    """Whether objects of a class of scikit-learn are made from attributes, and belong in a file."""
    name = kind.__name__.lstrip("_")
    return (
        kind.__module__.startswith("sklearn.")
        and bool(kind.__flags__ & HEAP_TYPE)
        and not inspect.isabstract(kind)
        and not name.startswith("Base")
        and not name.endswith(("Display", "Mixin"))
        and not _is_excluded(name_of(kind))
    )


def _is_excluded(name: str) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:count]) in EXCLUDED for count in range(2, len(parts) + 1))
