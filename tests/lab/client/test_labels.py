"""Which class or number a truth means."""

from typing import Any

import pytest

from service.lab.client.labels import label_reader, truth_reader

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
