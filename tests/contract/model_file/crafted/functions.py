"""Functions, callable objects and files, where none of them belongs."""

from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn.compose import TransformedTargetRegressor, make_column_selector
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectFromModel, SelectKBest
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    SplineTransformer,
    StandardScaler,
)

from tests.contract.model_file.crafted.case import (
    acts,
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

# Functions where none belongs, and functions that do more than compute.


@acts
def partial_in_a_transformer(path: str) -> bytes:
    return written(FunctionTransformer(payload(path)).fit(iris().X))


@acts
def partial_in_a_target(path: str) -> bytes:
    target = fitted(TransformedTargetRegressor(LinearRegression()))
    target.transformer_.inverse_func = payload(path)
    return written(target)


@acts
def partial_as_a_kernel(path: str) -> bytes:
    ridge = fitted(KernelRidge())
    ridge.kernel = payload(path)
    return written(ridge)


@acts
def partial_as_weights(path: str) -> bytes:
    near = fitted(KNeighborsClassifier())
    near.weights = payload(path)
    return written(near)


@acts
def partial_as_importance(path: str) -> bytes:
    chosen = fitted(SelectFromModel(LogisticRegression(max_iter=1000)))
    chosen.importance_getter = payload(path)
    return written(chosen)


@acts
def partial_as_an_analyzer(path: str) -> bytes:
    words = CountVectorizer(vocabulary=["a", "b"])
    words.analyzer = payload(path)
    return written(words)


@acts
def partial_in_a_spline(path: str) -> bytes:
    spline = fitted(SplineTransformer())
    vars(spline.bsplines_[0])["_asarray"] = payload(path)
    return written(spline)


@acts
def function_of_numpy_in_a_partial(path: str) -> bytes:
    """A ufunc's `out` and keywords are plain; an object that is handed to it is not."""
    inner = partial(np.add, payload(path))
    return shadowed(FunctionTransformer(inner).fit(iris().X), transform=payload(path))


@case
def partial_with_attributes(path: str) -> bytes:
    function = partial(np.add, 1.0)
    function.note = 1  # type: ignore[attr-defined]
    return written(FunctionTransformer(function))


@case
def partial_of_a_type(path: str) -> bytes:
    parts = {
        "func": node("TypeNode", "builtins.str"),
        "args": sequence("TupleNode", "builtins.tuple"),
        "kwds": mapping(),
        "namespace": value(None),
    }
    made = node("PartialNode", "functools.partial", content=parts)
    return put(FunctionTransformer(np.log), "func", made)


def opener(name: str) -> Callable[[str], bytes]:
    def make(path: str) -> bytes:
        return put(FunctionTransformer(np.log), "func", node("FunctionNode", f"numpy.{name}"))

    make.__name__ = f"numpy_{name}"
    return make


for name in ("fromfile", "load", "save", "memmap", "genfromtxt", "loadtxt", "fromregex"):
    case(opener(name))


@case
def lambda_by_its_name(path: str) -> bytes:
    return put(
        FunctionTransformer(np.log), "func", node("FunctionNode", "service.features.<lambda>")
    )


@case
def module_of_our_own_file(path: str) -> bytes:
    odd = node("FunctionNode", "service.features.np")
    return put(FunctionTransformer(np.log), "func", odd)


@case
def function_of_another_module(path: str) -> bytes:
    return put(FunctionTransformer(np.log), "func", node("FunctionNode", "os.system"))


@case
def function_in_the_categories(path: str) -> bytes:
    encoder = OneHotEncoder().fit(np.array([["a"], ["b"]], dtype=object))
    encoder.categories_ = [np.array([np.log, np.exp], dtype=object)]
    return written(encoder)


@case
def function_as_coefficients(path: str) -> bytes:
    return put(line(), "coef_", node("FunctionNode", "numpy.log"))


@case
def function_as_feature_names(path: str) -> bytes:
    return put(line(), "feature_names_in_", node("FunctionNode", "numpy.log"))


# Objects that can be called, where they do not belong.


@case
def scorer_as_a_metric(path: str) -> bytes:
    near = fitted(KNeighborsClassifier(algorithm="brute"))
    near.metric = make_scorer(mean_squared_error)
    return written(near)


@case
def kernel_as_a_metric(path: str) -> bytes:
    near = fitted(KNeighborsClassifier(algorithm="brute"))
    near.metric = RBF()
    return written(near)


@case
def selector_as_a_score(path: str) -> bytes:
    chosen = fitted(SelectKBest(k=2))
    chosen.score_func = make_column_selector(".*")
    return written(chosen)


@case
def kernel_as_the_root(path: str) -> bytes:
    return written(RBF())


# Files that an estimator opens by itself.


@acts
def vectorizer_of_files(path: str) -> bytes:
    words = CountVectorizer(input="filename", vocabulary=["a", "b"])
    return written(words)


@case
def vectorizer_that_imports(path: str) -> bytes:
    return written(CountVectorizer(encoding="rot13", vocabulary=["a", "b"]))


@acts
def vectorizer_with_weights_of_files(path: str) -> bytes:
    words = TfidfVectorizer().fit(["a word", "another word"])
    words.input = "filename"
    return written(words)


@acts
def hashing_of_files(path: str) -> bytes:
    return written(FeatureUnion([("words", HashingVectorizer(input="filename"))]).fit([""]))


@case
def vectorizer_that_reads(path: str) -> bytes:
    return written(CountVectorizer(input="file", vocabulary=["a"]))


@case
def pipeline_with_a_cache(path: str) -> bytes:
    pipeline = fitted(make_pipeline(StandardScaler(), GaussianNB()))
    pipeline.memory = path
    return written(pipeline)


@case
def joblib_memory(path: str) -> bytes:
    pipeline = fitted(make_pipeline(StandardScaler(), GaussianNB()))
    return put(pipeline, "memory", node("ObjectNode", "joblib.memory.Memory", content=mapping()))


@case
def entry_of_half_a_character(path: str) -> bytes:
    return edited(line(), lambda schema: schema.update({"\ud800\n" * 10**5: 1}))
