"""The classes that follow from scikit-learn's surface are looked at, in the version in use."""

import inspect
import pkgutil
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.gaussian_process.kernels import Kernel
from sklearn.metrics import DistanceMetric
from sklearn.utils import all_estimators

from service.contract.model_file import allow_list
from service.contract.model_file.allow_list import COMPILED, LOSSES, OBJECTS, resolve
from service.contract.model_file.surface.classes import ADDED, EXCLUDED
from service.contract.text import name_of

ESTIMATORS = {name_of(kind) for _, kind in all_estimators()}
# Helpers that are not public. Whoever reads a longer list here after an upgrade looks at each:
# what could it do if a file chose its attributes?
HELPERS = {
    "sklearn._loss.link": 6,
    "sklearn._loss.loss": 11,
    "sklearn.calibration": 3,
    "sklearn.cluster._bisect_k_means": 1,
    "sklearn.cluster._feature_agglomeration": 1,
    "sklearn.ensemble._hist_gradient_boosting.binning": 1,
    "sklearn.ensemble._hist_gradient_boosting.predictor": 1,
    "sklearn.gaussian_process._gpc": 1,
    "sklearn.impute._iterative": 1,
    "sklearn.linear_model._glm.glm": 1,
    "sklearn.metrics._scorer": 3,
    "sklearn.multiclass": 1,
    "sklearn.neural_network._stochastic_optimizers": 2,
    "sklearn.utils._metadata_requests": 1,
}
# What code names that opens, starts, imports or evaluates.
ACTING = {
    "Memory",
    "Popen",
    "__import__",
    "check_memory",
    "compile",
    "eval",
    "exec",
    "import_module",
    "load",
    "memmap",
    "open",
    "pickle",
    "socket",
    "subprocess",
    "system",
    "urlopen",
}
# Methods whose code names one of these, and why it does nothing.
LOOKED_AT = {
    "AgglomerativeClustering._fit": "`memory` is None (attributes.FIXED); predict does not use it",
    "BaseEstimator.estimator_html_repr": "opens scikit-learn's own style sheet, in a notebook",
    "OPTICS.fit": "`memory` is None (attributes.FIXED); predict does not use it",
    "Pipeline._fit": "`memory` is None (attributes.FIXED); predict does not use it",
    "_VectorizerMixin.build_tokenizer": "compiles a regular expression",
    "_VectorizerMixin.decode": "opens what a row names; `input` is 'content' (attributes.FIXED)",
}


def public() -> set[str]:
    found = set()
    for each in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        module = sys.modules.get(each.name)
        if module is not None and "._" not in each.name:
            names = getattr(module, "__all__", None)
            for name, kind in vars(module).items():
                listed = name in names if names is not None else not name.startswith("_")
                if isinstance(kind, type) and listed:
                    found.add(name_of(kind))
    return found


def named(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from named(each)


def test_every_estimator_is_listed() -> None:
    assert ESTIMATORS <= OBJECTS
    assert {"HalvingGridSearchCV", "IterativeImputer", "Birch", "FrozenEstimator"} <= {
        name.rpartition(".")[2] for name in OBJECTS
    }


def test_each_helper_was_looked_at() -> None:
    helpers: dict[str, int] = {}
    for name in OBJECTS - ESTIMATORS - public():
        module = name.rpartition(".")[0]
        if module.startswith("sklearn."):
            helpers[module] = helpers.get(module, 0) + 1
    assert helpers == HELPERS


def test_no_class_opens_or_starts() -> None:
    found = {}
    for name in OBJECTS:
        for base in resolve(name).__mro__:
            members: list[Any] = [*vars(base).values()] if base is not object else []
            for member in members:
                function = getattr(member, "__func__", getattr(member, "fget", member))
                function = getattr(function, "__wrapped__", function)
                if isinstance(function, FunctionType):
                    acting = ACTING & {*named(function.__code__)}
                    if acting:
                        found[f"{base.__name__}.{function.__name__}"] = acting
    assert found.keys() <= LOOKED_AT.keys()


def test_exclusions_are_there_with_reasons() -> None:
    assert all({**EXCLUDED, **ADDED}.values())
    assert all(map(pkgutil.resolve_name, EXCLUDED))  # an upgrade may rename or remove one
    assert OBJECTS.isdisjoint(EXCLUDED)
    assert ADDED.keys() <= OBJECTS


def test_distances_kernels_and_losses_are_listed() -> None:
    metrics: dict[str, dict[str, Any]] = {
        "haversine": {},
        "jaccard": {},
        "mahalanobis": {"V": np.eye(2)},
        "minkowski": {"p": 3},
        "seuclidean": {"V": np.ones(2)},
    }
    for metric, given in metrics.items():
        assert name_of(type(DistanceMetric.get_metric(metric, **given))) in COMPILED
    made = {each for each in _below(Kernel) if not inspect.isabstract(each)}
    assert {name_of(each) for each in made if each.__name__ != "KernelOperator"} <= OBJECTS
    assert len(LOSSES) >= 16


def _below(kind: type) -> Iterator[type]:
    each: type
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


@pytest.mark.parametrize("name", ["RocCurveDisplay", "ParameterSampler", "RepeatedKFold"])
def test_what_draws_or_calls_is_not(name: str) -> None:
    assert not [each for each in allow_list.ALLOWED if each.endswith(f".{name}")]
