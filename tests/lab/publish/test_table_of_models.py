"""The table in docs/models.md has every estimator that is made without others."""

import re

import pytest

from benchmarks.published import FIRST, LAST, estimators
from tests.support.live import CHECKOUT

# One column, or several targets: served in tests/contract/predictors.
OTHERS = {"CCA", "IsotonicRegression", "PLSCanonical"}
OTHERS |= {f"MultiTask{name}" for name in ("ElasticNet", "ElasticNetCV", "Lasso", "LassoCV")}


@pytest.mark.filterwarnings("ignore:Class PassiveAggressive:FutureWarning")
def test_each_estimator_is_in_the_table() -> None:
    page = (CHECKOUT / "docs" / "models.md").read_text()
    table = page.partition(FIRST)[2].partition(LAST)[0]
    listed = {*re.findall(r"`(\w+)`", table)}
    assert {type(prototype).__name__ for _, prototype in estimators()} == listed | OTHERS
