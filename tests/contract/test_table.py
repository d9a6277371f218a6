"""Rows come in the forms in which people hold them, and none is misread."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from service.contract.errors import SignatureError
from service.contract.json_columns import as_columns
from service.contract.signature.output import Output
from service.contract.signature.signature import Signature
from service.contract.table import Table

OUTPUT = Output(task="regression")
TEXTS = ["a prize", "see you"]
MIXED = np.array([[1.5, 2, "a"], [2.5, 3, "b"]], dtype=object)
NAMED = pd.DataFrame({"size": [1.5, 2.5], "count": [1, 2], "colour": ["red", "blue"]})

FORMS: list[tuple[Any, str, list[str]]] = [
    (NAMED, "frame", ["number", "integer", "category"]),
    (NAMED.set_index(pd.Index([7, 9])), "frame", ["number", "integer", "category"]),
    (pd.DataFrame(np.ones((2, 2))), "frame", ["number", "number"]),
    (pd.DataFrame(np.ones((2, 2)), columns=[7, 3]), "frame", ["number", "number"]),
    (np.ones((2, 3), dtype="float32"), "array", ["number"] * 3),
    (np.array([[1, 2], [3, 4]]), "array", ["integer"] * 2),
    (np.array([[True], [False]]), "array", ["boolean"]),
    ([[1.5, 2], [2.5, 3]], "array", ["number"] * 2),
    (MIXED, "objects", ["number", "integer", "category"]),
    (MIXED.tolist(), "objects", ["number", "integer", "category"]),
    (np.array([["a", "b"], ["b", "a"]]), "objects", ["category"] * 2),
    (pd.Series(TEXTS, name="message"), "series", ["text"]),
    (np.array(TEXTS), "vector", ["text"]),
    (np.array(TEXTS, dtype=object), "vector", ["text"]),
    (TEXTS, "list", ["text"]),
    ([{"a": 1.5, "b": "x"}, {"a": 2.5, "b": "y"}], "dicts", ["number", "category"]),
]


@pytest.mark.parametrize("X, form, kinds", FORMS)
def test_each_form_is_restored(X: Any, form: str, kinds: list[str]) -> None:
    table = Table.of(X)
    signature = Signature.from_table(X, OUTPUT)
    assert table.form == signature.container == form
    assert [feature.kind for feature in signature.features] == kinds
    stored = Signature.model_validate_json(signature.model_dump_json())
    back = stored.table(stored.parse_columns(as_columns(table.frame)))
    if form == "frame":
        pd.testing.assert_frame_equal(back, X.reset_index(drop=True), check_column_type=False)
    elif form == "series":
        pd.testing.assert_series_equal(back, X)
    elif isinstance(X, np.ndarray):
        assert isinstance(back, np.ndarray) and back.tolist() == X.tolist()
        assert back.dtype == X.dtype or X.dtype.kind == "U"
    else:
        assert np.asarray(back).tolist() == np.asarray(X, dtype=object).tolist()


def test_absent_keys_stay_absent() -> None:
    X = [{"zone": "a", "size": 1.5}, {"size": 2.5}]
    signature = Signature.from_table(X, OUTPUT)
    assert signature.table(signature.parse_columns(as_columns(Table.of(X).frame))) == X
    assert signature.table(signature.parse_rows([{"size": 3}])) == [{"size": 3.0}]
    assert signature.table(signature.parse_query([("size", "3")])) == [{"size": 3.0}]


PANDAS: list[tuple[str, Any]] = [
    ("Int64", [1, None, 2**62]),
    ("UInt64", [1, None, 2**64 - 1]),
    ("uint64", [1, 2**64 - 1]),
    ("Float64", [1.5, None]),
    ("float32", [1.5, None]),
    ("boolean", [True, None]),
    ("string", ["a", None]),
    ("str", ["a", None]),
    ("category", ["a", None]),
    ("object", ["a", None]),
    ("object", [1, None]),
    ("object", [1.5, 2.0]),
    ("object", [True, None]),
    ("datetime64[s]", ["2024-02-03", None]),
    ("datetime64[ns]", ["2024-02-03T04:05:06.7", None]),
    ("datetime64[us, America/Bogota]", ["2024-02-03", None]),
    ("timedelta64[ns]", ["1 days 2 hours", None]),
    ("timedelta64[s]", ["-3 days", None]),
]


@pytest.mark.parametrize("dtype, values", PANDAS)
def test_each_dtype_of_pandas_survives(dtype: str, values: Any) -> None:
    X = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})
    signature = Signature.from_table(X, OUTPUT)
    stored = Signature.model_validate_json(signature.model_dump_json())
    back = stored.table(stored.parse_columns(as_columns(X)))
    pd.testing.assert_frame_equal(back, X)
    assert [type(value) for value in back["x"]] == [type(value) for value in X["x"]]


def test_sparse_columns_become_dense() -> None:
    X = pd.DataFrame({"x": pd.arrays.SparseArray([0, 1, 0])})
    assert str(Table.of(X).frame["x"].dtype) == "int64"


def test_tables_of_polars_are_read() -> None:
    made = pl.DataFrame(
        {"size": [1.5, None], "count": [1, 2], "colour": ["red", None], "new": [True, False]}
    ).with_columns(
        small=pl.col("size").cast(pl.Float32),
        when=pl.datetime(2024, 2, 3, time_zone="America/Bogota"),
        took=pl.duration(minutes=5),
    )
    for given in (made, made.lazy()):
        frame = Table.of(given).frame
        assert frame["size"].isna().tolist() == [False, True]
        assert frame["small"].dtype == np.float32
        signature = Signature.from_table(given, OUTPUT)
        kinds = ["number", "integer", "category", "boolean", "number", "datetime", "timedelta"]
        assert [feature.kind for feature in signature.features] == kinds
        columns = as_columns(frame)
        assert columns["colour"] == ["red", None]
        assert columns["when"] == ["2024-02-03T05:00:00+00:00"] * 2
        assert columns["took"] == ["P0DT0H5M0S"] * 2


@pytest.mark.parametrize(
    "X, words",
    [
        (csr_matrix(np.eye(2)), "sparse csr_matrix of shape.*into the pipeline"),
        ([1.5, 2.5], "list of single values.*a list of rows"),
        (np.array([1.5, 2.5]), r"not ndarray of shape \(2,\)"),
        (np.ones((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (pd.Series([1.5, 2.5]), "Series of float64.*to_frame"),
        ([[1, 2], [3]], r"different lengths: \[1, 2\]"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' is there twice"),
        (pd.DataFrame([[1, 2]], columns=["a", 1]), "1 is not text"),
        (pd.DataFrame([[1]], columns=[""]), "'' is not text"),
        (pd.DataFrame([[1]], columns=[("a", "b")]), "not text.*'_'.join"),
        ([{1.5: 2}], "Key 1.5 is not text"),
        ([{"": 2}], "Key '' is not text"),
        (pd.DataFrame([[1]], columns=["a\0"]), "no file of text can hold"),
        (pd.DataFrame([[1]], columns=["\ud800"]), "no file of text can hold"),
        ([], "X has no rows"),
        ((np.ones((2, 2)), np.ones(2)), "makes no table"),
        (np.ones(3), r"X.reshape\(1, -1\)"),
        ((n for n in [1]), r"list\(X\)"),
        ({"a": [1]}, r"pd.DataFrame\(X\)"),
        (pl.DataFrame({"a": [{"b": 1}]}), "Column 'a' is Struct.*unnest"),
        ([[[1], [2]], [[3], [4]]], r"shape \(2, 2, 1\)"),
        ("a text", "not str"),
        (None, "not NoneType"),
    ],
)
def test_what_is_no_table_is_refused(X: Any, words: str) -> None:
    with pytest.raises(SignatureError, match=words):
        Table.of(X)
