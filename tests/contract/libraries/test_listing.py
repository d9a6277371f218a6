"""The listing follows the libraries: what they make public for one row at a time, and no more."""

import lightgbm
import pytest
import xgboost
from imblearn.utils.testing import all_estimators
from lightgbm import LGBMModel
from xgboost import XGBModel

from service.contract.libraries import listing


def name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.filterwarnings("ignore")
def test_all_of_imbalanced_learn_is_listed() -> None:
    public = [name_of(kind) for _, kind in all_estimators()]
    assert len(public) > 25
    assert [name for name in public if not listing.lists(name)] == []


def test_all_public_models_are_listed() -> None:
    found = set()
    for module, base in ((xgboost, XGBModel), (lightgbm, LGBMModel)):
        for name in module.__all__:
            kind = getattr(module, name)
            if isinstance(kind, type) and issubclass(kind, base) and not name.startswith("Dask"):
                found.add(name_of(kind))
    bases = {name_of(XGBModel), name_of(LGBMModel)}
    assert found - listing.RANKERS - bases == listing.ESTIMATORS


@pytest.mark.parametrize(
    "name", ["imblearn.base.print", "xgboost.core.Booster", "lightgbm.basic.Dataset", "os.system"]
)
def test_nothing_else_is_listed(name: str) -> None:
    assert not listing.lists(name)
