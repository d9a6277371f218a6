"""Boosters: what is written of a model, put back in, predicts the same; what was altered is not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMRegressor
from sklearn.ensemble import BaggingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRanker, XGBRegressor

from service.contract.errors import ArtifactError, EstimatorError
from service.contract.libraries import boosters
from service.contract.libraries.boosters import BoosterFile
from service.contract.model_file import artifact
from service.lab.publish.publication import Publication
from tests.contract.libraries.fitted import lightgbm_models, number, table, xgboost_models
from tests.support.models import Trained

FITTED = {f"xgboost-{name}": each for name, each in xgboost_models().items()} | {
    f"lightgbm-{name}": each for name, each in lightgbm_models().items()
}
NUMBERS = table()[[*"abcd"]]


def written_and_read(estimator: Any) -> Any:
    bare, files = boosters.take_out(estimator)
    return artifact.loads(artifact.dumps(bare), booster=files.__getitem__)


def assert_same(one: Any, other: Any, trained: Trained) -> None:
    assert np.array_equal(one.predict(trained.X), other.predict(trained.X))
    if hasattr(one, "predict_proba"):
        assert np.array_equal(one.predict_proba(trained.X), other.predict_proba(trained.X))


@pytest.mark.parametrize("name", FITTED)
def test_every_kind_comes_back(name: str) -> None:
    trained = FITTED[name]
    again = written_and_read(trained.estimator)
    assert_same(trained.estimator, again, trained)
    boosters.use_one_thread(again)
    assert_same(trained.estimator, again, trained)


def test_early_stopping_is_kept() -> None:
    for name in ("xgboost-stopped-early", "lightgbm-stopped-early"):
        estimator = FITTED[name].estimator
        again = written_and_read(estimator)
        best = "best_iteration" if name.startswith("xgboost") else "best_iteration_"
        assert getattr(again, best) == getattr(estimator, best) < 49


def test_boosters_anywhere_come_back() -> None:
    inside = [
        make_pipeline(StandardScaler(), XGBRegressor(n_estimators=3)),
        GridSearchCV(LGBMRegressor(verbose=-1), {"n_estimators": [2, 3]}, cv=2),
        BaggingRegressor(XGBRegressor(n_estimators=3), n_estimators=3, random_state=0),
    ]
    for estimator in inside:
        trained = Trained(estimator.fit(NUMBERS, number()), NUMBERS, number())
        assert_same(estimator, written_and_read(estimator), trained)


def test_the_trained_model_stays_whole() -> None:
    estimator = XGBRegressor(n_estimators=3, callbacks=[], eval_metric="mae")
    estimator.fit(NUMBERS, number(), eval_set=[(NUMBERS, number())], verbose=False)
    booster = estimator.get_booster()
    bare, files = boosters.take_out(estimator)
    assert estimator.get_booster() is booster
    assert estimator.evals_result_["validation_0"]["mae"]
    assert isinstance(bare._Booster, BoosterFile)
    assert [*files] == [bare._Booster.name] == ["booster-0.ubj"]
    assert not hasattr(bare, "evals_result_")


def test_no_path_of_training_travels() -> None:
    given: dict[str, Any] = {"forcedsplits_filename": "", "machines": "", "verbose": -1}
    estimator = LGBMRegressor(n_estimators=3, **given).fit(NUMBERS, number())
    bare, files = boosters.take_out(estimator)
    assert bare._other_params == {"verbose": -1}
    assert b"[machines" not in files["booster-0.txt"]


def test_other_estimators_are_not_copied() -> None:
    ridge = Ridge()
    assert boosters.take_out(ridge) == (ridge, {})


def test_rankers_are_refused_with_advice() -> None:
    grades, groups = (number() > 5).astype(int), [len(NUMBERS)]
    ranker = XGBRanker(n_estimators=3).fit(NUMBERS, grades, group=groups)
    with pytest.raises(EstimatorError, match=r"only compare the rows of one query"):
        boosters.take_out(make_pipeline("passthrough", ranker))


def off_by(true: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return given - true, np.ones_like(given)


def test_own_objectives_are_refused_with_advice() -> None:
    estimator = XGBRegressor(n_estimators=3, objective=off_by).fit(NUMBERS, number())
    with pytest.raises(EstimatorError, match=r"off_by.*service/features\.py"):
        written = Publication("m", estimator, NUMBERS, number())
        written._model()


def test_altered_places_are_refused(tmp_path: Path) -> None:
    estimator = LGBMRegressor(n_estimators=3, verbose=-1).fit(NUMBERS, number())
    bare, files = boosters.take_out(estimator)
    ridge = Ridge().fit([[0.0]], [0.0])
    ridge.coef_ = BoosterFile("booster-0.txt")
    with pytest.raises(ArtifactError, match=r"Ridge\.coef_ holds a BoosterFile"):
        artifact.loads(artifact.dumps(ridge), booster=files.__getitem__)
    for name in ("../booster-0.txt", "booster-0.pkl", "booster-00.txt"):
        bare._Booster.name = name
        with pytest.raises(ArtifactError, match="is no file of a booster"):
            artifact.loads(artifact.dumps(bare), booster=files.__getitem__)
    bare._Booster.name = "booster-7.txt"
    (tmp_path / "model.skops").write_bytes(artifact.dumps(bare))
    with pytest.raises(ArtifactError, match=r"booster-7\.txt cannot be read"):
        artifact.load(tmp_path / "model.skops")


def test_another_librarys_booster_is_refused() -> None:
    _, files = boosters.take_out(LGBMRegressor(n_estimators=3, verbose=-1).fit(NUMBERS, number()))
    bare, _ = boosters.take_out(XGBRegressor(n_estimators=3).fit(NUMBERS, number()))
    bare._Booster.name = "booster-0.txt"
    with pytest.raises(ArtifactError, match="holds no booster of XGBoost"):
        artifact.loads(artifact.dumps(bare), booster=files.__getitem__)


def test_added_parameters_are_refused() -> None:
    bare, files = boosters.take_out(
        LGBMRegressor(n_estimators=3, verbose=-1).fit(NUMBERS, number())
    )
    changes: list[dict[str, Any]] = [
        {"_other_params": {"predict_disable_shape_check": True}},
        {"_objective": "regression predict_disable_shape_check=true"},
    ]
    for change in changes:
        kept = {name: vars(bare)[name] for name in change}
        vars(bare).update(change)
        with pytest.raises(ArtifactError, match="which no prediction needs"):
            artifact.loads(artifact.dumps(bare), booster=files.__getitem__)
        vars(bare).update(kept)


def test_attributes_that_hide_methods_are_refused() -> None:
    estimator = XGBClassifier(n_estimators=3).fit(NUMBERS, number() > 5)
    bare, files = boosters.take_out(estimator)
    bare.predict = "no"
    with pytest.raises(ArtifactError, match="holds the attribute 'predict'"):
        artifact.loads(artifact.dumps(bare), booster=files.__getitem__)
