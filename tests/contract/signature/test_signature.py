"""A signature is read from the training table, and gives requests their types."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from service.contract.errors import InputError, SignatureError
from service.contract.json_columns import as_columns
from service.contract.signature.output import Output
from service.contract.signature.signature import Signature
from service.contract.table import Table
from tests.support.models import iris, penguins

OUTPUT = Output(task="regression")


def signature(**columns: Any) -> Signature:
    return Signature.from_table(pd.DataFrame(columns), OUTPUT)


COLUMNS: list[tuple[Any, str, bool]] = [
    ([1.5, 2.0], "number", False),
    ([1.5, None], "number", True),
    (np.array([1.5, 2.0], dtype="float32"), "number", False),
    (pd.array([1.5, None], dtype="Float64"), "number", True),
    ([1, 2], "integer", False),
    (np.array([1, 2], dtype="uint8"), "integer", False),
    (pd.array([1, None], dtype="Int64"), "integer", True),
    ([True, False], "boolean", False),
    (pd.array([True, None], dtype="boolean"), "boolean", True),
    (pd.Series([True, np.nan], dtype=object), "boolean", True),
    (["a", "b"], "category", False),
    (["a", None], "category", True),
    (pd.Series(["a", np.nan], dtype=object), "category", True),
    (pd.Categorical(["b", "a"]), "category", False),
    (pd.Categorical([2, 1]), "category", False),
]


@pytest.mark.parametrize("values, kind, nullable", COLUMNS)
def test_a_column_survives_json(values: Any, kind: str, nullable: bool) -> None:
    table = pd.DataFrame({"x": values})
    described = Signature.from_table(table, OUTPUT)
    feature = described.features[0]
    assert (feature.kind, feature.nullable) == (kind, nullable)
    stored = Signature.model_validate_json(described.model_dump_json())
    back = stored.table(stored.parse_columns(as_columns(table)))
    pd.testing.assert_frame_equal(back, table, check_categorical=False)


@pytest.mark.parametrize("trained", [iris, penguins])
def test_a_data_set_survives_json(trained: Any) -> None:
    X = trained().X
    described = Signature.from_table(X, OUTPUT)
    back = described.table(described.parse_columns(as_columns(X)))
    pd.testing.assert_frame_equal(back, X)


def test_ranges_come_from_all_rows() -> None:
    described = signature(size=[3.0, None, 1.0] * 100 + [99.0], kind=["a", "b", "c"] * 100 + ["z"])
    size, kind = described.features
    assert (size.minimum, size.maximum) == (1.0, 99.0)
    assert kind.categories == ["a", "b", "c", "z"]


@pytest.mark.parametrize(
    "values, words",
    [
        ([1, "a"], "holds int, str"),
        ([None, None], "no value at all"),
        ([[1], [2]], "holds list"),
        (pd.Series([pd.Timestamp(0), pd.Timestamp(1)], dtype=object), "holds Timestamp"),
        ([1.0, np.inf], "infinite value"),
        ([1 + 2j, 3j], "complex"),
    ],
)
def test_an_unusable_column_is_named(values: Any, words: str) -> None:
    with pytest.raises(SignatureError, match=f"Feature 'x'.*{words}"):
        signature(x=values)


@pytest.mark.parametrize(
    "column, value, words",
    [
        ([1, 2], 1.5, "1.5, but a whole number"),
        ([1, 2], 2**70, "outside the range of int64"),
        (np.array([1, 2], dtype="uint8"), 256, "outside the range of uint8"),
        ([1, 2], float("nan"), "a whole number"),
        ([1, 2], True, "an integer is expected"),
        ([True, False], 2, "true or false is expected"),
        ([True, False], "yes", "true or false is expected"),
        (["a", "b"], 1, "a category such as 'a' is expected"),
        (pd.Categorical([1, 2]), "1", "a category such as 1 is expected"),
        ([1.0, 2.0], {}, "a number is expected"),
    ],
)
def test_values_of_another_kind_are_refused(column: Any, value: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"'x' in row 0 .*{words}"):
        signature(x=column).parse_rows([{"x": value}])


def test_whole_floats_are_integers() -> None:
    assert signature(x=[1, 2]).parse_rows([{"x": 2.0}]) == {"x": [2]}


@pytest.mark.parametrize(
    "column, text, value",
    [
        ([1.0, 2.0], "1e3", 1000.0),
        ([1, 2], "7", 7),
        ([True, False], "True", True),
        ([True, False], "false", False),
        (pd.Categorical([1, 2]), "2", 2),
        (["a", None], "b", "b"),
    ],
)
def test_a_url_carries_each_kind(column: Any, text: str, value: Any) -> None:
    assert signature(x=column).parse_query([("x", text)]) == {"x": [value]}


def test_empty_query_values_are_missing() -> None:
    assert signature(x=["a", None]).parse_query([("x", "")]) == {"x": [None]}


def test_marks_name_unseen_values() -> None:
    described = signature(size=[1.0, 2.0, None], kind=["a", "b", None])
    table = described.parse_columns({"size": [1.5, 9.0, None], "kind": ["z", "a", None]})
    assert described.marks(table) == {"out_of_range:size": [1], "unseen:kind": [0]}


def test_many_problems_are_summed_up() -> None:
    with pytest.raises(InputError, match=r"And 97 more\.") as caught:
        signature(x=[1.0]).parse_columns({"x": ["a"] * 100})
    assert len(caught.value.details) == 20


def test_an_array_stays_an_array() -> None:
    X = np.array([[1.0, 2.0], [3.0, 4.0]])
    described = Signature.from_table(X, OUTPUT)
    assert described.names == ["x0", "x1"]
    again = described.table(described.parse_columns(as_columns(Table.of(X).frame)))
    assert np.array_equal(again, X)
