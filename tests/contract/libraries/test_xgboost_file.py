"""XGBoost files: every booster passes; what leads nowhere is refused before XGBoost reads it."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from xgboost import Booster

from service.contract.errors import ArtifactError
from service.contract.libraries import ubjson, xgboost_file
from tests.contract.libraries.fitted import xgboost_models

MODELS = xgboost_models()


def content(name: str) -> bytes:
    return xgboost_file.dump(MODELS[name].estimator.get_booster())


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_passes(name: str) -> None:
    xgboost_file.check(content(name))


@pytest.mark.parametrize("name", ["number", "categories", "dropping", "linear"])
def test_the_reader_agrees_with_xgboost(name: str) -> None:
    booster = MODELS[name].estimator.get_booster()
    plain = json.loads(json.dumps(ubjson.loads(content(name)), default=lambda v: v.tolist()))
    as_json = json.loads(booster.save_raw("json"))

    def same(one: Any, other: Any) -> bool:
        if isinstance(one, dict):
            return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
        if isinstance(one, list):
            return len(one) == len(other) and all(map(same, one, other))
        if isinstance(one, float) or isinstance(other, float):
            return bool(np.float32(one) == np.float32(other))
        return bool(one == other)

    assert same(plain, as_json)


def trees(model: dict[str, Any]) -> Any:
    return model["learner"]["gradient_booster"]["model"]["trees"]


def leads_back(model: dict[str, Any]) -> None:
    trees(model)[0]["left_children"][1] = 0


def leads_away(model: dict[str, Any]) -> None:
    trees(model)[0]["right_children"][0] = 10**9


def leads_below_zero(model: dict[str, Any]) -> None:
    trees(model)[0]["left_children"][0] = -7


def leads_twice(model: dict[str, Any]) -> None:
    trees(model)[0]["right_children"][0] = trees(model)[0]["left_children"][0]


def other_feature(model: dict[str, Any]) -> None:
    trees(model)[0]["split_indices"][0] = 4


def more_features(model: dict[str, Any]) -> None:
    model["learner"]["learner_model_param"]["num_feature"] = "9"


def more_classes(model: dict[str, Any]) -> None:
    model["learner"]["learner_model_param"]["num_class"] = "1000000000"


def fewer_nodes(model: dict[str, Any]) -> None:
    trees(model)[0]["tree_param"]["num_nodes"] = "2"


def shorter_array(model: dict[str, Any]) -> None:
    trees(model)[0]["split_conditions"] = trees(model)[0]["split_conditions"][:-1]


def other_output(model: dict[str, Any]) -> None:
    model["learner"]["gradient_booster"]["model"]["tree_info"][0] = 5


def more_trees(model: dict[str, Any]) -> None:
    model["learner"]["gradient_booster"]["model"]["iteration_indptr"][-1] = 99


def set_beyond(model: dict[str, Any]) -> None:
    tree = next(each for each in trees(model) if each["categories_sizes"])
    tree["categories_sizes"][0] = 10**6


def category_beyond(model: dict[str, Any]) -> None:
    model["learner"]["gradient_booster"]["model"]["cats"]["sorted_idx"][0] = 10**6


def no_weights(model: dict[str, Any]) -> None:
    model["learner"]["gradient_booster"]["model"]["weights"] = [1.0]


@pytest.mark.parametrize(
    ("name", "alter"),
    [
        ("number", leads_back),
        ("number", leads_away),
        ("number", leads_below_zero),
        ("number", leads_twice),
        ("number", other_feature),
        ("number", more_features),
        ("number", more_classes),
        ("number", fewer_nodes),
        ("number", shorter_array),
        ("number", other_output),
        ("number", more_trees),
        ("categories", set_beyond),
        ("categories", category_beyond),
        ("linear", no_weights),
    ],
)
def test_altered_boosters_are_refused(
    name: str, alter: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = json.loads(MODELS[name].estimator.get_booster().save_raw("json"))
    monkeypatch.setattr(ubjson, "loads", lambda _: model)
    xgboost_file.check(b"")
    alter(model)
    with pytest.raises(ArtifactError, match=r"A booster of XGBoost is damaged: .*Publish again\."):
        xgboost_file.check(b"")


def test_damaged_bytes_are_refused() -> None:
    whole, random = content("number"), np.random.default_rng(0)
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        with pytest.raises(ArtifactError):
            xgboost_file.check(whole[:cut])
    with pytest.raises(ArtifactError):
        xgboost_file.check(whole + b"Z")
    with pytest.raises(ArtifactError):
        xgboost_file.check(b"[" * 100_000)
    data = MODELS["number"].X.to_numpy()
    for place in random.integers(len(whole), size=300).tolist():
        altered = bytearray(whole)
        altered[place] ^= 1 << int(random.integers(8))
        try:
            xgboost_file.check(bytes(altered))
        except ArtifactError:
            continue
        try:  # XGBoost may refuse what passed, but it must not crash
            booster: Booster = xgboost_file.load(bytes(altered))
            booster.inplace_predict(data)
        except ValueError:
            continue
