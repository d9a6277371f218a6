"""Fitted estimators of every kind, to be served and compared."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from imblearn.combine import SMOTEENN
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as with_sampler
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.cross_decomposition import CCA, PLSCanonical
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import SelectFromModel
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import (
    LogisticRegression,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.naive_bayes import CategoricalNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators
from xgboost import XGBClassifier, XGBRegressor

from service.features import AddRatio
from tests.contract.libraries.fitted import lightgbm_models, xgboost_models
from tests.support.models import MEASURES, Trained, iris, penguins
from tests.support.unsupervised import MODELS, customers, fitted


def plain(kind: str) -> Iterator[tuple[str, Trained]]:
    """Each classifier or regressor of scikit-learn that fits a table of numbers as it comes.

    Of trees it has ten: more are no other case, and take long to write and to read.
    """
    X = iris().X
    for name, estimator in all_estimators(type_filter=kind):
        y = iris().y if kind == "classifier" else X["petal_width"] * 2 + X["sepal_length"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                made = estimator()
                trees = "max_iter" if name.startswith("HistGradient") else "n_estimators"
                if trees in made.get_params():
                    made.set_params(**{trees: 10})
                fitted = made.fit(X, y)
                fitted.predict(X)
            except (TypeError, ValueError):  # it is made otherwise: see `composed`
                continue
        yield name, Trained(fitted, X, y)


def prepared(unknown: str = "ignore", scaler: Any = None) -> Any:
    encode = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown=unknown)
    )
    numbers = make_pipeline(SimpleImputer(), scaler or StandardScaler())
    return make_column_transformer((encode, ["island", "sex"]), (numbers, MEASURES))


def mixed() -> Iterator[tuple[str, Trained]]:
    """Pipelines on the penguins: text and numbers, some missing."""
    X, y = penguins().X, penguins().y
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    by_type = make_column_transformer(
        (codes, make_column_selector(dtype_exclude=np.number)), remainder="passthrough"
    )
    last_steps = [
        LogisticRegression(max_iter=2000),
        RandomForestClassifier(20, random_state=0),
        ExtraTreesClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=10),
        HistGradientBoostingClassifier(max_iter=10),
        DecisionTreeClassifier(),
        KNeighborsClassifier(),
        GaussianNB(),
        RidgeClassifier(),
        SGDClassifier(random_state=0),
        SVC(),
        Ridge(),
        RandomForestRegressor(20, random_state=0),
        HistGradientBoostingRegressor(max_iter=10),
    ]
    pipelines = [(f"mixed-{type(last).__name__}", prepared(), last) for last in last_steps]
    pipelines += [
        ("mixed-error", prepared("error", MinMaxScaler()), last_steps[0]),
        ("mixed-robust", prepared(scaler=RobustScaler()), last_steps[1]),
        ("mixed-codes", by_type, last_steps[4]),
    ]
    for name, prepare, last in pipelines:
        target = y if is_classifier(last) else X["bill_length_mm"].fillna(0)
        yield name, Trained(make_pipeline(prepare, clone(last)).fit(X, target), X, target)


def composed() -> Iterator[tuple[str, Trained]]:
    """Estimators of estimators, other classes, several targets."""
    X, y = iris().X, iris().y
    forest, line = RandomForestClassifier(10, random_state=0), LogisticRegression(max_iter=1000)
    two = pd.DataFrame({"kind": y, "large": (X["petal_length"] > 3).astype(int)})
    wide, long = X[["petal_length", "petal_width"]], X["petal_length"]
    made: list[tuple[str, Any, Any]] = [
        ("calibrated", CalibratedClassifierCV(forest, cv=3), y),
        ("calibrated-isotonic", CalibratedClassifierCV(line, method="isotonic", cv=3), y),
        ("voting", VotingClassifier([("f", forest), ("l", line)], voting="soft"), y),
        ("voting-hard", VotingClassifier([("f", forest), ("l", line)]), y),
        ("stacking", StackingClassifier([("f", forest), ("l", line)], cv=3), y),
        ("bagging", BaggingClassifier(DecisionTreeClassifier(), random_state=0), y),
        ("bagging-columns", BaggingClassifier(line, max_features=2, random_state=0), y),
        ("searched", GridSearchCV(line, {"C": [0.1, 1.0]}, cv=3), y),
        ("searched-randomly", RandomizedSearchCV(line, {"C": [0.1, 1.0]}, n_iter=2, cv=3), y),
        ("one-vs-rest", OneVsRestClassifier(line), y),
        ("one-vs-one", OneVsOneClassifier(line), y),
        ("output-code", OutputCodeClassifier(line, random_state=0), y),
        ("self-training", SelfTrainingClassifier(line), y),
        ("threshold", FixedThresholdClassifier(line, threshold=0.3), y == 2),
        ("threshold-tuned", TunedThresholdClassifierCV(line, cv=3), y == 2),
        ("selected", make_pipeline(SelectFromModel(forest), line), y),
        ("own-transformer", make_pipeline(AddRatio("petal_length", "petal_width"), line), y),
        ("own-and-forest", make_pipeline(AddRatio("sepal_length", "sepal_width"), forest), y),
        ("text-classes", forest, y.map({0: "setosa", 1: "versicolor", 2: "virginica"})),
        ("boolean-classes", line, y == 0),
        ("integer-classes", forest, y * 10 + 7),
        ("categories-bounded", CategoricalNB(min_categories=20), y),
        ("two-targets", forest, two),
        ("two-targets-each", MultiOutputClassifier(line), two),
        ("two-targets-in-a-row", ClassifierChain(line), two > 0),
        ("two-numbers", RandomForestRegressor(10, random_state=0), wide),
        ("two-numbers-line", Ridge(), wide),
        ("two-numbers-each", MultiOutputRegressor(Ridge()), wide),
        ("two-numbers-in-a-row", RegressorChain(Ridge()), wide),
        ("two-numbers-lasso", MultiTaskLasso(0.01), wide),
        ("two-numbers-lasso-cv", MultiTaskLassoCV(cv=3), wide),
        ("two-numbers-net", MultiTaskElasticNet(0.01), wide),
        ("two-numbers-net-cv", MultiTaskElasticNetCV(cv=3), wide),
        ("two-numbers-cca", CCA(), wide),
        ("two-numbers-pls", PLSCanonical(), wide),
        ("voting-numbers", VotingRegressor([("r", Ridge()), ("t", DecisionTreeRegressor())]), long),
        ("stacking-numbers", StackingRegressor([("r", Ridge())], cv=3), long),
        ("logarithm", TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp), long),
        (
            "quantile",
            HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=10),
            long,
        ),
        ("poisson", HistGradientBoostingRegressor(loss="poisson", max_iter=10), long),
    ]
    for name, estimator, target in made:
        yield name, Trained(clone(estimator).fit(X, target), X, target)
    one = X[["petal_width"]]
    yield "isotonic", Trained(IsotonicRegression(out_of_bounds="clip").fit(one, long), one, long)


def without_target() -> Iterator[tuple[str, Trained]]:
    """Clusterers, mixtures and outlier detectors; a target changes nothing for them."""
    X = customers()
    for name in MODELS:
        yield name.replace(" ", "-"), Trained(fitted(name), X, X["age"])
    missing = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
    forest = clone(MODELS["IsolationForest"])
    yield "isolation-of-missing", Trained(forest.fit(missing), missing, X["age"])
    tiny, huge = X * 1e-4, X * 1e5
    yield "kmeans-of-tiny", Trained(clone(MODELS["KMeans"]).fit(tiny), tiny, X["age"])
    yield "kmeans-of-huge", Trained(clone(MODELS["KMeans"]).fit(huge), huge, X["age"])


def boosted() -> Iterator[tuple[str, Trained]]:
    """Models of XGBoost, LightGBM and imbalanced-learn, alone, in pipelines and in searches."""
    for library, models in (("xgboost", xgboost_models()), ("lightgbm", lightgbm_models())):
        for name, trained in models.items():
            yield f"{library}-{name}", trained
    X, y = penguins().X, penguins().y
    codes, mass = y.astype("category").cat.codes.astype(int), X["body_mass_g"].fillna(4000)
    few: dict[str, Any] = {"n_estimators": 10}
    lightgbm = LGBMClassifier(verbose=-1, **few)
    made: list[tuple[str, Any, Any]] = [
        ("xgboost-pipeline", make_pipeline(prepared(), XGBClassifier(**few)), codes),
        ("xgboost-pipeline-number", make_pipeline(prepared(), XGBRegressor(**few)), mass),
        ("lightgbm-pipeline", make_pipeline(prepared(), lightgbm), y),
        (
            "xgboost-searched",
            GridSearchCV(
                make_pipeline(prepared(), XGBClassifier()),
                {"xgbclassifier__n_estimators": [3, 5]},
                cv=2,
            ),
            codes,
        ),
        (
            "lightgbm-searched",
            RandomizedSearchCV(
                make_pipeline(prepared(), LGBMRegressor(verbose=-1)),
                {"lgbmregressor__n_estimators": [3, 5]},
                n_iter=2,
                cv=2,
                scoring="neg_mean_absolute_error",
            ),
            mass,
        ),
        ("sampled-lightgbm", with_sampler(prepared(), RandomOverSampler(), clone(lightgbm)), y),
        ("sampled-smote", with_sampler(prepared(), SMOTE(), LogisticRegression(max_iter=999)), y),
        ("sampled-both", with_sampler(prepared(), SMOTEENN(), RandomForestClassifier(10)), y),
        ("balanced-forest", make_pipeline(prepared(), BalancedRandomForestClassifier(10)), y),
        ("balanced-bagging", make_pipeline(prepared(), BalancedBaggingClassifier()), y),
        ("easy-ensemble", make_pipeline(prepared(), EasyEnsembleClassifier(3)), y),
        ("rus-boost", make_pipeline(prepared(), RUSBoostClassifier(n_estimators=5)), y),
    ]
    for name, estimator, target in made:
        yield name, Trained(estimator.fit(X, target), X, target)
    X, y = iris().X, iris().y
    inside: list[tuple[str, Any]] = [
        (
            "boosters-voting",
            VotingClassifier([("x", XGBClassifier(**few)), ("l", clone(lightgbm))], voting="soft"),
        ),
        ("boosters-stacking", StackingClassifier([("x", XGBClassifier(**few))], cv=3)),
        ("boosters-calibrated", CalibratedClassifierCV(clone(lightgbm), cv=3)),
        ("boosters-bagging", BaggingClassifier(XGBClassifier(**few), n_estimators=3)),
    ]
    for name, estimator in inside:
        yield name, Trained(estimator.fit(X, y), X, y)


def everything() -> dict[str, Trained]:
    """Return all of them by name, small letters and digits as a model's name must be."""
    found = [*plain("classifier"), *plain("regressor"), *mixed(), *composed(), *without_target()]
    found += boosted()
    return {name.lower(): trained for name, trained in found}
