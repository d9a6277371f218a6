"""Remarks: what a user says of a version beside its estimator, checked and as JSON holds it."""

from collections.abc import Iterable, Mapping, Set
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from pathlib import PurePath
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd

from service.contract.errors import EstimatorError
from service.contract.signature.output import Output
from service.contract.text import printable, show

DEEPEST = 20
OUTLIER_NAMES = {"-1": "outlier", "1": "inlier"}
# Columns of lab.models and lab.versions, where metrics are columns too.
TAKEN = {"model", "version", "versions", "live", "created", "estimator", "rows", "commit"}
TAKEN |= {"problem"}


def metrics_of(metrics: Any) -> dict[str, float]:
    """Return metrics by name; refuse what is no finite number.

    Examples
    --------
    >>> metrics_of({"accuracy": np.float64(0.97)})
    {'accuracy': 0.97}
    """
    found = {}
    for name, value in _named(metrics, "metrics", '{"accuracy": 0.97}'):
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise EstimatorError(
                f"Metric {name!r} is {show(value)}; a number is expected."
            ) from error
        if not isfinite(number):
            raise EstimatorError(
                f"Metric {name!r} is {number}, which is no finite number. Leave it out, or compute "
                "it on data where it has a value: AUC, for one, needs rows of both classes."
            )
        if name in TAKEN:
            raise EstimatorError(
                f"Metric {name!r} has the name of a column of lab.versions. Call it otherwise."
            )
        found[name] = number
    return found


def class_names_of(names: Any, output: Output) -> dict[str, str] | None:
    """Return the classes' names for people, by the classes as text; None if there are none.

    Examples
    --------
    >>> class_names_of(["no", "yes"], Output(task="classification", classes=[0, 1]))
    {'0': 'no', '1': 'yes'}
    """
    classes = output.classes
    if names is None:
        return OUTLIER_NAMES if output.task == "outlier" else None
    if classes is None or any(isinstance(each, list) for each in classes):
        raise EstimatorError(
            f"class_names is {show(names)}, but the estimator does not predict the classes of one "
            "target. Leave it out."
        )
    if isinstance(names, Mapping):
        by_text = {str(label): name for label, name in names.items()}
        absent = [label for label in classes if str(label) not in by_text]
        if absent or len(by_text) > len(classes):
            raise EstimatorError(
                f"class_names has names for {[*names]}, but the estimator's classes are {classes}."
            )
        names = [by_text[str(label)] for label in classes]
    if isinstance(names, str | bytes | Set) or not isinstance(names, Iterable):
        raise EstimatorError(
            f"class_names is {show(names)}. Pass a list, in the order of the classes {classes}."
        )
    listed = [printable(str(name)) for name in names]
    if len(listed) != len(classes):
        raise EstimatorError(
            f"class_names has {len(listed)} entries, but the estimator's classes are {classes}."
        )
    twice = [name for place, name in enumerate(listed) if name in listed[:place]]
    if twice:
        raise EstimatorError(f"class_names has {twice[0]!r} twice. Give each class its own name.")
    return {str(label): name for label, name in zip(classes, listed, strict=True)}


def parameters_of(parameters: Any) -> dict[str, Any]:
    """Return parameters as plain JSON values: numbers, texts, lists and dicts of these.

    Examples
    --------
    >>> parameters_of({"max_depth": np.int64(3), "data": PurePath("data/iris.csv")})
    {'max_depth': 3, 'data': 'data/iris.csv'}
    """
    return {
        name: _plain(value, f"Parameter {name!r}")
        for name, value in _named(parameters, "parameters", '{"max_depth": 3}')
    }


def private_of(names: Any) -> list[Any]:
    """List the names of private features; a text is one name."""
    if isinstance(names, str):
        return [names]
    if not isinstance(names, Iterable | None):
        raise EstimatorError(f"private is {show(names)}; a list of features is expected.")
    return [*(names or ())]


def _named(values: Any, what: str, example: str) -> list[tuple[str, Any]]:
    """List names and values of a mapping."""
    if isinstance(values, pd.Series):
        values = values.to_dict()
    if not isinstance(values, Mapping):
        raise EstimatorError(f"{what} is {show(values)}; a dict is expected, such as {example}.")
    return [(printable(str(name)), value) for name, value in values.items()]


def _plain(value: Any, what: str, depth: int = 0) -> Any:
    """Turn a value into what JSON holds."""
    if depth > DEEPEST:
        raise EstimatorError(
            f"{what.partition('[')[0]} is nested more than {DEEPEST} levels deep. Give it as text."
        )
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, np.generic):
        value = float(value) if isinstance(value, np.longdouble) else value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float):
        return value if isfinite(value) else str(value)  # JSON knows neither NaN nor infinity
    if isinstance(value, str):
        return printable(str(value))
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, PurePath | UUID | Decimal | timedelta | np.dtype):
        return str(value)
    if isinstance(value, Mapping):
        return {
            printable(str(key)): _plain(each, f"{what}[{key!r}]", depth + 1)
            for key, each in value.items()
        }
    if isinstance(value, Set):
        value = sorted(value, key=repr)
    if isinstance(value, np.ndarray | pd.Series | pd.Index):
        value = value.tolist()
    if isinstance(value, list | tuple | range):
        return [_plain(each, f"{what}[{place}]", depth + 1) for place, each in enumerate(value)]
    if hasattr(value, "get_params") and not isinstance(value, type):  # an estimator of a search
        return printable(in_one_line(value))
    shown = " ".join(show(value).split())
    raise EstimatorError(
        f"{what} is {shown}, which JSON cannot hold. Give a number, a text, or a list or dict of "
        "these; a function by its name."
    )


def in_one_line(value: Any) -> str:
    """Write an estimator or a parameter in a line, and NumPy's numbers as any others.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> in_one_line(Ridge(alpha=np.float64(2.5)))
    'Ridge(alpha=2.5)'
    """
    with np.printoptions(legacy="1.25"):  # newer NumPy writes np.float64(2.5)
        return " ".join(repr(value).split())
