"""Versions: a model names its libraries, and a side with others says so by name and number."""

import pytest

from service.contract.errors import ArtifactError
from service.contract.libraries import versions


def test_a_missing_library_is_refused() -> None:
    with (
        pytest.raises(ArtifactError, match=r"catboost 1\.2, which the API does not have\. Add cat"),
        versions.told({"numpy": "1.0", "catboost": "1.2"}, "the API"),
    ):
        raise AssertionError("nothing is tried")


def test_a_failure_names_other_versions() -> None:
    here = versions.installed()["scikit-learn"]
    expected = rf"no_ is no attribute\. It was trained with scikit-learn 1\.0, the API has {here}"
    told = versions.told({"scikit-learn": "1.0"}, "the API")
    with pytest.raises(ArtifactError, match=expected), told:
        raise AttributeError("no_ is no attribute")


def test_same_versions_leave_errors_alone() -> None:
    told = versions.told(versions.installed(), "the API")
    with pytest.raises(AttributeError, match=r"^no_$"), told:
        raise AttributeError("no_")


def test_all_differences_are_named() -> None:
    trained, there = {"xgboost": "3.1", "numpy": "2", "lightgbm": "4"}, {"numpy": "2"}
    assert versions.difference(trained, there, "the API") == (
        "trained with xgboost 3.1, the API has none; with lightgbm 4, the API has none"
    )
