"""Feedback comes back as the truth beside its prediction."""

from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest

from service.api.log.ids import prediction_ids
from tests.support.log_lines import (
    ids_of,
    line,
    read,
    sql,
    written,
)

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


def test_the_last_feedback_is_the_truth(tmp_path: Path) -> None:
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
def test_truth_has_the_prediction_type(
    tmp_path: Path, output: dict[str, Any], truth: Any, dtype: str
) -> None:
    one = line(**output)
    written(tmp_path, one, line(**output), told(ids_of(one), [truth]))
    table = read(tmp_path)
    assert table["truth"][0] == truth
    assert pd.isna(table["truth"][1])
    assert str(table["truth"].dtype) == dtype


def test_unmatched_feedback_is_counted(tmp_path: Path) -> None:
    other, unknown = line(model="other"), prediction_ids(2)
    written(tmp_path, line(), other, told([*unknown, *ids_of(other)], ["small"] * 3))
    assert read(tmp_path).attrs["unmatched_feedback"] == 2
    unmatched = "SELECT count(*) AS n FROM feedback ANTI JOIN predictions USING (prediction_id)"
    assert sql(tmp_path, unmatched)["n"][0] == 2


def test_feedback_before_the_log_is_counted(tmp_path: Path) -> None:
    long_ago = "01800000-0000-7000-8000-000000000000"
    written(tmp_path, line(), told([long_ago], ["small"]))
    assert read(tmp_path).attrs["unmatched_feedback"] == 1
    assert read(tmp_path, since="2026-04-30").attrs["unmatched_feedback"] == 0


def test_feedback_survives_a_clock_step(tmp_path: Path) -> None:
    one = line(time="2026-04-30T12:00:00+00:00")  # its id goes on from where ids were
    written(tmp_path, one, told(ids_of(one), ["large"], time="2026-04-30T12:00:01+00:00"))
    table = read(tmp_path, since="2026-04-30", until="2026-05-01")
    assert table["truth"].tolist() == ["large"]


def test_a_model_may_be_called_feedback(tmp_path: Path) -> None:
    one = line(model="feedback")
    written(tmp_path, one, told(ids_of(one), ["large"]))
    assert read(tmp_path, "feedback")["truth"].tolist() == ["large"]
