"""Dates, lengths of time, free text, and values that training did not have."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from service.contract.errors import InputError, SignatureError
from service.contract.signature.feature import Feature
from service.contract.signature.output import Output
from service.contract.signature.signature import Signature

OUTPUT = Output(task="regression")
NAIVE = pd.Series(pd.to_datetime(["2024-02-03T04:05:06", "2024-03-01T00:00:00"]))
ZONED = NAIVE.dt.tz_localize("Europe/Madrid")
LENGTH = pd.Series(pd.to_timedelta(["1h", "3 days"]))


def signature(column: Any, kind: Any = None, **changed: Any) -> Signature:
    feature = Feature.from_column("x", pd.Series(column), kind).model_copy(update=changed)
    return Signature(features=[feature], output=OUTPUT)


@pytest.mark.parametrize(
    "column, given, kept",
    [
        (NAIVE, "2024-02-03", "2024-02-03T00:00:00"),
        (NAIVE, "2024-02-03 04:05", "2024-02-03T04:05:00"),
        (NAIVE, "20240203T040506", "2024-02-03T04:05:06"),
        (NAIVE, "2024-02-03T04:05:06.25", "2024-02-03T04:05:06.250000"),
        (ZONED, "2024-02-03T04:05:06Z", "2024-02-03T04:05:06+00:00"),
        (ZONED, "2024-02-03T04:05:06+01:00", "2024-02-03T03:05:06+00:00"),
        (LENGTH, "P1DT2H", "P1DT2H0M0S"),
        (LENGTH, "PT0.5S", "P0DT0H0M0.5S"),
        (LENGTH, "-P1D", "P-1DT0H0M0S"),
    ],
)
def test_times_are_iso_8601(column: Any, given: str, kept: str) -> None:
    described = signature(column)
    assert described.parse_rows([{"x": given}]) == {"x": [kept]}
    assert described.parse_query([("x", given.replace("+", " "))]) == {"x": [kept]}
    assert described.parse_rows([{"x": kept}]) == {"x": [kept]}
    table = described.table({"x": [kept]})
    assert table["x"].dtype == pd.Series(column).dtype
    assert table["x"][0] == (pd.Timedelta(kept) if kept[0] == "P" else pd.Timestamp(kept))


@pytest.mark.parametrize(
    "column, given, words",
    [
        (NAIVE, "yesterday", "'yesterday', but a date and time"),
        (NAIVE, 1706933106, "a date and time as in ISO 8601"),
        (NAIVE, "2024-02-03T04:05:06Z", "has an offset, but training had none"),
        (ZONED, "2024-02-03T04:05:06", "needs an offset, such as Z"),
        (NAIVE, "2024-02-03T04:05:06.123456789", "finer than a microsecond"),
        (NAIVE.astype("datetime64[ns]"), "1500-01-01", r"outside the range of datetime64\[ns\]"),
        (ZONED, "9999-12-31T23:59:59-10:00", "outside the range"),
        (LENGTH, "5", "a length of time as in ISO 8601"),
        (LENGTH, 5, "a length of time"),
        (LENGTH, "P1Y", "a length of time"),
        (LENGTH.astype("timedelta64[s]"), "PT0.5S", r"finer than timedelta64\[s\]"),
    ],
)
def test_other_times_are_refused(column: Any, given: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"'x' in row 0 .*{words}"):
        signature(column).parse_rows([{"x": given}])


@pytest.mark.parametrize(
    "column, inside, outside",
    [
        (NAIVE, "2024-02-10", "2024-03-01T00:00:00.000001"),
        (ZONED, "2024-02-10T00:00Z", "2023-01-01T00:00Z"),
        (LENGTH, "PT61M", "PT59M"),
    ],
)
def test_times_outside_training_are_marked(column: Any, inside: str, outside: str) -> None:
    described = signature(column)
    columns = described.parse_columns({"x": [inside, outside]})
    assert described.marks(columns) == {"out_of_range:x": [1]}


def test_moments_finer_than_microseconds_are_named() -> None:
    column = pd.Series(pd.to_datetime(["2024-02-03T04:05:06.123456789"]))
    with pytest.raises(SignatureError, match="'x' has moments finer than a microsecond"):
        signature(column)


WORDS = [f"word{n}" for n in range(100)]


@pytest.mark.parametrize(
    "column, kind",
    [
        (WORDS, "text"),
        (WORDS[:20], "category"),
        (WORDS[:21], "text"),
        (WORDS[:50] * 2, "category"),
        (WORDS[:51] * 2, "text" if 51 > 102 // 2 else "category"),
        ([*WORDS[:50], *WORDS[:49]], "text"),
        (["a" * 100] * 9, "category"),
        (["a" * 101] * 9, "text"),
        (pd.Categorical(WORDS), "category"),
        ([f"{n}" for n in range(10_001)] * 2, "text"),
    ],
)
def test_text_that_repeats_is_a_category(column: Any, kind: str) -> None:
    [feature] = signature(column).features
    assert feature.kind == kind
    assert (feature.categories is None) == (kind == "text")


def test_the_user_says_what_text_is() -> None:
    assert signature(WORDS, "category").features[0].categories == sorted(WORDS)
    assert signature(["a", "b"], "text").features[0].kind == "text"
    with pytest.raises(SignatureError, match=r"'x' is 'text', but .* the kind 'number'"):
        signature([1.5, 2.5], "text")
    with pytest.raises(SignatureError, match="'x' is 'number', but"):
        signature(["a"], "number")
    with pytest.raises(SignatureError, match=r"`kinds` names 'y'.*Features: x"):
        Signature.from_table(pd.DataFrame({"x": ["a"]}), OUTPUT, {"y": "text"})


def test_no_text_of_training_is_shown() -> None:
    described = signature(["a secret", "another secret"], "text")
    assert "secret" not in str(described.shown()) + str(described.example({"x": ["a secret"]}))
    with pytest.raises(InputError) as caught:
        described.parse_rows([{"x": 1}])
    assert "secret" not in str(caught.value)


def test_shown_categories_are_bounded() -> None:
    shown = signature([f"c{n:04}" for n in range(3000)], "category").shown()["features"][0]
    assert len(shown["categories"]) == 100
    assert shown["category_count"] == 3000


@pytest.mark.parametrize("value", [1.5, True, "a", 7])
def test_categories_have_any_plain_type(value: Any) -> None:
    described = signature(pd.Categorical([value]))
    assert described.parse_rows([{"x": value}]) == {"x": [value]}
    assert described.parse_query([("x", str(value))]) == {"x": [value]}
    assert described.table({"x": [value]})["x"].dtype == pd.Series(pd.Categorical([value])).dtype


def test_a_tolerated_value_is_marked() -> None:
    tolerant = {"nullable": True, "never_missing": True, "fractional": True}
    described = signature([1, 2, 3], **tolerant)
    columns = described.parse_columns({"x": [1, None, 2.5]})
    assert columns == {"x": [1, None, 2.5]}
    assert described.marks(columns) == {"missing:x": [1], "not_whole:x": [2]}
    expected = pd.DataFrame({"x": [1.0, np.nan, 2.5]})
    pd.testing.assert_frame_equal(described.table(columns), expected)
    whole = described.table(described.parse_columns({"x": [1, 2.0]}))
    pd.testing.assert_frame_equal(whole, pd.DataFrame({"x": [1, 2]}))


def test_a_missing_boolean_makes_objects() -> None:
    described = signature([True, False], nullable=True, never_missing=True)
    table = described.table(described.parse_columns({"x": [True, None]}))
    expected = pd.DataFrame({"x": pd.Series([True, np.nan], dtype=object)})
    pd.testing.assert_frame_equal(table, expected)


def test_positions_stand_for_names() -> None:
    described = Signature.from_table(pd.DataFrame({"a": [1.0], "b": ["x"]}), OUTPUT)
    known = {"a": [2.0, 3.0], "b": ["y", "z"]}
    assert described.parse_rows([[2, "y"], [3, "z"]]) == known
    assert described.parse_columns([[2, 3], ["y", "z"]]) == known
    with pytest.raises(InputError, match=r"Row 0 has length 3, but .* 2 features.*a \(number"):
        described.parse_rows([[1, "y", 2]])
    with pytest.raises(InputError, match="`columns` has length 1, but the model has 2"):
        described.parse_columns([[1]])
    with pytest.raises(InputError, match="Row 1 is no list"):
        described.parse_rows([[1, "y"], {"a": 1, "b": "y"}])


def test_names_stand_for_positions() -> None:
    described = Signature.from_table(np.array([[1.0, 2.0], [3.0, 4.0]]), OUTPUT)
    assert described.parse_rows([{"width": 1, "height": 2}]) == {"x0": [1.0], "x1": [2.0]}
    assert described.parse_columns({"w": [1], "h": [2]}) == {"x0": [1.0], "x1": [2.0]}
    with pytest.raises(InputError, match="'y1' in row 0 is not known"):
        described.parse_rows([{"x0": 1, "y1": 2}])
    with pytest.raises(InputError, match="'x1' in row 0 is missing"):
        described.parse_rows([{"x0": 1}])
