"""The log reads like a table."""

import warnings
from pathlib import Path
from shutil import rmtree
from typing import Any
from zlib import crc32

import orjson
import pandas as pd
import pytest

from service.api.log.ids import prediction_ids
from service.contract.errors import LabloopError, NotFoundError
from service.contract.log.line import finish_line
from service.contract.log.segment import (
    FOLDER,
    TORN,
    sealed_name,
    sealed_segments,
    stem,
)
from service.lab import Lab
from tests.support.live import wait_until
from tests.support.log_lines import (
    copy_of,
    crashed,
    ids_of,
    line,
    open_log,
    read,
    segments,
    sql,
    warned,
    written,
)


def test_the_log_reads_as_a_table_with_proper_types(tmp_path: Path) -> None:
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


def test_an_empty_log_has_the_same_columns(tmp_path: Path) -> None:
    table = read(tmp_path)
    assert len(table) == 0
    assert [*table.columns[:5]] == ["prediction_id", "time", "model", "version", "prediction"]
    assert isinstance(table["time"].dtype, pd.DatetimeTZDtype)


def test_a_request_of_many_rows_is_as_many_predictions(tmp_path: Path) -> None:
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
def test_a_feature_has_the_type_of_its_values(tmp_path: Path, values: Any, dtype: str) -> None:
    written(tmp_path, *(line(inputs={"x": [value]}) for value in values))
    table = read(tmp_path)
    assert str(table["x"].dtype) == dtype
    assert [None if pd.isna(value) else value for value in table["x"]] == values


@pytest.mark.parametrize("taken", ["time", "Time", "truth", "proba_small", "sequence", "batch"])
def test_a_feature_whose_name_is_taken_is_called_input(tmp_path: Path, taken: str) -> None:
    written(tmp_path, line(inputs={taken: [3.5], "size": [1.0]}))
    table = read(tmp_path)
    assert table[f"input.{taken}"].tolist() == [3.5]
    assert table["size"].tolist() == [1.0]


@pytest.mark.parametrize(
    "name",
    ["row", "Row", "row_marks", "predictions", "probabilities", "ids", "input_0", "a.b", " "],
)
def test_a_feature_may_have_any_other_name(tmp_path: Path, name: str) -> None:
    written(tmp_path, line(rows=2, inputs={name: [10, 20]}, marks={f"out_of_range:{name}": [1]}))
    assert read(tmp_path)[name].tolist() == [10, 20]


def test_a_model_whose_features_are_all_private_is_read(tmp_path: Path) -> None:
    written(tmp_path, line(rows=2, inputs={}), line(model="other"))
    assert len(read(tmp_path)) == 2


def test_features_that_differ_in_capitals_are_two(tmp_path: Path) -> None:
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
def test_each_kind_of_answer_has_its_columns(
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


def test_versions_with_other_features_and_labels_are_in_one_table(tmp_path: Path) -> None:
    other: dict[str, Any] = {"inputs": {"weight": [7]}, "classes": [0, 1], "predictions": [1]}
    written(tmp_path, line(), line(version=2, **other))
    table = read(tmp_path)
    assert table["size"].tolist()[0] == 1.5
    assert table["weight"].tolist()[1] == 7
    assert table["prediction"].tolist() == ["small", "1"]
    assert table["proba_1"].tolist()[1] == 0.25


def test_a_version_that_was_published_anew_is_another(tmp_path: Path) -> None:
    new: dict[str, Any] = {"inputs": {"size": ["XL"], "weight": [7.5]}, "classes": ["large"]}
    new |= {"predictions": ["large"], "probabilities": [[1.0]], "digest": "ba9876543210"}
    written(tmp_path, line(), line(**new))
    table = read(tmp_path)
    assert table["size"].tolist() == ["1.5", "XL"]
    assert table["weight"].tolist()[1] == 7.5
    assert table["proba_large"].tolist() == [0.25, 1.0]


def test_a_first_line_that_lacks_everything_does_not_decide_the_types(tmp_path: Path) -> None:
    layout: dict[str, Any] = {"classes": None, "targets": ["a", "b"], "probabilities": None}
    first = line(predictions=[[None, None]], inputs={"size": [None]}, **layout)
    written(tmp_path, first, line(predictions=[[1.5, 2.5]], **layout))
    table = read(tmp_path)
    assert table["prediction_b"].tolist()[1] == 2.5
    assert table["size"].tolist()[1] == 1.5


def test_a_line_may_be_long(tmp_path: Path) -> None:
    written(tmp_path, line(rows=100, inputs={"text": ["x" * 400_000] * 100}), line(rows=1))
    assert len(read(tmp_path)) == 101


# While it is written.


def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    log = open_log(tmp_path, log_segment_bytes=5000)
    ids: list[str] = []
    for _ in range(30):
        log.write([one := line()])
        ids += ids_of(one)
        assert read(tmp_path)["prediction_id"].tolist() == ids
    log.stop()
    assert read(tmp_path)["prediction_id"].tolist() == ids


def test_reading_changes_nothing_in_the_log(tmp_path: Path) -> None:
    log = open_log(tmp_path, log_segment_bytes=500)
    for _ in range(5):
        log.write([line()])

    def state() -> dict[str, tuple[bytes, int]]:
        files = (tmp_path / FOLDER).iterdir()
        return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}

    wait_until(lambda: len([*sealed_segments(tmp_path / FOLDER)]) == 5, "segments to be sealed")
    before = state()
    read(tmp_path)
    assert state() == before
    log.stop()


def test_the_copy_can_be_deleted_whole_or_in_part(tmp_path: Path) -> None:
    for _ in range(3):
        written(tmp_path, line(), line(model="other"))
    ids = read(tmp_path)["prediction_id"].tolist()
    for _ in range(6):
        file = next(copy_of(tmp_path).home.glob("*.iris.*.parquet"))
        file.unlink()
        assert read(tmp_path)["prediction_id"].tolist() == ids
    rmtree(copy_of(tmp_path).home)
    assert read(tmp_path)["prediction_id"].tolist() == ids


def test_a_deleted_segment_leaves_the_table_with_its_copy(tmp_path: Path) -> None:
    segment = written(tmp_path, line())
    written(tmp_path, last := line())
    assert len(read(tmp_path)) == 2
    segment.unlink()
    assert quietly(tmp_path)["prediction_id"].tolist() == ids_of(last)
    assert {stem(file) for file in copy_of(tmp_path).home.glob("*.parquet")} == {
        stem(file) for file in segments(tmp_path)
    }


def test_a_segment_that_is_sealed_and_copied_by_another_reader_meanwhile_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, line(rows=2))
    log = open_log(tmp_path)
    log.write([line(rows=3)])
    listing = "service.lab.log.copy.sealed_segments"

    def listed_late(folder: Path) -> list[Path]:
        found = sealed_segments(folder)
        monkeypatch.setattr(listing, sealed_segments)
        log.stop()
        assert len(read(tmp_path)) == 5
        return found

    monkeypatch.setattr(listing, listed_late)
    assert read(tmp_path)["prediction_id"].is_unique
    assert len(read(tmp_path)) == 5


def test_a_log_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file where a folder should be")
    with pytest.raises(LabloopError, match=f"log at {tmp_path}/predictions cannot be read"):
        read(tmp_path)


# Damage.


def test_a_torn_end_of_a_dead_writer_is_counted_before_and_after_it_is_set_aside(
    tmp_path: Path,
) -> None:
    crashed(tmp_path, line(), line(), torn=b'{"model":"ir')
    for _ in range(2):
        table = read(tmp_path)
        assert len(table) == 2
        assert table.attrs["torn_lines"] == 1
        open_log(tmp_path).stop()


def test_a_line_that_is_being_written_is_not_torn(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.write([line()])
    with segments(tmp_path)[0].open("ab") as file:
        file.write(b'{"model":"ir')
    assert read(tmp_path).attrs["torn_lines"] == 0
    assert len(read(tmp_path)) == 1
    log.stop()


def quietly(folder: Path) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(folder)


def altered(segment: Path, change: Any) -> Path:
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(change(lines)))
    return segment


DAMAGES = {
    "zeroes": lambda lines: [*lines[:2], b"\x00\x00\x00\n", *lines[3:]],
    "not JSON": lambda lines: [*lines[:2], b'{"id": "t{"id"\n', *lines[3:]],
    "another JSON": lambda lines: [*lines[:2], b'{"model": "iris"}\n', *lines[3:]],
    "a number": lambda lines: [*lines[:2], b"7\n", *lines[3:]],
    "one digit": lambda lines: [*lines[:2], lines[2].replace(b"1.5", b"1.6"), *lines[3:]],
    "one letter": lambda lines: [*lines[:2], lines[2].replace(b"size", b"sizf"), *lines[3:]],
    "a checksum": lambda lines: [*lines[:2], lines[2][:-5] + b'xx"}\n', *lines[3:]],
    "the checksum's name": lambda lines: [
        *lines[:2],
        lines[2][:-17] + b"d" + lines[2][-16:],
        *lines[3:],
    ],
    "the brace": lambda lines: [*lines[:2], lines[2][:-2] + b"]\n", *lines[3:]],
    "empty": lambda lines: [*lines[:2], b"\n", *lines[3:]],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_line_is_named_and_the_rest_is_read(tmp_path: Path, damage: str) -> None:
    segment = written(tmp_path, line(), line(), line())
    altered(segment, DAMAGES[damage])
    for _ in range(2):  # each time, not only when the copy is made
        assert warned(tmp_path) == [f"{segment}, line 3 is damaged and left out."]
        assert len(quietly(tmp_path)) == 2


def test_missing_lines_are_named(tmp_path: Path) -> None:
    segment = written(tmp_path, *(line() for _ in range(5)))
    altered(segment, lambda lines: [*lines[:2], *lines[4:]])
    assert warned(tmp_path) == [f"{segment}, line 3: 2 before it are missing."]
    assert len(quietly(tmp_path)) == 3


def test_an_end_that_was_cut_off_later_is_named(tmp_path: Path) -> None:
    log = open_log(tmp_path, log_segment_bytes=2500)
    for _ in range(10):
        log.write([line()])
    log.stop()
    first, second, *_ = segments(tmp_path)
    altered(first, lambda lines: lines[:-2])
    between = f"2 lines between segments {stem(first)} and {stem(second)} are missing."
    assert warned(tmp_path) == [f"{first} is not what was sealed: its end is missing.", between]
    altered(second, lambda lines: [*lines[:-1], lines[-1][:50]])
    rmtree(copy_of(tmp_path).home)
    assert any(text.startswith(f"{second}, line ") for text in warned(tmp_path))


def test_a_line_that_is_there_twice_is_read_once(tmp_path: Path) -> None:
    segment = written(tmp_path, line(), line())
    altered(segment, lambda lines: [*lines, lines[-1]])
    assert warned(tmp_path) == [f"{segment}, line 4 is there twice; one is left out."]
    assert len(quietly(tmp_path)) == 2


def test_much_damage_is_summed_up(tmp_path: Path) -> None:
    segment = written(tmp_path, *(line() for _ in range(50)))
    altered(segment, lambda lines: [text.replace(b"[1.5]", b"[1.6]") for text in lines])
    said = warned(tmp_path)
    assert len(said) == 21
    assert said[-1] == "And 30 more."


# Lines of older versions.

OLD = {
    "sequence": 1, "time": "2026-05-01T12:00:00.000001+00:00", "model": "iris", "version": 1,
    "image": "labloop-api:0.1.0", "client": "test", "batch": 1, "latency_ms": 1.25,
    "id": "01a20e5a-934a-73e4-9255-27f433f03bc9", "inputs": {"size": 1.5},
    "prediction": "small", "probabilities": {"small": 0.75, "large": 0.25},
    "marks": ["out_of_range:size"],
}  # fmt: skip


@pytest.mark.parametrize(
    "change, column, value",
    [
        ({}, "prediction", "small"),
        ({}, "proba_large", 0.25),
        ({}, "size", 1.5),
        ({}, "marks", ["out_of_range:size"]),
        ({"prediction": 1.5, "probabilities": None}, "prediction", 1.5),
        ({"prediction": {"a": 1, "b": 2}, "probabilities": None}, "prediction_b", 2),
        ({"prediction": {"a": 1}, "probabilities": {"a": 0.5}}, "proba_a", 0.5),
        ({"prediction": {"a": 1}, "probabilities": {"a": {"0": 0.4}}}, "proba_a_0", 0.4),
    ],
)
def test_a_line_of_version_0_1_0_is_read(
    tmp_path: Path, change: dict[str, Any], column: str, value: Any
) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "old.jsonl").write_bytes(orjson.dumps(OLD | change) + b"\n")
    table = read(tmp_path)
    assert table["prediction_id"].tolist() == [OLD["id"]]
    assert table[column][0] == value


def test_a_line_of_version_0_2_0_is_read(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    file = tmp_path / FOLDER / "20260501T120000Z-1a2b3c4d.jsonl"
    file.write_bytes(b'{"sequence":1,' + line(rows=2)[1:] + b"\n")
    assert len(read(tmp_path)) == 2


ODD: list[dict[str, Any]] = [
    {"ids": ["01a"]}, {"time": None}, {"inputs": 7}, {"model": "a/b"}, {"marks": []},
    {"predictions": 7}, {"version": None}, {"classes": 7},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_an_old_line_that_is_odd_is_named_and_the_rest_is_read(
    tmp_path: Path, odd: dict[str, Any]
) -> None:
    segment = written(tmp_path, line())
    old = orjson.loads(line()) | {"sequence": 1, **odd}
    file = tmp_path / FOLDER / "20260501T120000Z-1a2b3c4d.jsonl"
    file.write_bytes(orjson.dumps(old) + b"\n")
    assert segment.exists()
    assert [text.startswith(str(file)) for text in warned(tmp_path)] == [True]
    assert len(quietly(tmp_path)) == 1


# Feedback.


def told(ids: list[str], truth: list[Any], **more: Any) -> bytes:
    fields: dict[str, Any] = {
        "feedback": len(ids),
        "time": "2026-05-01T13:00:00.000001+00:00",
        "told": prediction_ids(1)[0],
        "client": "test",
        "about": ids,
        "truth": truth,
    }
    return orjson.dumps(fields | more)


def test_the_last_word_on_a_prediction_is_its_truth(tmp_path: Path) -> None:
    one, many = line(), line(rows=3)
    (first,), (second, third, fourth) = ids_of(one), ids_of(many)
    words = [told([second, third, second], ["small", "small", "large"]), told([third], ["large"])]
    written(tmp_path, one, many, *words)
    table = read(tmp_path).set_index("prediction_id")
    assert table["truth"].dropna().to_dict() == {second: "large", third: "large"}
    assert table.loc[[first, fourth], "truth"].isna().all()
    assert len(table) == 4
    said = sql(tmp_path, "SELECT prediction_id::VARCHAR AS id, truth FROM feedback ORDER BY 1")
    assert said.to_dict("list") == {"id": [second, third], "truth": ["large", "large"]}


TRUTHS: list[tuple[dict[str, Any], Any, str]] = [
    ({"classes": [0, 1], "predictions": [1]}, 1, "Int64"),
    ({"classes": None, "probabilities": None, "predictions": [2.5]}, 0.1, "float64"),
    ({"classes": [True, False], "predictions": [True]}, False, "boolean"),
    ({}, "small", "str"),
    ({"classes": [0, 1], "predictions": [1]}, "large", "str"),  # another type is kept as it is
    ({"classes": [0, 1], "predictions": [1]}, str(2**63), "str"),
    ({"classes": None, "targets": ["a"], "predictions": [[1.5]], "probabilities": None},
     {"a": 2.5}, "object"),
    ({"classes": None, "targets": ["a"], "predictions": [[1.5]], "probabilities": None},
     "oops", "str"),
]  # fmt: skip


@pytest.mark.parametrize("output, truth, dtype", TRUTHS)
def test_truth_has_the_type_of_the_predictions(
    tmp_path: Path, output: dict[str, Any], truth: Any, dtype: str
) -> None:
    one = line(**output)
    written(tmp_path, one, line(**output), told(ids_of(one), [truth]))
    table = read(tmp_path)
    assert table["truth"][0] == truth
    assert pd.isna(table["truth"][1])
    assert str(table["truth"].dtype) == dtype


def test_feedback_on_what_is_not_in_the_log_is_counted(tmp_path: Path) -> None:
    other, unknown = line(model="other"), prediction_ids(2)
    written(tmp_path, line(), other, told([*unknown, *ids_of(other)], ["small"] * 3))
    assert read(tmp_path).attrs["unmatched_feedback"] == 2
    unmatched = "SELECT count(*) AS n FROM feedback ANTI JOIN predictions USING (prediction_id)"
    assert sql(tmp_path, unmatched)["n"][0] == 2


def test_feedback_on_a_prediction_from_a_time_without_any_is_counted_too(tmp_path: Path) -> None:
    long_ago = "01800000-0000-7000-8000-000000000000"
    written(tmp_path, line(), told([long_ago], ["small"]))
    assert read(tmp_path).attrs["unmatched_feedback"] == 1
    assert read(tmp_path, since="2026-04-30").attrs["unmatched_feedback"] == 0


def test_feedback_finds_its_prediction_although_the_clock_was_set_back(tmp_path: Path) -> None:
    one = line(time="2026-04-30T12:00:00+00:00")  # its id goes on from where ids were
    written(tmp_path, one, told(ids_of(one), ["large"], time="2026-04-30T12:00:01+00:00"))
    table = read(tmp_path, since="2026-04-30", until="2026-05-01")
    assert table["truth"].tolist() == ["large"]


def test_a_model_may_be_called_feedback(tmp_path: Path) -> None:
    one = line(model="feedback")
    written(tmp_path, one, told(ids_of(one), ["large"]))
    assert read(tmp_path, "feedback")["truth"].tolist() == ["large"]


# SQL.


def test_sql_sees_all_models_and_what_is_not_sealed_yet(tmp_path: Path) -> None:
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


def test_a_segment_by_hand_is_like_one_of_the_api(tmp_path: Path) -> None:
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
