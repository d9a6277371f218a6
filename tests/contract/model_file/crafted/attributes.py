"""Keys of dicts and attributes, which take the place of what a class defines or is called by."""

from collections.abc import Callable

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingRegressor,
)
from sklearn.feature_selection import SelectFromModel
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import ClassifierChain
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    StandardScaler,
)

from service.features import AddRatio
from tests.contract.model_file.crafted.case import (
    Node,
    acts,
    attributes,
    case,
    edited,
    fitted,
    line,
    mapping,
    node,
    payload,
    put,
    sequence,
    shadowed,
    value,
    written,
)
from tests.support.models import iris

# A dict's keys are called for: `type(key)`.


@acts
def key_of_a_dict(path: str) -> bytes:
    estimator = line()
    estimator.class_weight, estimator.warm_start = {"a": 1.0}, [payload(path)]

    def edit(schema: Node) -> None:
        own = attributes(schema)
        own["class_weight"]["key_types"] = own["warm_start"]

    return edited(estimator, edit)


@acts
def key_of_the_attributes(path: str) -> bytes:
    estimator = line()
    estimator.warm_start = [payload(path)] * len(vars(estimator))

    def edit(schema: Node) -> None:
        schema["content"]["key_types"] = attributes(schema)["warm_start"]

    return edited(estimator, edit)


@case
def key_type_that_maps(path: str) -> bytes:
    keys = sequence("ListNode", "builtins.list", node("TypeNode", "builtins.map"))
    return put(line(), "class_weight", {**mapping(a=value(1)), "key_types": keys})


@case
def key_of_a_function(path: str) -> bytes:
    keys = sequence("ListNode", "builtins.list", node("FunctionNode", "numpy.log"))
    return put(line(), "class_weight", {**mapping(a=value(1)), "key_types": keys})


@case
def fewer_types_than_keys(path: str) -> bytes:
    return put(
        line(), "class_weight", {**mapping(a=value(1)), "content": {"a": value(1), "b": value(2)}}
    )


# An attribute takes the place of what its class defines.


@acts
def method_predict(path: str) -> bytes:
    return shadowed(line(), predict=payload(path))


@acts
def method_decision_function(path: str) -> bytes:
    return shadowed(line(), decision_function=payload(path))


@acts
def method_of_a_step(path: str) -> bytes:
    pipeline = fitted(make_pipeline(StandardScaler(), GaussianNB()))
    vars(pipeline[0])["transform"] = payload(path)
    return written(pipeline)


@acts
def method_of_a_loss(path: str) -> bytes:
    boosting = fitted(HistGradientBoostingRegressor(max_iter=2, loss="poisson"))
    vars(boosting._loss.link)["inverse"] = payload(path)
    return written(boosting)


@acts
def method_of_a_kernel(path: str) -> bytes:
    process = fitted(GaussianProcessRegressor(RBF(), optimizer=None))
    vars(process)["kernel_"] = payload(path)
    return written(process)


@acts
def method_of_our_own_class(path: str) -> bytes:
    return shadowed(
        AddRatio("a", "b").fit(iris().X.set_axis([*"abcd"], axis=1)), transform=payload(path)
    )


@acts
def method_that_a_class_lacks(path: str) -> bytes:
    """Ridge and the like have no `predict_proba`; whoever looks for one finds this."""
    return shadowed(fitted(LinearRegression()), predict_proba=payload(path))


@case
def property_of_a_forest(path: str) -> bytes:
    forest = fitted(RandomForestClassifier(2))
    return shadowed(forest, feature_importances_=np.zeros(4))


@case
def name_with_underscores(path: str) -> bytes:
    return put(line(), "__sklearn_tags__", node("FunctionNode", "numpy.log"))


@case
def class_of_an_object(path: str) -> bytes:
    return put(line(), "__class__", node("TypeNode", "builtins.str"))


@case
def array_function_of_an_object(path: str) -> bytes:
    return put(line(), "__array_function__", node("FunctionNode", "numpy.log"))


@case
def array_of_an_object(path: str) -> bytes:
    return put(line(), "__array__", node("FunctionNode", "numpy.log"))


@case
def init_subclass_of_an_object(path: str) -> bytes:
    return put(line(), "__init_subclass__", value(1))


@case
def reduce_of_an_object(path: str) -> bytes:
    """Validation hands an estimator over by pickling it."""
    return put(line(), "__reduce_ex__", node("FunctionNode", "numpy.log"))


@case
def constraints_of_the_parameters(path: str) -> bytes:
    return put(line(), "_parameter_constraints", mapping())


@case
def type_as_an_attribute(path: str) -> bytes:
    return put(line(), "_check_feature_names", node("TypeNode", "builtins.str"))


# scikit-learn calls by name.


@acts
def stacking_calls_by_name(path: str) -> bytes:
    """`fit` with a folder as its cache writes into that folder, and reads pickles there."""
    cached = Pipeline([("scale", StandardScaler()), ("none", "passthrough")], memory=path)
    stacking = fitted(StackingRegressor([("r", LinearRegression())], cv=2))
    stacking.estimators_, stacking.stack_method_ = [cached], ["fit_transform"]
    return written(stacking)


@case
def chain_calls_by_name(path: str) -> bytes:
    targets = iris().y.to_numpy()[:, None] == [0, 1]
    chain = ClassifierChain(LogisticRegression(max_iter=1000)).fit(iris().X, targets)
    chain.chain_method_ = "fit"
    return written(chain)


@case
def scorer_calls_by_name(path: str) -> bytes:
    search = fitted(GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=2, scoring="accuracy"))
    search.scorer_._response_method = "fit"
    return written(search)


@case
def importance_by_a_private_path(path: str) -> bytes:
    chosen = fitted(SelectFromModel(LogisticRegression(max_iter=1000)))
    chosen.importance_getter = "fit.__func__.__globals__"
    return written(chosen)


@case
def parameter_that_is_a_method(path: str) -> bytes:
    stacking = fitted(StackingRegressor([("r", LinearRegression())], cv=2))
    return shadowed(stacking, n_jobs="fit")


def format_case(name: str, text: str) -> Callable[[str], bytes]:
    def make(path: str) -> bytes:
        scaled = ColumnTransformer([("scale", StandardScaler(), [0, 1])]).fit(iris().X)
        scaled.verbose_feature_names_out = text
        return written(scaled.set_output(transform="pandas"))

    make.__name__ = f"format_that_{name}"
    return make


for name, text in {
    "reads_attributes": "{feature_name.__init__.__globals__}",
    "reads_items": "{transformer_name[0]}",
    "converts": "{feature_name!r}",
    "fills": "{feature_name:>1000000000}",
    "nests": "{feature_name:{transformer_name.__class__}}",
    "counts": "{0.__class__}",
    "is_broken": "{feature_name",
}.items():
    case(format_case(name, text))


@case
def objects_as_feature_names(path: str) -> bytes:
    estimator = line()
    estimator.feature_names_in_ = np.array([StandardScaler(), GaussianNB()], dtype=object)
    return written(estimator)


@case
def text_as_the_number_of_features(path: str) -> bytes:
    return put(line(), "n_features_in_", value("4"))


@case
def objects_as_classes(path: str) -> bytes:
    estimator = line()
    estimator.classes_ = [np.array([StandardScaler(), GaussianNB()], dtype=object)]
    return written(estimator)


@case
def parameter_of_another_type(path: str) -> bytes:
    """One tree has 2 for it, which is right, and the next one 2.0, which is not."""
    forest = fitted(RandomForestClassifier(2, min_samples_split=2))
    forest.estimators_[1].min_samples_split = 2.0
    return written(forest)
