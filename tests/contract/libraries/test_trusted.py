"""Trusted types: what the user lists may be published, with pandas' objects in it, and no more."""

import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline

from service import trusted_types
from service.contract.errors import ArtifactError, EstimatorError
from service.contract.libraries import boosters, trusted
from service.contract.model_file import artifact
from tests.contract.libraries.fitted import number, table
from tests.contract.libraries.other_library import MeanOfTarget

NAME = f"{MeanOfTarget.__module__}.MeanOfTarget"


def fitted() -> tuple[Pipeline, pd.DataFrame]:
    X = table()[["place", "level"]].astype(str)
    return make_pipeline(MeanOfTarget(), Ridge()).fit(X, number()), X


def again(estimator: Pipeline) -> Pipeline:
    bare, _ = boosters.take_out(estimator)
    return artifact.loads(artifact.dumps(bare))


def test_unlisted_types_are_refused_with_advice() -> None:
    with pytest.raises(EstimatorError, match=rf"name '{NAME}' in service/trusted_types\.py"):
        again(fitted()[0])


def test_a_listed_type_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted_types, "TRUSTED", (NAME,))
    estimator, X = fitted()
    read = again(estimator)
    assert read.predict(X).tolist() == estimator.predict(X).tolist()
    was, now = vars(estimator[0]), vars(read[0])
    assert now["types_"] == was["types_"]
    assert now["all_"].equals(was["all_"])
    assert now["all_"].name == "column"
    for name, mean in was["means_"].items():
        pd.testing.assert_series_equal(now["means_"][name], mean)
    for one, other in zip(now["counts_"], was["counts_"], strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_methods_of_listed_types_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted_types, "TRUSTED", (NAME,))
    estimator, _ = fitted()
    vars(estimator[0])["transform"] = "no"
    with pytest.raises(ArtifactError, match="holds the attribute 'transform'"):
        again(estimator)


def test_a_wrong_list_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted_types, "TRUSTED", NAME)
    with pytest.raises(ArtifactError, match="names of classes are expected"):
        trusted.names()
