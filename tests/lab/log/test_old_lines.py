"""Lines that older versions wrote are read."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from service.contract.log.segment import (
    FOLDER,
)
from tests.support.log_lines import (
    line,
    quietly,
    read,
    warned,
    written,
)

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
def test_lines_of_the_first_release_read(
    tmp_path: Path, change: dict[str, Any], column: str, value: Any
) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "old.jsonl").write_bytes(orjson.dumps(OLD | change) + b"\n")
    table = read(tmp_path)
    assert table["prediction_id"].tolist() == [OLD["id"]]
    assert table[column][0] == value


def test_lines_of_the_second_release_read(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    file = tmp_path / FOLDER / "20260501T120000Z-1a2b3c4d.jsonl"
    file.write_bytes(b'{"sequence":1,' + line(rows=2)[1:] + b"\n")
    assert len(read(tmp_path)) == 2


ODD: list[dict[str, Any]] = [
    {"ids": ["01a"]}, {"time": None}, {"inputs": 7}, {"model": "a/b"}, {"marks": []},
    {"predictions": 7}, {"version": None}, {"classes": 7},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_odd_old_lines_are_named(tmp_path: Path, odd: dict[str, Any]) -> None:
    segment = written(tmp_path, line())
    old = orjson.loads(line()) | {"sequence": 1, **odd}
    file = tmp_path / FOLDER / "20260501T120000Z-1a2b3c4d.jsonl"
    file.write_bytes(orjson.dumps(old) + b"\n")
    assert segment.exists()
    assert [text.startswith(str(file)) for text in warned(tmp_path)] == [True]
    assert len(quietly(tmp_path)) == 1
