"""Truths in the forms in which people hold them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LinearRegression, LogisticRegression

from service.api.log.ids import prediction_ids
from service.contract.errors import InputError
from service.lab.client.truth import feedback_items
from tests.support.live import LiveApi, running_api
from tests.support.models import iris

IDS = prediction_ids(3)
Y = [1, 0, 1]


class Column:
    """A column of another library, which pandas does not know."""

    def __init__(self, method: str, values: Any) -> None:
        setattr(self, method, lambda: values)


def polars_table(columns: dict[str, list[Any]]) -> Any:
    """Return what looks like a table of polars."""
    return SimpleNamespace(to_dicts=list, to_dict=lambda as_series: columns)


ONE_TARGET: list[tuple[str, Any]] = [
    ("list", Y),
    ("tuple", (1, 0, 1)),
    ("generator", (y for y in Y)),
    ("array", np.array(Y)),
    ("column", np.array([[1], [0], [1]])),
    ("objects", np.array(Y, dtype=object)),
    ("lists of one", [[1], [0], [1]]),
    ("NumPy numbers", [np.int8(1), np.float32(0), np.array(1)]),
    ("series", pd.Series(Y, index=[7, 8, 9])),
    ("nullable", pd.Series(Y, dtype="Int64")),
    ("categories", pd.Series(Y, dtype="category")),
    ("pandas array", pd.array(Y, dtype="Int8")),
    ("index", pd.Index(Y)),
    ("table", pd.DataFrame({"target": Y})),
    ("booleans", np.array(Y) == 1),
    ("a mask", pd.Series(Y) == 1),
    ("nullable booleans", (pd.Series(Y) == 1).astype("boolean")),
    ("decimals", [Decimal(1), Decimal("0"), Decimal("1.0")]),
    ("sparse", csr_array([[1], [0], [1]])),
    ("polars series", Column("to_list", Y)),
    ("pyarrow array", Column("to_pylist", Y)),
    ("pyarrow table", Column("to_pydict", {"y": Y})),
    ("polars table", polars_table({"y": Y})),
]


@pytest.mark.parametrize("truth", [t for _, t in ONE_TARGET], ids=[name for name, _ in ONE_TARGET])
def test_a_truth_has_any_shape(truth: Any) -> None:
    items = feedback_items(IDS, truth)
    assert [item["id"] for item in items] == IDS
    assert [item["truth"] for item in items] == Y
    assert {type(item["truth"]) for item in items} <= {bool, int, float}


PAIRS = [[1.5, "a"], [2.5, "b"], [3.5, "c"]]
NAMED = [{"size": size, "kind": kind} for size, kind in PAIRS]
TARGETS: list[tuple[str, Any, list[Any]]] = [
    ("lists", PAIRS, PAIRS),
    ("array", np.array(PAIRS, dtype=object), PAIRS),
    ("rows", [np.array(pair, dtype=object) for pair in PAIRS], PAIRS),
    ("dicts", NAMED, NAMED),
    ("table", pd.DataFrame(NAMED), NAMED),
    ("rows of it", [row for _, row in pd.DataFrame(NAMED).iterrows()], NAMED),
    ("columns", {"size": [1.5, 2.5, 3.5], "kind": ["a", "b", "c"]}, NAMED),
    ("polars table", polars_table({"size": [1.5, 2.5, 3.5], "kind": ["a", "b", "c"]}), NAMED),
    ("some targets", [{"size": 1.5}, {"kind": "b"}, NAMED[2]],
     [{"size": 1.5}, {"kind": "b"}, NAMED[2]]),
]  # fmt: skip


@pytest.mark.parametrize(
    "truth, expected", [each[1:] for each in TARGETS], ids=[each[0] for each in TARGETS]
)
def test_several_targets_have_any_shape(truth: Any, expected: list[Any]) -> None:
    assert [item["truth"] for item in feedback_items(IDS, truth)] == expected


@pytest.mark.parametrize(
    "ids",
    [tuple, iter, np.array, pd.Series, pd.Index, lambda ids: np.array([ids]).T,
     lambda ids: pd.DataFrame({"prediction_id": ids, "prediction": 1})],
)  # fmt: skip
def test_ids_have_any_shape(ids: Callable[[list[str]], Any]) -> None:
    assert [item["id"] for item in feedback_items(ids(IDS), Y)] == IDS


ONE = [1, np.int64(1), [1], np.array([1]), np.array([[1]]), np.array(1), pd.Series([1], index=[7]),
       pd.DataFrame({"target": [1]})]  # fmt: skip


@pytest.mark.parametrize("truth", ONE, ids=[f"{type(t).__name__}{np.shape(t)}" for t in ONE])
def test_one_id_has_one_truth(truth: Any) -> None:
    for ids in (IDS[0], IDS[:1]):
        assert feedback_items(ids, truth) == [{"id": IDS[0], "truth": 1}]


@pytest.mark.parametrize(
    "truth, told",
    [
        ("yes", "yes"),
        ([1.5, 2.5], [1.5, 2.5]),
        (np.array([1.5, 2.5]), [1.5, 2.5]),
        (pd.Series({"a": 1.5, "b": 2.5}), {"a": 1.5, "b": 2.5}),
        ({"a": 1.5, "b": 2.5}, {"a": 1.5, "b": 2.5}),
        (pd.DataFrame({"a": [1.5], "b": [2.5]}), {"a": 1.5, "b": 2.5}),
    ],
)
def test_one_id_has_several_targets(truth: Any, told: Any) -> None:
    assert feedback_items(IDS[0], truth) == [{"id": IDS[0], "truth": told}]


# Labels.


def test_truths_follow_the_labels() -> None:
    ids = pd.Series(IDS, index=["x", "y", "z"])
    truth = pd.Series(["third", "first", "second"], index=["z", "x", "y"])
    for shuffled in (truth, truth.to_frame("target")):
        told = {item["id"]: item["truth"] for item in feedback_items(ids, shuffled)}
        assert told == dict(zip(IDS, ["first", "second", "third"], strict=True))
    told = {item["id"]: item["truth"] for item in feedback_items(ids, truth.to_numpy())}
    assert told == dict(zip(IDS, ["third", "first", "second"], strict=True))


@pytest.mark.parametrize("labels", [["x", "y", "w"], ["x", "x", "y"], [0, 1, 2]])
def test_other_labels_are_refused(labels: list[Any]) -> None:
    ids = pd.Series(IDS, index=["x", "y", "z"])
    with pytest.raises(InputError, match=r"index of the truth .* pass truth.to_numpy\(\)"):
        feedback_items(ids, pd.Series(Y, index=labels))


# What is refused.

MISSING = [None, np.nan, pd.NA, pd.NaT, float("nan"), np.float32("nan"), Decimal("NaN")]


@pytest.mark.parametrize("missing", MISSING, ids=repr)
def test_a_missing_truth_names_its_row(missing: Any) -> None:
    with pytest.raises(InputError, match="Item 1 has the truth None, which is missing") as caught:
        feedback_items(IDS, [1, missing, 0])
    assert [each["item"] for each in caught.value.details] == [1]
    with pytest.raises(InputError, match="Item 2 has the truth None for 'b', which is missing"):
        feedback_items(IDS, pd.DataFrame({"a": Y, "b": pd.Series([1, 2, missing], dtype=object)}))


NO_TRUTHS: list[tuple[Any, str]] = [
    ([datetime(2026, 1, 1)] * 3, "Item 0 has the truth datetime.datetime"),
    (pd.Series(pd.date_range("2026", periods=3)), r"Item 0 has the truth Timestamp"),
    (np.array(["2026"] * 3, "datetime64[ns]"), r"an array of shape \(3,\) and type datetime64"),
    ([np.timedelta64(1, "s")] * 3, "Item 0 has the truth np.timedelta64"),
    (np.array([1 + 2j] * 3), "type complex128"),
    (np.zeros((3, 2, 2)), r"shape \(3, 2, 2\)"),
    ([b"yes"] * 3, r"Item 0 has the truth b'yes'"),
    ([1, object, 1], r"Item 1 has the truth <class 'object'>"),
    ([1, {1}, 1], r"Item 1 has the truth \{1\}"),
    ([1, [], 1], r"Item 1 has the truth \[\]"),
    ([1, [[1], [2]], 1], r"Item 1 has the truth \[1\] for target 0"),
    ([1, {}, 1], r"Item 1 has the truth \{\}"),
    ([1, np.inf, 1], "Item 1 has the truth inf; a number must be finite"),
    ([1, 2**64, 1], "Item 1 has the truth 18446744073709551616; the log holds integers of 64"),
    ([1, "\ud800", 1], "Item 1 has the truth"),
    ({1, 2, 3}, "which has no order"),
    ("yes", "There are 3 ids, but 1 truths"),
    (1, "There are 3 ids, but 1 truths"),
    ([1, 2], "There are 3 ids, but 2 truths"),
    ({"a": [1, 2, 3], "b": [1]}, r"differ in their number of truths: \{'a': 3, 'b': 1\}"),
    (pd.DataFrame([[1, 2]] * 3, columns=["a", "a"]), "the column 'a' twice"),
    (pd.DataFrame(index=range(3)), "has no column"),
]


@pytest.mark.parametrize("truth, words", NO_TRUTHS, ids=[repr(t)[:40] for t, _ in NO_TRUTHS])
def test_what_is_no_truth_is_refused(truth: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        feedback_items(IDS, truth)


@pytest.mark.parametrize(
    "ids, words",
    [
        (7, "The ids are 7; pass one id"),
        ({1: 2}, "The ids are {1: 2}"),
        (pd.DataFrame({"a": IDS}), "'prediction_id' of what lab.predict returned"),
        (["a", *IDS[1:]], "Item 0 has the id 'a'"),
        ([None, *IDS[1:]], "Item 0 has the id None"),
    ],
)
def test_what_is_no_id_is_refused(ids: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        feedback_items(ids, Y)


# From the notebook to the log and back.


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("truth")) as api:
        yield api


def test_all_shapes_have_one_quality(api: LiveApi) -> None:
    lab, X, y = api.lab(), iris().X, (iris().y == 2).astype(int)
    fitted = LogisticRegression(C=0.01).fit(X, y)
    lab.publish("shapes", fitted, X, y)
    answers, expected = lab.predict("shapes", X), (fitted.predict(X) == y).mean()
    assert 0.5 < expected < 1
    shapes = [y, y.to_numpy().reshape(-1, 1), y == 1, (y == 1).astype("boolean"),
              y.to_frame("target"), y.astype(float), y.astype(str), y.sample(frac=1)]  # fmt: skip
    for shape in shapes:
        lab.feedback(answers["prediction_id"], 1 - y)
        assert lab.feedback(answers["prediction_id"], shape) == 150
        assert lab.quality("shapes").total["accuracy"] == expected
        assert lab.predictions("shapes")["truth"].tolist() == y.tolist()


def test_targets_are_told_by_order(api: LiveApi) -> None:
    lab, X = api.lab(), iris().X
    Y = X[["petal_length", "petal_width"]] * 2
    lab.publish("targets", LinearRegression().fit(X, Y), X, Y)
    answers = lab.predict("targets", X)
    for truth in (Y, Y.to_numpy(), Y.to_numpy().tolist(), Y.set_axis(["a", "b"], axis=1)):
        lab.feedback(answers["prediction_id"], Y * 0)
        lab.feedback(answers["prediction_id"], truth)
        assert lab.predictions("targets")["truth"].tolist() == Y.to_dict("records")
        assert lab.quality("targets").total["mae_petal_width"] == pytest.approx(0, abs=1e-9)


def test_truths_of_another_width_are_refused(api: LiveApi) -> None:
    lab, X, y = api.lab(), iris().X, iris().y
    lab.publish("one", LogisticRegression(C=0.01).fit(X, y), X, y)
    lab.publish("two", LinearRegression().fit(X, X.iloc[:, :2]), X, X.iloc[:, :2])
    one, two = lab.predict("one", X), lab.predict("two", X)
    one_hot = pd.get_dummies(y)
    for ids in (one, one["prediction_id"], one["prediction_id"].head(150)):
        for truth in (one_hot, one_hot.to_numpy()):
            with pytest.raises(InputError, match="of 3 values; the model predicts 1"):
                lab.feedback(ids, truth)
    for truth, values in ((y, 1), (one_hot.to_numpy(), 3)):
        with pytest.raises(InputError, match=f"of {values} values; the model predicts 2"):
            lab.feedback(two, truth)
    assert lab.predictions("one")["truth"].isna().all()
    assert lab.predictions("two")["truth"].isna().all()
    assert lab.feedback(one, one_hot.to_numpy().argmax(axis=1)) == 150


def test_nothing_is_sent_with_an_error(api: LiveApi) -> None:
    lab = api.lab()
    before = len(lab.sql("SELECT * FROM feedback"))
    ids = prediction_ids(20_002)
    with pytest.raises(InputError, match="Item 20001 has the truth None"):
        lab.feedback(ids, [*range(20_001), None])
    assert len(lab.sql("SELECT * FROM feedback")) == before
