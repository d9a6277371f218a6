"""The log reads as a table."""

from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
import pytest

from service.api.log.ids import prediction_ids
from service.contract.errors import NotFoundError
from service.contract.log.line import finish_line
from service.contract.log.segment import (
    FOLDER,
    TORN,
    sealed_name,
)
from service.lab import Lab
from tests.support.log_lines import (
    ids_of,
    line,
    open_log,
    read,
    sql,
    written,
)


def test_the_log_is_a_typed_table(tmp_path: Path) -> None:
    marked: dict[str, Any] = {"predictions": ["large"], "marks": {"unseen:colour": [0]}}
    written(tmp_path, line(), line(model="other"), line(**marked))
    table = read(tmp_path)
    assert len(table) == 2
    assert [*table.columns] == [
        "prediction_id",
        "time",
        "model",
        "version",
        "prediction",
        "proba_small",
        "proba_large",
        "truth",
        "latency",
        "batch",
        "client",
        "marks",
        "image",
        "size",
    ]
    assert table["time"][0] == pd.Timestamp("2026-05-01 12:00:00.000001", tz="UTC")
    assert table["proba_small"].tolist() == [0.75, 0.75]
    assert table["prediction"].tolist() == ["small", "large"]
    assert table["marks"].tolist() == [[], ["unseen:colour"]]
    assert table["truth"].isna().all()


def test_an_empty_log_has_columns(tmp_path: Path) -> None:
    table = read(tmp_path)
    assert len(table) == 0
    assert [*table.columns[:5]] == ["prediction_id", "time", "model", "version", "prediction"]
    assert isinstance(table["time"].dtype, pd.DatetimeTZDtype)


def test_each_row_is_a_prediction(tmp_path: Path) -> None:
    ids = prediction_ids(3)
    fields = {"inputs": {"size": [1.0, None, 3.0], "kind": ["a", "b", None]}, "ids": ids}
    marks = {"unseen:kind": [0, 1], "out_of_range:size": [0]}
    written(tmp_path, line(rows=3, marks=marks, **fields), line(rows=2))
    table = read(tmp_path)
    assert table["prediction_id"].tolist()[:3] == ids
    assert table["batch"].tolist() == [3, 3, 3, 2, 2]
    assert table["kind"].tolist()[:2] == ["a", "b"]
    assert table["size"].isna().tolist() == [False, True, False, False, False]
    both = ["unseen:kind", "out_of_range:size"]  # in the order of the signature
    assert table["marks"].tolist() == [both, ["unseen:kind"], [], [], []]


VALUES: list[tuple[Any, str]] = [
    ([1.5, 2.0], "float64"),
    ([1, 2], "int64"),
    ([True, False], "bool"),
    (["a", "b"], "str"),
    ([None, 2.5], "float64"),
    ([None, "b"], "str"),
    ([5, 2**63], "uint64"),
    ([-5, 2**53 + 1], "int64"),
]


@pytest.mark.parametrize("values, dtype", VALUES, ids=[str(v) for v, _ in VALUES])
def test_features_keep_their_value_types(tmp_path: Path, values: Any, dtype: str) -> None:
    written(tmp_path, *(line(inputs={"x": [value]}) for value in values))
    table = read(tmp_path)
    assert str(table["x"].dtype) == dtype
    assert [None if pd.isna(value) else value for value in table["x"]] == values


@pytest.mark.parametrize(
    "taken", ["time", "Time", "truth", "proba_small", "sequence", "batch", "score"]
)
def test_taken_names_get_a_prefix(tmp_path: Path, taken: str) -> None:
    written(tmp_path, line(inputs={taken: [3.5], "size": [1.0]}))
    table = read(tmp_path)
    assert table[f"input.{taken}"].tolist() == [3.5]
    assert table["size"].tolist() == [1.0]


@pytest.mark.parametrize(
    "name",
    ["row", "Row", "row_marks", "predictions", "probabilities", "ids", "input_0", "a.b", " "],
)
def test_features_may_have_any_name(tmp_path: Path, name: str) -> None:
    written(tmp_path, line(rows=2, inputs={name: [10, 20]}, marks={f"out_of_range:{name}": [1]}))
    assert read(tmp_path)[name].tolist() == [10, 20]


def test_all_features_may_be_private(tmp_path: Path) -> None:
    written(tmp_path, line(rows=2, inputs={}), line(model="other"))
    assert len(read(tmp_path)) == 2


def test_feature_names_are_case_sensitive(tmp_path: Path) -> None:
    written(tmp_path, line(inputs={"co": [1.0], "Co": ["x"], 'it\'s "odd"': [2.0]}))
    table = read(tmp_path)
    assert (table["co"][0], table["input.Co"][0], table['it\'s "odd"'][0]) == (1.0, "x", 2.0)


OUTPUTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"classes": None, "probabilities": None, "predictions": [2.5]}, {"prediction": 2.5}),
    ({"classes": [0, 1], "predictions": [1]}, {"prediction": 1, "proba_1": 0.25}),
    ({"classes": [True, False], "predictions": [True]}, {"prediction": True, "proba_True": 0.75}),
    ({"classes": [2**63 + 5, 5], "predictions": [2**63 + 5]}, {"prediction": 2**63 + 5}),
    ({"classes": ["yes", "Yes"]}, {"proba_yes": 0.75, "proba_Yes (2)": 0.25}),
    (
        {"classes": [-1, 1], "predictions": [-1], "probabilities": None, "scores": [-0.5]},
        {"prediction": -1, "score": -0.5},
    ),
    (
        {"classes": None, "targets": ["id"], "predictions": [[1.5]], "probabilities": None},
        {"prediction_id (2)": 1.5},
    ),
    (
        {"classes": None, "targets": ["a", "b"], "predictions": [[1.5, 2.5]],
         "probabilities": None},
        {"prediction_a": 1.5, "prediction_b": 2.5},
    ),
    (
        {"classes": None, "targets": ["a", "b"], "predictions": [[0, 1]]},
        {"prediction_a": 0, "proba_b": 0.25},
    ),
    (
        {"classes": [["x", "y"], ["z"]], "targets": ["a", "b"], "predictions": [["x", "z"]],
         "probabilities": [[[0.4, 0.6], [1.0]]]},
        {"prediction_b": "z", "proba_a_y": 0.6, "proba_b_z": 1.0},
    ),
]  # fmt: skip


@pytest.mark.parametrize("output, columns", OUTPUTS)
def test_each_output_kind_has_columns(
    tmp_path: Path, output: dict[str, Any], columns: dict[str, Any]
) -> None:
    written(tmp_path, line(**output))
    table = read(tmp_path)
    assert {name: table[name][0] for name in columns} == columns


def test_since_until_and_version_choose_rows(tmp_path: Path) -> None:
    now = pd.Timestamp.now("UTC")
    for hours, version in ((48, 1), (2, 2), (0, 3)):
        moment = (now - pd.Timedelta(hours=hours)).isoformat()
        written(tmp_path, line(time=moment, version=version))

    def versions(**choice: Any) -> list[int]:
        return list(read(tmp_path, **choice)["version"])

    assert versions(since="1d") == [2, 3]
    assert versions(since="90min") == [3]
    assert versions(since=now - pd.Timedelta(hours=3), until="1h") == [2]
    assert versions(until=str((now - pd.Timedelta(days=1)).tz_localize(None))) == [1]
    assert versions(version=2) == [2]
    assert versions(last=2) == [2, 3]
    assert versions(until="2300-01-01", since="1900-01-01") == [1, 2, 3]
    for wrong in ("yesterday week", "", "NaT", [1]):
        with pytest.raises(ValueError, match="is no time: give '2026-05-01 12:00' or '1d'"):
            versions(since=wrong)
    with pytest.raises(ValueError, match="last=0 is no number of predictions"):
        versions(last=0)


def test_different_versions_share_a_table(tmp_path: Path) -> None:
    other: dict[str, Any] = {"inputs": {"weight": [7]}, "classes": [0, 1], "predictions": [1]}
    written(tmp_path, line(), line(version=2, **other))
    table = read(tmp_path)
    assert table["size"].tolist()[0] == 1.5
    assert table["weight"].tolist()[1] == 7
    assert table["prediction"].tolist() == ["small", "1"]
    assert table["proba_1"].tolist()[1] == 0.25


def test_a_score_is_one_column(tmp_path: Path) -> None:
    scored: dict[str, Any] = {"classes": [-1, 1], "predictions": [1], "probabilities": None}
    other = line(inputs={"score": [700.0]})  # a feature of a version that gives no score
    written(tmp_path, other, line(version=2, scores=[0.25], inputs={"score": [650.0]}, **scored))
    table = read(tmp_path)
    assert [*table.columns[4:7]] == ["prediction", "score", "proba_small"]
    assert table["score"].isna().tolist() == [True, False]
    assert table["score"][1] == 0.25
    assert table["input.score"].tolist() == [700.0, 650.0]
    query = "SELECT score FROM predictions WHERE score IS NOT NULL"
    assert sql(tmp_path, query)["score"].tolist() == [0.25]


def test_some_lines_may_lack_a_score(tmp_path: Path) -> None:
    written(tmp_path, line(scores=[1.5]), line(), line(rows=2, scores=[2.5, -3.0]))
    scores = read(tmp_path)["score"]
    assert scores.isna().tolist() == [False, True, False, False]
    assert scores.dropna().tolist() == [1.5, 2.5, -3.0]


def test_a_republished_version_is_another(tmp_path: Path) -> None:
    new: dict[str, Any] = {"inputs": {"size": ["XL"], "weight": [7.5]}, "classes": ["large"]}
    new |= {"predictions": ["large"], "probabilities": [[1.0]], "digest": "ba9876543210"}
    written(tmp_path, line(), line(**new))
    table = read(tmp_path)
    assert table["size"].tolist() == ["1.5", "XL"]
    assert table["weight"].tolist()[1] == 7.5
    assert table["proba_large"].tolist() == [0.25, 1.0]


def test_missing_values_decide_no_types(tmp_path: Path) -> None:
    layout: dict[str, Any] = {"classes": None, "targets": ["a", "b"], "probabilities": None}
    first = line(predictions=[[None, None]], inputs={"size": [None]}, **layout)
    written(tmp_path, first, line(predictions=[[1.5, 2.5]], **layout))
    table = read(tmp_path)
    assert table["prediction_b"].tolist()[1] == 2.5
    assert table["size"].tolist()[1] == 1.5


def test_a_line_may_be_long(tmp_path: Path) -> None:
    written(tmp_path, line(rows=100, inputs={"text": ["x" * 400_000] * 100}), line(rows=1))
    assert len(read(tmp_path)) == 101


# SQL.


def test_sql_sees_open_segments_too(tmp_path: Path) -> None:
    written(tmp_path, line(), line(model="other", inputs={"weight": [2.0]}))
    log = open_log(tmp_path)
    log.write([line(rows=2)])
    query = "SELECT model, count(*) AS n, avg(weight) AS w FROM predictions GROUP BY 1 ORDER BY 1"
    assert sql(tmp_path, query).to_dict("list")["n"] == [3, 1]
    log.stop()


def test_sql_orders_by_writer_and_sequence(tmp_path: Path) -> None:
    log = open_log(tmp_path, log_segment_bytes=2000)
    sent = [line(time=f"2026-05-{day:02}T12:00:00+00:00") for day in (3, 2, 1, 9, 8)]
    for each in sent:  # the clock jumps back and forth
        log.write([each])
    log.stop()
    query = "SELECT prediction_id::VARCHAR AS id FROM predictions ORDER BY writer, sequence"
    assert sql(tmp_path, query)["id"].tolist() == [i for each in sent for i in ids_of(each)]


# By way of Lab.


def test_a_model_without_versions_is_named(tmp_path: Path) -> None:
    lab = Lab(models_dir=tmp_path, logs_dir=tmp_path, log_copy_dir=tmp_path)
    with pytest.raises(NotFoundError, match="no model 'daisies'; published: none yet"):
        lab.predictions("daisies")


def test_a_handmade_segment_is_read(tmp_path: Path) -> None:
    """Hold the names and checksums that other programs may rely on."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    content = finish_line(line(), 1) + finish_line(line(), 2)
    sealed_name(folder / "000001-0000abcd-000000000.open.jsonl", crc32(content)).write_bytes(
        content
    )
    (folder / f"000002-0000abcd-000000002{TORN}").write_bytes(b"{")
    table = read(tmp_path)
    assert len(table) == 2
    assert table.attrs["torn_lines"] == 1
