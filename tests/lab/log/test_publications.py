"""The log reads by publication: own types, own classes, and the truth in the words of each."""

from pathlib import Path
from typing import Any

import pytest

from service.lab.log import reader as log_reader
from service.lab.log.publications import Logged
from tests.lab.log.test_feedback import told
from tests.support.log_lines import copy_of, crashed, ids_of, line, read, written

NUMBERS: dict[str, Any] = {"inputs": {"x": [5]}, "classes": [0, 1], "predictions": [1]}
TEXT: dict[str, Any] = {"version": 2, "digest": "b" * 12, "inputs": {"x": ["k5"]}}
TRUE: dict[str, Any] = {"version": 3, "digest": "c" * 12, "inputs": {"x": [True]}}
SEVERAL: dict[str, Any] = {
    "version": 4,
    "digest": "d" * 12,
    "classes": None,
    "probabilities": None,
    "targets": ["a", "b"],
    "predictions": [[1.5, 2.5]],
}


def apart(folder: Path, **choice: Any) -> list[Logged]:
    return log_reader.read_apart(copy_of(folder), "iris", **choice)


@pytest.mark.parametrize("write", [written, crashed])
def test_each_publication_has_own_types(tmp_path: Path, write: Any) -> None:
    write(tmp_path, line(**NUMBERS), line(**TEXT), line(**TRUE), line(**SEVERAL), line(**NUMBERS))
    assert read(tmp_path)["x"].tolist()[:3] == ["5", "k5", "true"]
    found = {each.version: each for each in apart(tmp_path)}
    assert found[1].table["x"].tolist() == [5, 5]
    assert found[2].table["x"].tolist() == ["k5"]
    assert found[3].table["x"].tolist() == [True]
    assert "x" not in found[4].table
    assert found[1].classes == [0, 1] and found[2].classes == ["small", "large"]
    assert (found[4].classes, found[4].targets) == (None, ["a", "b"])


def test_one_number_may_be_two_publications(tmp_path: Path) -> None:
    again = line(digest="e" * 12, inputs={"x": ["k5"]}, classes=["no", "yes"], predictions=["no"])
    written(tmp_path, line(**NUMBERS), again)
    found = apart(tmp_path)
    assert [each.version for each in found] == [1, 1]
    assert [each.classes for each in found] == [[0, 1], ["no", "yes"]]


def test_last_rows_are_of_any_version(tmp_path: Path) -> None:
    lines = [line(**NUMBERS), line(**TEXT), line(**NUMBERS), line(**TRUE), line(**TEXT)]
    written(tmp_path, *lines, line(model="other"))
    ids = [name for each in lines for name in ids_of(each)]
    for last in range(1, 7):
        found = [i for each in apart(tmp_path, last=last) for i in each.table["prediction_id"]]
        assert sorted(found) == sorted(ids[-last:])
    assert apart(tmp_path, since="2026-05-02") == []


def test_truths_are_in_each_versions_words(tmp_path: Path) -> None:
    numbers, text, several = line(**NUMBERS), line(**TEXT), line(**SEVERAL)
    ids = [*ids_of(numbers), *ids_of(text), *ids_of(several)]
    written(tmp_path, numbers, text, several, told(ids, [True, "large", [1.0, 2]]))
    assert [each.table["truth"].tolist() for each in apart(tmp_path)] == [
        [1],
        ["large"],
        [{"a": 1.0, "b": 2}],
    ]
    assert read(tmp_path)["truth"].tolist() == [1, "large", {"a": 1.0, "b": 2}]


def test_mixed_truths_are_text(tmp_path: Path) -> None:
    numbers, text = line(**NUMBERS), line(**TEXT)
    written(tmp_path, numbers, text, told([*ids_of(numbers), *ids_of(text)], [1.0, "large"]))
    table = read(tmp_path)
    assert table["truth"].tolist() == ["1", "large"]
    assert table["prediction"].tolist() == ["1", "small"]


@pytest.mark.parametrize("truth", [True, 1.0, "1", "true", "[1]", {"target": 1}])
def test_old_truths_mean_a_class(tmp_path: Path, truth: Any) -> None:
    one = line(**NUMBERS)
    written(tmp_path, one, told(ids_of(one), [truth]))
    table = read(tmp_path)
    assert (table["truth"].tolist(), str(table["truth"].dtype)) == ([1], "Int64")
