"""What is said of a version beside its estimator, and what is refused before it is written."""

from collections import OrderedDict
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from service.contract.errors import ApiUnreachableError, EstimatorError
from service.contract.model.manifest import Manifest
from service.lab import Lab
from tests.support.models import iris

NESTED: list[Any] = []
NESTED.append(NESTED)


class Size(Enum):
    LARGE = 3


def lab_at(folder: Path) -> Lab:
    return Lab(api_url="http://127.0.0.1:9", models_dir=folder / "models", logs_dir=folder)


def written(folder: Path, **more: Any) -> Manifest:
    """Publish where there is no API, and return what was written."""
    lab = lab_at(folder)
    given = {"estimator": iris().estimator, "X": iris().X, "y": iris().y, **more}
    with pytest.raises(ApiUnreachableError, match="version 1 is written"):
        lab.publish("m", **given)
    versions = lab.versions("m")
    assert len(versions) == 1 and "problem" not in versions
    assert lab.models()["live"].tolist() == [1]
    return lab._store.manifest("m", 1)


@pytest.mark.parametrize(
    "metrics",
    [{"auc": 0.5}, {"auc": np.float32(0.5)}, {"auc": np.array(0.5)}, {"auc": Decimal("0.5")},
     pd.Series({"auc": 0.5})],
)  # fmt: skip
def test_metrics_are_numbers(tmp_path: Path, metrics: Any) -> None:
    assert written(tmp_path, metrics=metrics).metrics == {"auc": 0.5}


PLAIN: list[tuple[Any, Any]] = [
    (np.int64(3), 3),
    (np.float64(0.1), 0.1),
    (np.bool_(True), True),
    (np.arange(3), [0, 1, 2]),
    (range(3), [0, 1, 2]),
    ({2, 1}, [1, 2]),
    ((1, "a"), [1, "a"]),
    (pd.Series([1.5]), [1.5]),
    (OrderedDict(a=np.int8(1)), {"a": 1}),
    ({1: {None: 2}}, {"1": {"None": 2}}),
    (Path("data/iris.csv"), "data/iris.csv"),
    (date(2026, 5, 1), "2026-05-01"),
    (pd.Timestamp("2026-05-01 12:00", tz="UTC"), "2026-05-01T12:00:00+00:00"),
    (np.datetime64("2026-05-01"), "2026-05-01"),
    (timedelta(days=1), "1 day, 0:00:00"),
    (np.dtype("float32"), "float32"),
    (Size.LARGE, 3),
    (float("nan"), "nan"),
    (np.inf, "inf"),
    (pd.NA, None),
    (Ridge(alpha=2.0), "Ridge(alpha=2.0)"),
    (10**30, 10**30),
]


def test_parameters_become_plain_json(tmp_path: Path) -> None:
    parameters = {f"p{number}": given for number, (given, _) in enumerate(PLAIN)}
    expected = {f"p{number}": plain for number, (_, plain) in enumerate(PLAIN)}
    assert written(tmp_path, parameters=parameters).parameters == expected


@pytest.mark.parametrize(
    "names",
    [np.array(list("abc")), pd.Series(list("abc")), tuple("abc"), {2: "c", 0: "a", 1: "b"}],
)
def test_class_names_have_any_shape(tmp_path: Path, names: Any) -> None:
    assert written(tmp_path, class_names=names).class_names == {"0": "a", "1": "b", "2": "c"}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"metrics": {"auc": float("nan")}}, "Metric 'auc' is nan, which is no finite number"),
    ({"metrics": {"auc": np.inf}}, "Metric 'auc' is inf"),
    ({"metrics": {"auc": None}}, "Metric 'auc' is None; a number is expected"),
    ({"metrics": {"auc": [0.5]}}, r"Metric 'auc' is \[0.5\]; a number"),
    ({"metrics": {"rows": 5}}, "Metric 'rows' has the name of a column of lab.versions"),
    ({"metrics": [0.5]}, r"metrics is \[0.5\]; a dict is expected"),
    ({"parameters": {"f": lambda x: x}}, "Parameter 'f' is <function .*; a function by its name"),
    ({"parameters": {"f": {"g": [1, Ridge]}}}, r"Parameter 'f'\['g'\]\[1\] is <class .*Ridge'>"),
    ({"parameters": {"f": NESTED}}, "Parameter 'f' is nested more than 20 levels deep"),
    ({"parameters": {"f": b"x"}}, "Parameter 'f' is b'x', which JSON cannot hold"),
    ({"parameters": [1]}, r"parameters is \[1\]; a dict is expected"),
    ({"class_names": "abc"}, "class_names is 'abc'. Pass a list"),
    ({"class_names": ["a", "b", "b"]}, "class_names has 'b' twice"),
    ({"class_names": {0: "a"}}, r"class_names has names for \[0\]"),
    ({"class_names": {"a", "b", "c"}}, "class_names is {"),
    ({"private": 5}, "private is 5; a list of features"),
    ({"y": iris().y.head(9)}, "X has 150 rows, but y has 9"),
    ({"y": iris().X}, r"y has shape \(150, 4\), but RandomForestClassifier predicts \(150,\)"),
    ({"y": 5}, "y is 5. Pass the target"),
    ({"y": iter(iris().y)}, "y is <"),
    ({"y": np.array(5)}, r"y is array\(5\)"),
    ({"y": "abc"}, "y is 'abc'"),
    ({"y": set(iris().y)}, "y is {0, 1, 2}"),
    ({"name": "My Model"}, "'My Model' cannot be used: .*; for one, use 'my-model'"),
    ({"name": "Próximo"}, "for one, use 'proximo'"),
    ({"name": "价格"}, "beginning with a letter or digit.$"),
    ({"name": 5}, "Model name 5 cannot be used"),
]


def with_classes(labels: list[Any]) -> dict[str, Any]:
    y = iris().y.map(dict(enumerate(labels)))
    return {"y": y, "estimator": LogisticRegression(max_iter=1000).fit(iris().X, y)}


class Unshown(LogisticRegression):  # type: ignore[misc]
    def __repr__(self) -> str:
        raise IndexError("no such parameter")


REFUSED += [
    (with_classes([*pd.date_range("2026", periods=3)]), "fit it with y.astype"),
    (with_classes(["a", "b", "\ud800"]), "no file of text can hold"),
    (
        {"estimator": Unshown(max_iter=1000).fit(iris().X, iris().y)},
        "trusted_types",
    ),
]


@pytest.mark.parametrize("more, words", REFUSED, ids=[words[:40] for _, words in REFUSED])
def test_refusals_name_the_value(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    given = {"name": "m", "estimator": iris().estimator, "X": iris().X, "y": iris().y, **more}
    with pytest.raises(EstimatorError, match=words):
        lab_at(tmp_path).publish(**given)
    assert [*tmp_path.rglob("*")] in ([], [tmp_path / "models"])


def test_an_unreadable_manifest_is_a_problem(tmp_path: Path) -> None:
    written(tmp_path, metrics={"auc": 0.5})
    lab = lab_at(tmp_path)
    with pytest.raises(ApiUnreachableError):
        lab.publish("m", iris().estimator, iris().X, iris().y)
    file = tmp_path / "models" / "m" / "1" / "manifest.json"
    text = file.read_text()
    for broken in (text.replace("0.5", "null"), "[" * 10_000, "", "[]"):
        file.write_text(broken)
        versions = lab.versions("m")
        assert "m/1/manifest.json cannot be read" in versions.loc[1, "problem"]
        assert versions.loc[2, "rows"] == 150
        assert lab.models().loc["m", "live"] == 2
