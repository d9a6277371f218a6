"""Model files made by hand, each to do something that no model should.

A case is a function that gives a file's content. `acts` says that plain skops,
told to trust the types that the file names, lets it act: while it is loaded, or
once it is asked. The rest are doors beside those, which nobody may open either.
"""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectFromModel, SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.metrics._scorer import _PassthroughScorer
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import ClassifierChain
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    SplineTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from service.contract.model_file import artifact
from service.features import AddRatio
from tests.support.models import iris

Node = dict[str, Any]
Files = dict[str, bytes]


@dataclass(frozen=True)
class Case:
    make: Callable[[str], bytes]
    acts: bool


CASES: dict[str, Case] = {}


def case(make: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Add a case, which gets a path that it may try to write to."""
    CASES[make.__name__] = Case(make, acts=False)
    return make


def acts(make: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Add a case that acts where only types are looked at."""
    CASES[make.__name__] = Case(make, acts=True)
    return make


# What the files are made from.


def fitted(estimator: Any) -> Any:
    return estimator.fit(iris().X, iris().y)


def line() -> Any:
    return fitted(LogisticRegression(max_iter=1000))


def shadowed(estimator: Any, **attributes: Any) -> bytes:
    """Put attributes into an object that are none of its class's."""
    vars(estimator).update(attributes)
    return artifact.dumps(estimator)


def calling(thing: Any, method: str) -> Any:
    """Return an estimator whose `transform(X)` calls a method of anything by name."""
    caller = StackingRegressor(estimators=[])
    vars(caller).update(
        estimators_=[thing], stack_method_=[method], _concatenate_predictions=np.logical_and
    )
    return caller


def payload(path: str) -> Any:
    """Return a function that, whatever it is called with, writes a file at a path."""
    end = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    vars(end)["score"] = partial(np.dtype, "f8")
    write = Pipeline([("call", calling(np.zeros(1), "tofile")), ("end", end)])
    return partial(_PassthroughScorer.__new__(_PassthroughScorer), write, path)


def edited(estimator: Any, edit: Callable[[Node], Any], files: Files | None = None) -> bytes:
    """Write an estimator, and edit the tree in the file; arrays that it no longer names go."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(artifact.dumps(estimator))) as made:
        schema = json.loads(made.read("schema.json"))
        edit(schema)
        tree = json.dumps(schema)
        with zipfile.ZipFile(out, "w") as file:
            for name in made.namelist():
                if name in tree and name != "schema.json":
                    file.writestr(name, made.read(name))
            for name, content in (files or {}).items():
                file.writestr(name, content)
            file.writestr("schema.json", tree)
    return out.getvalue()


def attributes(node: Node) -> Node:
    """Return the attributes of an object's node."""
    found: Node = node["content"]["content"]
    return found


def put(estimator: Any, attribute: str, node: Node) -> bytes:
    """Set one attribute of an estimator to a node of our own."""

    def edit(schema: Node) -> None:
        own, types = attributes(schema), schema["content"]["key_types"]["content"]
        if attribute not in own:
            types.append(types[0])
        own[attribute] = node

    return edited(estimator, edit)


def node(loader: str, name: str, **more: Any) -> Node:
    module, _, kind = name.rpartition(".")
    number = node.number = getattr(node, "number", 0) + 1  # type: ignore[attr-defined]
    return {
        "__class__": kind,
        "__module__": module,
        "__loader__": loader,
        "__id__": number,
        **more,
    }


def value(content: Any) -> Node:
    return node("JsonNode", "builtins.str", content=json.dumps(content), is_json=True)


def sequence(loader: str, name: str, *content: Node) -> Node:
    return node(loader, name, content=[*content])


def mapping(**content: Node) -> Node:
    kinds = [node("TypeNode", "builtins.str") for _ in content]
    keys = sequence("ListNode", "builtins.list", *kinds)
    return node("DictNode", "builtins.dict", content=content, key_types=keys)


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
    return artifact.dumps(pipeline)


@acts
def method_of_a_loss(path: str) -> bytes:
    boosting = fitted(HistGradientBoostingRegressor(max_iter=2, loss="poisson"))
    vars(boosting._loss.link)["inverse"] = payload(path)
    return artifact.dumps(boosting)


@acts
def method_of_a_kernel(path: str) -> bytes:
    process = fitted(GaussianProcessRegressor(RBF(), optimizer=None))
    vars(process)["kernel_"] = payload(path)
    return artifact.dumps(process)


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
    return artifact.dumps(stacking)


@case
def chain_calls_by_name(path: str) -> bytes:
    targets = iris().y.to_numpy()[:, None] == [0, 1]
    chain = ClassifierChain(LogisticRegression(max_iter=1000)).fit(iris().X, targets)
    chain.chain_method_ = "fit"
    return artifact.dumps(chain)


@case
def scorer_calls_by_name(path: str) -> bytes:
    search = fitted(GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=2, scoring="accuracy"))
    search.scorer_._response_method = "fit"
    return artifact.dumps(search)


@case
def importance_by_a_private_path(path: str) -> bytes:
    chosen = fitted(SelectFromModel(LogisticRegression(max_iter=1000)))
    chosen.importance_getter = "fit.__func__.__globals__"
    return artifact.dumps(chosen)


@case
def parameter_that_is_a_method(path: str) -> bytes:
    stacking = fitted(StackingRegressor([("r", LinearRegression())], cv=2))
    return shadowed(stacking, n_jobs="fit")


def format_case(name: str, text: str) -> Callable[[str], bytes]:
    def make(path: str) -> bytes:
        scaled = ColumnTransformer([("scale", StandardScaler(), [0, 1])]).fit(iris().X)
        scaled.verbose_feature_names_out = text
        return artifact.dumps(scaled.set_output(transform="pandas"))

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
    return artifact.dumps(estimator)


@case
def text_as_the_number_of_features(path: str) -> bytes:
    return put(line(), "n_features_in_", value("4"))


@case
def objects_as_classes(path: str) -> bytes:
    estimator = line()
    estimator.classes_ = [np.array([StandardScaler(), GaussianNB()], dtype=object)]
    return artifact.dumps(estimator)


# Functions where none belongs, and functions that do more than compute.


@acts
def partial_in_a_transformer(path: str) -> bytes:
    return artifact.dumps(FunctionTransformer(payload(path)).fit(iris().X))


@acts
def partial_in_a_target(path: str) -> bytes:
    target = fitted(TransformedTargetRegressor(LinearRegression()))
    target.transformer_.inverse_func = payload(path)
    return artifact.dumps(target)


@acts
def partial_as_a_kernel(path: str) -> bytes:
    ridge = fitted(KernelRidge())
    ridge.kernel = payload(path)
    return artifact.dumps(ridge)


@acts
def partial_as_weights(path: str) -> bytes:
    near = fitted(KNeighborsClassifier())
    near.weights = payload(path)
    return artifact.dumps(near)


@acts
def partial_as_importance(path: str) -> bytes:
    chosen = fitted(SelectFromModel(LogisticRegression(max_iter=1000)))
    chosen.importance_getter = payload(path)
    return artifact.dumps(chosen)


@acts
def partial_as_an_analyzer(path: str) -> bytes:
    words = CountVectorizer(vocabulary=["a", "b"])
    words.analyzer = payload(path)
    return artifact.dumps(words)


@acts
def partial_in_a_spline(path: str) -> bytes:
    spline = fitted(SplineTransformer())
    vars(spline.bsplines_[0])["_asarray"] = payload(path)
    return artifact.dumps(spline)


@acts
def function_of_numpy_in_a_partial(path: str) -> bytes:
    """A ufunc's `out` and keywords are plain; an object that is handed to it is not."""
    inner = partial(np.add, payload(path))
    return shadowed(FunctionTransformer(inner).fit(iris().X), transform=payload(path))


@case
def partial_with_attributes(path: str) -> bytes:
    function = partial(np.add, 1.0)
    function.note = 1  # type: ignore[attr-defined]
    return artifact.dumps(FunctionTransformer(function))


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
    return artifact.dumps(encoder)


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
    return artifact.dumps(near)


@case
def kernel_as_a_metric(path: str) -> bytes:
    near = fitted(KNeighborsClassifier(algorithm="brute"))
    near.metric = RBF()
    return artifact.dumps(near)


@case
def selector_as_a_score(path: str) -> bytes:
    chosen = fitted(SelectKBest(k=2))
    chosen.score_func = make_column_selector(".*")
    return artifact.dumps(chosen)


@case
def kernel_as_the_root(path: str) -> bytes:
    return artifact.dumps(RBF())


# Files that an estimator opens by itself.


@acts
def vectorizer_of_files(path: str) -> bytes:
    words = CountVectorizer(input="filename", vocabulary=["a", "b"])
    return artifact.dumps(words)


@case
def vectorizer_that_imports(path: str) -> bytes:
    return artifact.dumps(CountVectorizer(encoding="rot13", vocabulary=["a", "b"]))


@acts
def vectorizer_with_weights_of_files(path: str) -> bytes:
    words = TfidfVectorizer().fit(["a word", "another word"])
    words.input = "filename"
    return artifact.dumps(words)


@acts
def hashing_of_files(path: str) -> bytes:
    return artifact.dumps(FeatureUnion([("words", HashingVectorizer(input="filename"))]).fit([""]))


@case
def vectorizer_that_reads(path: str) -> bytes:
    return artifact.dumps(CountVectorizer(input="file", vocabulary=["a"]))


@case
def pipeline_with_a_cache(path: str) -> bytes:
    pipeline = fitted(make_pipeline(StandardScaler(), GaussianNB()))
    pipeline.memory = path
    return artifact.dumps(pipeline)


@case
def joblib_memory(path: str) -> bytes:
    pipeline = fitted(make_pipeline(StandardScaler(), GaussianNB()))
    return put(pipeline, "memory", node("ObjectNode", "joblib.memory.Memory", content=mapping()))


@case
def entry_of_half_a_character(path: str) -> bytes:
    return edited(line(), lambda schema: schema.update({"\ud800\n" * 10**5: 1}))


# Nodes that skops knows and scikit-learn does not need.


@case
def bound_method(path: str) -> bytes:
    return artifact.dumps(FunctionTransformer(GaussianNB().fit))


@case
def method_caller(path: str) -> bytes:
    content = sequence("TupleNode", "builtins.tuple", value("mkdir"))
    caller = node("OperatorFuncNode", "operator.methodcaller", attrs=content)
    return put(FunctionTransformer(np.log), "func", caller)


@case
def attribute_getter(path: str) -> bytes:
    content = sequence("TupleNode", "builtins.tuple", value("fit.__globals__"))
    getter = node("OperatorFuncNode", "operator.attrgetter", attrs=content)
    return put(FunctionTransformer(np.log), "func", getter)


@case
def cached_node_of_itself(path: str) -> bytes:
    def edit(schema: Node) -> None:
        again = node("CachedNode", "builtins.str")
        attributes(schema)["coef_"] = {**again, "__id__": schema["__id__"]}

    return edited(line(), edit)


@case
def number_of_another_node(path: str) -> bytes:
    """skops builds the first node of a number where the second stands, whatever that says."""

    def edit(schema: Node) -> None:
        own = attributes(schema)
        own["n_iter_"]["__id__"] = own["coef_"]["__id__"]

    return edited(line(), edit)


@case
def number_that_is_none(path: str) -> bytes:
    return edited(line(), lambda schema: attributes(schema)["C"].update(__id__="1"))


@case
def number_of_what_holds_it(path: str) -> bytes:
    def edit(schema: Node) -> None:
        attributes(schema)["C"]["__id__"] = schema["__id__"]

    return edited(line(), edit)


@case
def unknown_entry_in_a_node(path: str) -> bytes:
    return edited(line(), lambda schema: schema.update(__setstate__="os.system"))


@case
def list_of_another_class(path: str) -> bytes:
    """skops calls the class of a list with its items."""
    odd = sequence("ListNode", "sklearn.model_selection._split.KFold", value(3))
    return put(line(), "class_weight", odd)


@case
def set_of_another_class(path: str) -> bytes:
    return put(line(), "class_weight", sequence("SetNode", "numpy.ndarray", value(3)))


@case
def dict_of_another_class(path: str) -> bytes:
    odd = {**mapping(), "__module__": "sklearn.pipeline", "__class__": "Pipeline"}
    return put(line(), "class_weight", odd)


@case
def array_of_another_class(path: str) -> bytes:
    def edit(schema: Node) -> None:
        attributes(schema)["coef_"].update(__module__="numpy", __class__="memmap")

    return edited(line(), edit)


@case
def loss_of_another_class(path: str) -> bytes:
    """skops calls the class of a loss with what the file says."""
    classifier = fitted(SGDClassifier())

    def edit(schema: Node) -> None:
        attributes(schema)["_loss_function_"].update(
            __module__="sklearn.utils.validation", __class__="check_array"
        )

    return edited(classifier, edit)


@case
def constructor_of_a_partial(path: str) -> bytes:
    arguments = sequence("TupleNode", "builtins.tuple", node("FunctionNode", "numpy.log"))
    made = node("ConstructorFromReduceNode", "functools.partial", content=arguments)
    return put(FunctionTransformer(np.log), "func", made)


@case
def dtype_of_an_object(path: str) -> bytes:
    odd = node("DTypeNode", "numpy.dtype", content=mapping())
    return put(OrdinalEncoder(), "dtype", odd)


@case
def name_of_half_a_character(path: str) -> bytes:
    """No answer in UTF-8 can hold it, and a terminal acts on what follows."""
    name = "\ud800\n\x1b[2J<b>" + "o" * 10**5
    return put(OrdinalEncoder(), "dtype", node("TypeNode", f"{name}.fly"))


@case
def loader_of_half_a_character(path: str) -> bytes:
    return put(OrdinalEncoder(), "dtype", node("\ud800\n" * 10**5, "builtins.str"))


@case
def type_of_an_unknown_module(path: str) -> bytes:
    return put(OrdinalEncoder(), "dtype", node("TypeNode", "antigravity.fly"))


@case
def random_generator_by_name(path: str) -> bytes:
    forest = fitted(HistGradientBoostingRegressor(max_iter=1))

    def edit(schema: Node) -> None:
        state = attributes(schema)["_feature_subsample_rng"]["content"]["bit_generator"]
        state["content"]["bit_generator"] = value("seed")

    return edited(forest, edit)


@case
def random_state_beyond_its_numbers(path: str) -> bytes:
    estimator = LogisticRegression(random_state=np.random.RandomState(0))

    def edit(schema: Node) -> None:
        state = attributes(schema)["random_state"]["content"]["content"]["state"]
        state["content"]["pos"] = value(10**8)

    return edited(estimator, edit)


@case
def slice_of_a_list(path: str) -> bytes:
    odd = {"start": ["a"], "stop": None, "step": None}
    return put(line(), "class_weight", node("SliceNode", "builtins.slice", content=odd))


@case
def list_as_json(path: str) -> bytes:
    return put(line(), "class_weight", {**value(1), "content": '{"a": [1, 2]}'})


# Compiled classes with a state that is none.


@case
def tree_with_many_outputs(path: str) -> bytes:
    tree = fitted(DecisionTreeClassifier(max_depth=1))

    def edit(schema: Node) -> None:
        arguments = attributes(schema)["tree_"]["__reduce__"]["args"]["content"]
        arguments[2] = value(10**9)

    return edited(tree, edit)


@case
def neighbours_without_arrays(path: str) -> bytes:
    near = fitted(KNeighborsClassifier(algorithm="kd_tree"))

    def edit(schema: Node) -> None:
        state = attributes(schema)["_tree"]["content"]["content"]
        state[:4] = [value(None) for _ in range(4)]

    return edited(near, edit)


@case
def neighbours_with_a_text_for_a_distance(path: str) -> bytes:
    near = fitted(KNeighborsClassifier(algorithm="kd_tree"))

    def edit(schema: Node) -> None:
        state = attributes(schema)["_tree"]["content"]["content"]
        state[-2] = value("EuclideanDistance64")

    return edited(near, edit)


@case
def neighbours_with_a_dict(path: str) -> bytes:
    near = fitted(KNeighborsClassifier(algorithm="kd_tree"))
    return edited(near, lambda schema: attributes(schema)["_tree"].update(content=mapping()))


@case
def sparse_matrix_that_points_outside(path: str) -> bytes:
    estimator = fitted(KMeans(2, n_init=1))
    matrix = sparse.csr_matrix(np.eye(3))
    matrix.indices[:] = 1000
    vars(estimator)["labels_"] = matrix
    return artifact.dumps(estimator)


@case
def thresholds_that_are_text(path: str) -> bytes:
    """`__setstate__` of this class computes with what the file says."""
    isotonic = IsotonicRegression().fit(iris().X["petal_width"], iris().y)
    return put(isotonic, "X_thresholds_", value("text"))


@case
def voting_without_voters(path: str) -> bytes:
    voting = fitted(VotingClassifier([("bayes", GaussianNB())]))
    return put(voting, "voting", value("fit"))


# The zip.


def saved(array: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


@case
def array_that_is_a_pickle(path: str) -> bytes:
    objects = saved(np.array([BaseEstimator()], dtype=object), allow_pickle=True)
    odd = node("NdArrayNode", "numpy.ndarray", type="numpy", file="1.npy")
    change = lambda schema: attributes(schema).update(coef_=odd)  # noqa: E731
    return edited(line(), change, {"1.npy": objects})


@case
def array_that_is_an_archive(path: str) -> bytes:
    out = io.BytesIO()
    np.savez(out, np.zeros(1))
    odd = node("NdArrayNode", "numpy.ndarray", type="numpy", file="1.npy")
    change = lambda schema: attributes(schema).update(coef_=odd)  # noqa: E731
    return edited(line(), change, {"1.npy": out.getvalue()})


@case
def array_longer_than_the_file(path: str) -> bytes:
    content = saved(np.zeros(10**4)).replace(b"(10000,)", b"(1000000000000,)")
    odd = node("NdArrayNode", "numpy.ndarray", type="numpy", file="1.npy")
    change = lambda schema: attributes(schema).update(coef_=odd)  # noqa: E731
    return edited(line(), change, {"1.npy": content})


@case
def array_of_nothing_without_end(path: str) -> bytes:
    content = saved(np.zeros(1, dtype="V1"))[:-1]
    content = content.replace(b"'|V1'", b"'|V0'").replace(b"(1,)", b"(9999999999999,)")
    odd = node("NdArrayNode", "numpy.ndarray", type="numpy", file="1.npy")
    change = lambda schema: attributes(schema).update(coef_=odd)  # noqa: E731
    return edited(line(), change, {"1.npy": content})


@case
def member_that_is_missing(path: str) -> bytes:
    return edited(line(), lambda schema: attributes(schema)["coef_"].update(file="1.npy"))


@case
def member_that_nobody_names(path: str) -> bytes:
    return edited(line(), lambda schema: None, {"1.npy": saved(np.zeros(1))})


@case
def member_with_a_path(path: str) -> bytes:
    name = "../../1.npy"
    change = lambda schema: attributes(schema)["coef_"].update(file=name)  # noqa: E731
    return edited(line(), change, {name: saved(np.zeros(1))})


@case
def member_that_is_the_tree(path: str) -> bytes:
    return edited(line(), lambda schema: attributes(schema)["coef_"].update(file="schema.json"))


@case
def member_twice(path: str) -> bytes:
    return edited(line(), lambda schema: None, {"schema.json": b"{}"})


@case
def bomb(path: str) -> bytes:
    out = io.BytesIO(artifact.dumps(line()))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("1.npy", bytes(10**8))
    return out.getvalue()


@case
def bomb_in_a_sparse_matrix(path: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.npy", saved(np.zeros(1)))
        file.getinfo("data.npy").file_size = 2**31
    odd = node("SparseMatrixNode", "scipy.sparse._csr.csr_matrix", type="scipy", file="1.npz")
    change = lambda schema: attributes(schema).update(coef_=odd)  # noqa: E731
    return edited(line(), change, {"1.npz": packed.getvalue()})


def many(loader: str, name: str, file: str, kind: str, content: bytes) -> bytes:
    nodes = [node(loader, name, type=kind, file=file) for _ in range(120)]
    return put_file("coef_", sequence("ListNode", "builtins.list", *nodes), file, content)


def put_file(attribute: str, odd: Node, file: str, content: bytes) -> bytes:
    change = lambda schema: attributes(schema).update({attribute: odd})  # noqa: E731
    return edited(line(), change, {file: content})


@case
def array_that_many_name(path: str) -> bytes:
    """skops reads it anew for each node."""
    return many("NdArrayNode", "numpy.ndarray", "1.npy", "numpy", saved(np.zeros(10**4)))


@case
def sparse_matrix_that_many_name(path: str) -> bytes:
    out = io.BytesIO()
    sparse.save_npz(out, sparse.csr_matrix(np.ones((1, 10**6))))
    return many(
        "SparseMatrixNode", "scipy.sparse._csr.csr_matrix", "1.npz", "scipy", out.getvalue()
    )


def older(protocol: Any) -> Callable[[str], bytes]:
    def make(path: str) -> bytes:
        return edited(line(), lambda schema: schema.update(protocol=protocol))

    make.__name__ = f"protocol_{protocol!r}"
    return make


for protocol in (0, 1, 3, True, "2", None):
    case(older(protocol))


@case
def very_deep_nesting(path: str) -> bytes:
    inner = value(1)
    for _ in range(300):
        inner = sequence("ListNode", "builtins.list", inner)
    return put(line(), "class_weight", inner)


@case
def deep_nesting_of_json(path: str) -> bytes:
    return put(line(), "class_weight", {**value(1), "content": "[" * 10**6})


@case
def tree_that_is_a_list(path: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("schema.json", "[]")
    return out.getvalue()
