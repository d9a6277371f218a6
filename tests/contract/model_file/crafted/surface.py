"""Kinds that follow from scikit-learn's and NumPy's surface, with contents of an attacker's."""

from functools import partial

import numpy as np
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler

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

DISTRIBUTION = "scipy.stats._distn_infrastructure.rv_continuous_frozen"


@case
def distribution_in_a_search(path: str) -> bytes:
    search = RandomizedSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, n_iter=1, cv=2)
    return put(
        fitted(search), "param_distributions", node("ObjectNode", DISTRIBUTION, content=value(None))
    )


@case
def distribution_with_a_function(path: str) -> bytes:
    drawn = mapping(dist=node("FunctionNode", "os.system"))
    return put(line(), "class_weight", node("ObjectNode", DISTRIBUTION, content=drawn))


@case
def selector_with_a_function(path: str) -> bytes:
    selector = make_column_selector()
    selector.pattern = payload(path)
    return written(ColumnTransformer([("scale", StandardScaler(), selector)]))


@case
def scorer_in_place_of_an_estimator(path: str) -> bytes:
    search = fitted(GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=2))
    search.best_estimator_ = make_scorer(mean_squared_error)
    return written(search)


@case
def scorer_with_a_function_of_ours(path: str) -> bytes:
    search = fitted(GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=2, scoring="accuracy"))
    search.scorer_._score_func = payload(path)
    return written(search)


@case
def callbacks_of_an_estimator(path: str) -> bytes:
    return shadowed(line(), _skl_callbacks=[payload(path)])


@case
def splitter_that_calls(path: str) -> bytes:
    name = "sklearn.model_selection._split.RepeatedKFold"
    calling = mapping(cv=node("TypeNode", "builtins.str"))
    return put(line(), "class_weight", node("ObjectNode", name, content=calling))


@case
def function_of_numpy_as_coefficients(path: str) -> bytes:
    return put(line(), "coef_", node("FunctionNode", "numpy.nan_to_num"))


@case
def function_of_numpy_with_an_object(path: str) -> bytes:
    inner = partial(np.clip, GaussianNB())
    return written(FunctionTransformer(inner))


@case
def function_of_scikit_learn_that_calls(path: str) -> bytes:
    name = "sklearn.metrics.pairwise._transposed_dist_wrapper"
    return put(FunctionTransformer(np.log), "func", node("FunctionNode", name))


@case
def ufunc_that_was_made(path: str) -> bytes:
    return put(FunctionTransformer(np.log), "func", node("FunctionNode", "numpy.frompyfunc"))


@case
def tuple_with_names_of_another_class(path: str) -> bytes:
    """skops calls the class of a tuple that has names."""
    odd = sequence("TupleNode", "sklearn.gaussian_process.kernels.Hyperparameter", value("a"))
    return put(line(), "class_weight", odd)


@case
def tuple_with_too_few_names(path: str) -> bytes:
    odd = sequence("TupleNode", "sklearn.impute._iterative._ImputerTriplet", value(1))
    return put(line(), "class_weight", odd)


def neighbours(edit: str) -> bytes:
    near = fitted(KNeighborsClassifier(algorithm="ball_tree"))

    def change(schema: Node) -> None:
        state = attributes(schema)["_tree"]["content"]["content"]
        metric = state[11]
        if edit == "shorter":  # compiled code reads beyond the end of the tuple
            del state[11]
        elif edit == "longer":
            state.append(value(1))
        elif edit == "no distance":
            state[11] = {**metric, "content": sequence("TupleNode", "builtins.tuple")}
        else:
            function = node("FunctionNode", edit)
            metric["content"]["content"] += [function, mapping()]
            metric["__class__"] = "PyFuncDistance64"

    return edited(near, change)


@case
def neighbours_with_a_shorter_state(path: str) -> bytes:
    return neighbours("shorter")


@case
def neighbours_with_a_longer_state(path: str) -> bytes:
    return neighbours("longer")


@case
def neighbours_with_an_empty_distance(path: str) -> bytes:
    return neighbours("no distance")


@case
def distance_that_calls_a_program(path: str) -> bytes:
    return neighbours("os.system")


@case
def distance_that_opens_a_file(path: str) -> bytes:
    return neighbours("numpy.fromfile")


@acts
def calls_by_name_in_a_prototype(path: str) -> bytes:
    search = fitted(GridSearchCV(LogisticRegression(max_iter=1000), {"C": [1.0]}, cv=2))
    vars(search.estimator)["predict"] = payload(path)
    search.best_estimator_ = search.estimator
    return written(search)
