"""A model with thousands of features is logged and read like any other, and delays no other."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.lab.log.forged import NOTE, forge, heard
from tests.support.log_lines import ids_of, line, read, sql, written

MANY = 300


def wide(rows: int = 1, **more: Any) -> bytes:
    inputs = {f"f{n}": [n + row / 4 for row in range(rows)] for n in range(MANY)}
    return line(rows, **({"inputs": inputs | more.pop("inputs", {})} | more))


def test_each_feature_has_a_column(tmp_path: Path) -> None:
    one, three = wide(), wide(3)
    written(tmp_path, one, three)
    table = read(tmp_path)
    assert table["prediction_id"].tolist() == ids_of(one) + ids_of(three)
    assert [*table.columns[-MANY:]] == [f"f{n}" for n in range(MANY)]
    assert table["f7"].tolist() == [7.0, 7.0, 7.25, 7.5]
    assert table["f7"].dtype == float
    assert table["batch"].tolist() == [1, 3, 3, 3]


VALUES: list[tuple[list[Any], str]] = [
    ([1.5, None], "float64"),
    ([1, 2], "int64"),
    ([1, 2.5], "float64"),
    ([1, None], "Int64"),
    ([True, False], "bool"),
    ([True, None], "boolean"),
    (["a", "b"], "str"),
    ([None, "ü"], "str"),
    ([None, None], "boolean"),
    ([5, 2**63], "uint64"),
    ([-5, 2**53 + 1], "int64"),
    ([-5, 2**63], "float64"),
    ([0.1 + 0.2, 5e-324], "float64"),
]


@pytest.mark.parametrize("values, dtype", VALUES, ids=[str(v) for v, _ in VALUES])
def test_values_and_types_are_kept(tmp_path: Path, values: Any, dtype: str) -> None:
    """Hold what a model with few features gives, too."""
    written(tmp_path, *(wide(inputs={"x": [value]}) for value in values))
    few = tmp_path / "few"
    few.mkdir()
    written(few, *(line(inputs={"x": [value]}) for value in values))
    for table in (read(tmp_path), read(few)):
        assert str(table["x"].dtype) == dtype
        assert [None if pd.isna(value) else value for value in table["x"]] == values


def test_taken_names_get_a_prefix(tmp_path: Path) -> None:
    taken = {"time": [1.0], "Inputs": [2.0], "proba_small": [3.0], "F7": [4.0], "a.b": [5.0]}
    written(tmp_path, wide(inputs=taken), line(model="few", inputs={"inputs": [6.0]}))
    table = read(tmp_path)
    names = ["input.time", "input.Inputs", "input.proba_small", "input.F7", "a.b"]
    assert table[names].iloc[0].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert read(tmp_path, "few")["input.inputs"].tolist() == [6.0]


def test_sql_has_one_column_for_them(tmp_path: Path) -> None:
    written(tmp_path, wide(2), line(model="few", inputs={"size": [2.5]}))
    table = sql(tmp_path, "SELECT * FROM predictions ORDER BY model")
    assert table["size"].dropna().tolist() == [2.5]
    assert len(table.columns) < 20
    query = """SELECT avg((inputs ->> 'f7')::DOUBLE) AS mean FROM predictions
        WHERE model = 'iris'"""
    assert sql(tmp_path, query)["mean"].tolist() == [7.125]


def test_wide_and_narrow_versions_share_columns(tmp_path: Path) -> None:
    narrow: dict[str, Any] = {"inputs": {"f1": [9], "f2": ["two"], "f3": [True], "old": ["x"]}}
    written(tmp_path, line(**narrow), wide(version=2, inputs={"f4": ["four"]}), wide(version=3))
    table = read(tmp_path)
    assert table["version"].tolist() == [1, 2, 3]
    assert table["f1"].tolist() == [9.0, 1.0, 1.0]
    assert table["f2"].tolist() == ["two", "2.0", "2.0"]
    assert table["f4"].isna().tolist() == [True, False, False]
    assert table["f4"].tolist()[1:] == ["four", "4.0"]
    assert table["old"].isna().tolist() == [False, True, True]


def test_damaged_wide_lines_are_named(tmp_path: Path) -> None:
    one, two = wide(), wide(2)
    short = wide(2, inputs={"f9": [1.0]})
    nested = wide(inputs={"f9": [[1.0]]})
    for opened in (False, True):
        folder = tmp_path / str(opened)
        folder.mkdir()
        file = forge(folder, 1, NOTE, one, short, nested, b'{"model":"iris"}', two, opened=opened)
        table, damage = heard(folder, lambda: read(folder))  # noqa: B023
        assert table["prediction_id"].tolist() == ids_of(one) + ids_of(two)
        assert [text.partition(": ")[0] for text in damage] == [
            f"{file}, line {n} is damaged and left out" for n in (3, 4, 5)
        ]
