"""A table read by arrays is what the same values are in a request, and is refused for the same."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from service.contract.json_columns import as_columns
from service.contract.signature.feature import Feature
from service.contract.signature.frame import read_frame, take
from service.contract.signature.output import Output
from service.contract.signature.signature import Signature

TIMES = pd.to_datetime(pd.Series(["2024-02-03 04:05:06", "1999-12-31 00:00:00", None]))
TRAINING: dict[str, Any] = {
    "number": pd.Series([0.5, 2.0, 3.5]),
    "number that may be missing": pd.Series([0.5, None, 3.5]),
    "single precision": pd.Series([0.5, 2.0, 3.5], dtype="float32"),
    "integer": pd.Series([1, 2, 3]),
    "small integer": pd.Series([1, 2, 3], dtype="int8"),
    "integer that may be missing": pd.array([1, None, 3], dtype="Int64"),
    "large integer": pd.Series([1, 2, 2**63 + 1], dtype="uint64"),
    "boolean": pd.Series([True, False, True]),
    "category": pd.Series(["a", "b", "a"]),
    "category of integers": pd.Series([1, 2, 1], dtype="category"),
    "moment": TIMES,
    "moment in a zone": TIMES.dt.tz_localize("Europe/Madrid"),
    "length of time": pd.to_timedelta(pd.Series(["3s", None, "2D"])),
}
ODD = [1, 1.0, True, "1", 0, -0.0, 2.5, np.nan, None, pd.NA, np.inf, "", "a", "ü", "\ud800"]
ODD += [2**53 + 1, 2**64, -(2**63), 1e39, np.float32(0.1), np.int8(3), np.bool_(True), b"a"]
ODD += [pd.Timestamp("2024-02-03"), pd.Timestamp("2024-02-03", tz="UTC"), pd.Timedelta("1s")]
GIVEN: dict[str, Any] = {
    "odd objects": pd.Series(ODD, dtype=object),
    "floats": pd.Series([1.0, -0.0, 2.5, np.nan, np.inf, -np.inf, 1e39, 2.0**53]),
    "halves": pd.Series([1.0, np.nan, 65504.0], dtype="float16"),
    "integers": pd.Series([1, 2, 300, -1, 2**53 + 1]),
    "unsigned integers": pd.Series([1, 2**63 + 1], dtype="uint64"),
    "nullable integers": pd.Series([1, None, 2**53 + 1], dtype="Int64"),
    "nullable floats": pd.Series([1.5, None], dtype="Float64"),
    "booleans": pd.Series([True, False]),
    "nullable booleans": pd.Series([True, None], dtype="boolean"),
    "texts": pd.Series(["a", "b", None, "1", "2024-02-03T00:00:00", "PT1S", "a"]),
    "categories": pd.Series(["a", "zebra", None], dtype="category"),
    "categories of integers": pd.Series([1, 7, None], dtype="category"),
    "moments": TIMES,
    "moments in a zone": TIMES.dt.tz_localize("UTC"),
    "lengths of time": pd.to_timedelta(pd.Series(["3s", None, "1ns"])),
    "nothing": pd.Series([None, None], dtype=object),
    "no rows": pd.Series([], dtype="float64"),
}


def plain(values: Any) -> list[tuple[type, str]]:
    """Tell values apart by type, too; an array's NaN would be one, where it may not be."""
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    return [(type(value), repr(value)) for value in listed]


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("training", TRAINING)
def test_it_reads_as_requests_are_read(training: str, given: str) -> None:
    feature = Feature.from_column("x", pd.Series(TRAINING[training]))
    signature = Signature(features=[feature], output=Output(task="regression"))
    frame = pd.DataFrame({"x": GIVEN[given]})
    values, problems = feature.parse(as_columns(frame)["x"])
    columns, refused = read_frame(signature, frame)
    assert refused == {each["row"]: f"Feature 'x' {each['problem']}." for each in problems}
    rows = [row for row in range(len(frame)) if row not in refused]
    assert plain(take(columns, rows)["x"]) == plain([values[row] for row in rows])


def test_each_feature_is_named() -> None:
    table = pd.DataFrame({"size": [1.0, 2.0], "colour": ["red", "blue"]})
    signature = Signature.from_table(table, Output(task="regression"))
    wrong = pd.DataFrame({"size": [np.inf, 1.0], "colour": [7, "red"]})
    _, refused = read_frame(signature, wrong)
    assert [*refused] == [0]
    assert refused[0].startswith("Feature 'size' is not a finite number; send null")
    assert "Feature 'colour' is 7, but a category such as" in refused[0]
