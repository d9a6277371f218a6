"""Times in the log: datetimes and lengths of time are columns of their own types."""

from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest

from tests.lab.log.forged import NOTE, forge, heard
from tests.support.log_lines import ids_of, line, read, sql, written

KINDS = {"datetime": ["start"], "datetime_utc": ["seen"], "timedelta": ["gap"]}
FIRST: dict[str, list[Any]] = {
    "start": ["2024-02-03T04:05:06", None],
    "seen": ["2024-02-03T04:05:06.000001+00:00", "1999-12-31T23:59:59+00:00"],
    "gap": ["P1DT2H3M4.5S", None],
    "size": [1.5, 2.5],
}
SECOND: dict[str, list[Any]] = {
    "start": ["1500-01-01T00:00:00.123456789"],
    "seen": [None],
    "gap": ["P-1DT23H59M59.999999S"],
    "size": [3.5],
}


def timed(kinds: dict[str, list[str]] = KINDS, **more: Any) -> bytes:
    """Return a line with kinds, which stand before its time."""
    fields = orjson.loads(line(**more))
    head = {name: fields[name] for name in ("model", "version", "digest")}
    return orjson.dumps(head | {"kinds": kinds} | fields)


def lines() -> list[bytes]:
    return [timed(rows=2, inputs=FIRST), timed(inputs=SECOND), line(model="other")]


START = [pd.Timestamp("2024-02-03 04:05:06"), pd.NaT, pd.Timestamp("1500-01-01 00:00:00.123456")]
SEEN = ["2024-02-03 04:05:06.000001+00:00", "1999-12-31 23:59:59+00:00", None]
GAP = [pd.Timedelta("1D") + pd.Timedelta("2:03:04.5"), pd.NaT, pd.Timedelta(-1, "us")]


@pytest.mark.parametrize("sealed", [True, False])
def test_times_have_their_own_types(tmp_path: Path, sealed: bool) -> None:
    forge(tmp_path, 1, NOTE, *lines(), opened=not sealed)
    table = read(tmp_path)
    kinds = ["datetime64[us]", "datetime64[us, UTC]", "timedelta64[us]", "float64"]
    assert [str(table[name].dtype) for name in FIRST] == kinds
    assert table["start"].equals(pd.Series(START, dtype="datetime64[us]", name="start"))
    assert table["seen"].equals(pd.Series(pd.to_datetime(SEEN, format="ISO8601"), name="seen"))
    assert table["gap"].equals(pd.Series(GAP, dtype="timedelta64[us]", name="gap"))


def test_sql_computes_with_times(tmp_path: Path) -> None:
    written(tmp_path, *lines())
    query = """SELECT start + gap AS "end", year(seen) AS year FROM predictions
        WHERE model = 'iris' ORDER BY size"""
    table = sql(tmp_path, query)
    assert table["end"][0] == pd.Timestamp("2024-02-04 06:08:10.5")
    assert table["year"].tolist()[:2] == [2024, 1999]


def test_datetimes_alone_are_read_at_once(tmp_path: Path) -> None:
    inputs = {"time": ["2024-02-03T04:05:06"], 'a,"time":': ["2024-02-03T04:05:06"]}
    kinds = {"datetime": [*inputs]}
    written(tmp_path, *(timed(kinds, inputs=inputs) for _ in range(3)))
    table = read(tmp_path)
    assert [*table["input.time"]] == [*table['a,"time":']] == [START[0]] * 3


@pytest.mark.parametrize(
    "other, text",
    [
        ([{"start": ["soon"]}], "soon"),
        ([{"start": [7]}], "7"),
        ([{"start": [1.5]}], "1.5"),
        ([{"start": [True]}], "true"),
        ([{"start": ["2024-02-03T04:05:06+00:00"]}, "datetime_utc"], "2024-02-03T04:05:06+00:00"),
        ([{"start": ["P1D"]}, "timedelta"], "PT86400.000000S"),
    ],
)
def test_versions_of_other_types_are_text(tmp_path: Path, other: Any, text: str) -> None:
    inputs, *kind = other
    first = lines()
    second = timed({kind[0]: ["start"]}, inputs=inputs) if kind else line(inputs=inputs)
    second = second.replace(b'"version":1', b'"version":2')
    written(tmp_path, *first, second)
    table = read(tmp_path)
    assert table["start"].tolist()[0] == "2024-02-03T04:05:06"
    assert table["start"].tolist()[-1] == text
    assert table["gap"].tolist()[0] == GAP[0]
    assert read(tmp_path, version=1)["start"].dtype == "datetime64[us]"
    assert len(sql(tmp_path, "SELECT * FROM predictions")) == 5


def test_wide_requests_may_have_times(tmp_path: Path) -> None:
    many = {f"f{n}": [n, n] for n in range(300)}
    written(tmp_path, timed(rows=2, inputs=many | FIRST), *lines())
    table = read(tmp_path)
    assert table["start"].tolist()[:1] == table["start"].tolist()[2:3] == START[:1]
    assert table["gap"].tolist()[0] == GAP[0]
    assert table["f7"].tolist()[:2] == [7, 7]
    assert str(table["seen"].dtype) == "datetime64[us, UTC]"


WRONG: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"datetime": ["start"]}, {"start": ["2024-02-30T04:05:06"]}),
    ({"datetime": ["start"]}, {"start": ["2024-02-03"]}),
    ({"datetime": ["start"]}, {"start": ["2024-02-03T04:05:06+00:00"]}),
    ({"datetime": ["start"]}, {"start": ["epoch"]}),
    ({"datetime": ["start"]}, {"start": ["infinity"]}),
    ({"datetime": ["start"]}, {"start": [7]}),
    ({"datetime": ["start"]}, {"start": [True]}),
    ({"datetime": ["start"]}, {"size": [1.5]}),
    ({"datetime": ["start", "start"]}, {"start": ["2024-02-03T04:05:06"]}),
    ({"datetime": ["start"], "timedelta": ["start"]}, {"start": [None]}),
    ({"date": ["start"]}, {"start": ["2024-02-03"]}),
    ({"datetime": "start"}, {"start": ["2024-02-03T04:05:06"]}),
    ({"datetime": [["start"]]}, {"start": ["2024-02-03T04:05:06"]}),
    ({"datetime_utc": ["seen"]}, {"seen": ["2024-02-03T04:05:06"]}),
    ({"datetime_utc": ["seen"]}, {"seen": ["2024-02-03T04:05:06+99:00"]}),
    ({"timedelta": ["gap"]}, {"gap": ["4.5 s"]}),
    ({"timedelta": ["gap"]}, {"gap": ["P"]}),
    ({"timedelta": ["gap"]}, {"gap": ["P999999999D"]}),
    ({"timedelta": ["gap"]}, {"gap": ["P1Y"]}),
    ({"timedelta": ["gap"]}, {"gap": [4.5]}),
    ({"timedelta": ["x'; DROP TABLE"]}, {"gap": ["P1D"]}),
]


@pytest.mark.slow
@pytest.mark.parametrize("kinds, inputs", WRONG, ids=[str(each) for each in WRONG])
@pytest.mark.parametrize("opened", [True, False])
def test_forged_times_damage_their_line(
    tmp_path: Path, kinds: Any, inputs: Any, opened: bool
) -> None:
    good = [timed(rows=2, inputs=FIRST) for _ in range(2)]
    bad = timed(kinds, inputs=inputs)
    file = forge(tmp_path, 1, NOTE, good[0], bad, good[1], opened=opened)
    table, damage = heard(tmp_path, lambda: read(tmp_path))
    assert [*table["prediction_id"]] == [each for text in good for each in ids_of(text)]
    assert table["start"].dtype == "datetime64[us]"
    assert [text.partition(": ")[0] for text in damage] == [
        f"{file}, line 3 is damaged and left out"
    ]


ALIKE = ["2024-15-03T04:05:06", "2024-02-03T04:65:06", "20240203T04:05:06", "-024-02-03T04:05:06"]


@pytest.mark.parametrize("value", ALIKE)
def test_lookalike_times_damage_their_line(tmp_path: Path, value: str) -> None:
    """Hold that a time is checked even where lines differ in digits alone."""
    kinds = {"datetime": ["start"]}
    good = [timed(kinds, inputs={"start": ["2024-02-03T04:05:06"]}) for _ in range(3)]
    bad = timed(kinds, inputs={"start": [value]})
    file = forge(tmp_path, 1, NOTE, *good[:2], bad, good[2])
    table, damage = heard(tmp_path, lambda: read(tmp_path))
    assert [*table["prediction_id"]] == [each for text in good for each in ids_of(text)]
    assert damage[0].startswith(f"{file}, line 4 is damaged and left out")
