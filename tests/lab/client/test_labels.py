"""Which class or number a truth means."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from service.api.log.ids import prediction_ids
from service.lab.client.labels import label_reader, truth_reader
from service.lab.client.truth import feedback_items

MEANT: list[tuple[list[Any] | None, Any, Any]] = [
    ([0, 1], "1", 1),
    ([0, 1], "1.0", 1),
    ([0, 1], "true", 1),
    ([0, 1], False, 0),
    ([0, 1], "yes", None),
    ([0, 1, 2], "true", None),  # y == 1 is no truth of three classes
    ([0, 1, 2], True, None),
    ([-1, 1], "true", None),  # and false would be neither
    ([1], "true", 1),
    ([False, True], "1", True),
    ([False, True], 0.0, False),
    ([False, True], "true", True),
    (["0", "1"], "1.0", "1"),
    (["0", "1"], "true", "1"),
    (["False", "True"], "true", "True"),
    (["01", "1"], "1", "1"),
    (["01", "1"], "1.0", None),  # either of the two
    (["no", "yes"], "true", None),
    ([0.0, 1.5], "1.5", 1.5),
    ([0.0, 1.5], "0", 0.0),
    ([2**63 + 5, 5], str(2**63 + 5), 2**63 + 5),
    (["nan", "inf"], "inf", "inf"),
    (None, "true", 1.0),
    (None, "7", 7.0),
    (None, "NaN", None),
    (None, "heavy", None),
    (None, None, None),
]


@pytest.mark.parametrize("classes, truth, meant", MEANT)
def test_a_truth_means_a_class(classes: list[Any] | None, truth: Any, meant: Any) -> None:
    found = label_reader(classes)(truth)
    assert (found, type(found)) == (meant, type(meant))


TOLD: list[tuple[list[Any] | None, list[str] | None, str, Any]] = [
    ([0, 1], None, "[1]", 1),  # which lines of before hold for a column
    ([0, 1], None, '{"target":1}', 1),
    (["[1]"], None, "[1]", "[1]"),
    ([0, 1], None, "[1,0]", None),
    (None, ["a", "b"], "[1.5,2]", {"a": 1.5, "b": 2}),
    (None, ["a", "b"], '{"a":1.5,"b":2}', {"a": 1.5, "b": 2}),
    (None, ["a", "b"], '{"y0":1.5,"y1":2}', {"a": 1.5, "b": 2}),
    (None, ["a", "b"], '{"b":2}', {"b": 2}),
    (None, ["a", "b"], '{"y0":1.5}', None),
    (None, ["a", "b"], "[1,2,3]", None),
    (None, ["a", "b"], "1.5", None),
    ([[0, 1], ["no", "yes"]], ["a", "b"], '[true,"yes"]', {"a": 1, "b": "yes"}),
    ([[0, 1], ["no", "yes"]], ["a", "b"], '["1.0","maybe"]', {"a": 1, "b": "maybe"}),
]


@pytest.mark.parametrize("classes, targets, text, meant", TOLD)
def test_a_truth_means_all_targets(classes: Any, targets: Any, text: str, meant: Any) -> None:
    assert truth_reader(classes, targets)(text) == meant


CLASSES: dict[str, list[Any]] = {
    "zero and one": [0, 1],
    "three": [0, 1, 2],
    "signs": [-1, 1],
    "large": [2**62, 2**62 + 1],
    "floats": [0.0, 1.0],
    "halves": [0.5, 1.5],
    "booleans": [False, True],
    "digits": ["0", "1"],
    "postcodes": ["01", "1", "10"],
    "names": ["no", "yes"],
    "words": ["False", "True"],
    "quotes": ['a"b', "it's", "[1]", "{}"],
}


def forms(classes: list[Any], y: list[Any]) -> dict[str, Any]:
    """Return a target as people hold it."""
    series = pd.Series(y)
    found: dict[str, Any] = {
        "list": y,
        "array": np.array(y),
        "objects": np.array(y, dtype=object),
        "column": np.array(y).reshape(-1, 1),
        "series": series,
        "categories": series.astype("category"),
        "table": series.to_frame("t"),
        "dicts": [{"t": value} for value in y],
        "shuffled": series.sample(frac=1, random_state=1),
        "nullable": series.convert_dtypes(),
        "text": series.astype(str),
    }
    if type(classes[0]) in (int, float) and max(classes) < 100:
        found |= {"float32": series.astype("float32"), "Float64": series.astype("Float64")}
        found |= {"text of floats": series.astype(float).astype(str)}
    if classes in ([0, 1], ["0", "1"], ["False", "True"]):  # and so floats and booleans
        mask = series == classes[1]
        found |= {"mask": mask, "nullable mask": mask.astype("boolean")}
        if classes != ["False", "True"]:
            found |= {"integers": mask.astype(int)}
    return found


@pytest.mark.parametrize("classes", CLASSES.values(), ids=[*CLASSES])
def test_any_form_means_its_class(classes: list[Any]) -> None:
    random, ids = np.random.default_rng(0), prediction_ids(40)
    y = [classes[place] for place in random.integers(len(classes), size=40)]
    read = truth_reader(classes, None)
    for name, truth in forms(classes, y).items():
        items = feedback_items(pd.Series(ids), truth)
        told = {item["id"]: item["truth"] for item in items}
        texts = [t if isinstance(t := told[each], str) else json.dumps(t) for each in ids]
        meant = [read(text) for text in texts]
        assert (name, meant) == (name, y)
        assert [*map(type, meant)] == [*map(type, y)]
