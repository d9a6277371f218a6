"""Nodes that no estimator needs, and compiled classes with a state that is none."""

import numpy as np
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    VotingClassifier,
)
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import (
    FunctionTransformer,
    OrdinalEncoder,
)
from sklearn.tree import DecisionTreeClassifier

from tests.contract.model_file.crafted.case import (
    Node,
    attributes,
    case,
    edited,
    fitted,
    line,
    mapping,
    node,
    put,
    sequence,
    value,
    written,
)
from tests.support.models import iris

# Nodes that skops knows and scikit-learn does not need.


@case
def bound_method(path: str) -> bytes:
    return written(FunctionTransformer(GaussianNB().fit))


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


def again(**changes: object) -> bytes:
    """Write a leaf twice, the second time with changes."""
    leaf = value(3)
    return put(line(), "coef_", sequence("ListNode", "builtins.list", leaf, {**leaf, **changes}))


@case
def leaf_again_with_another_value(path: str) -> bytes:
    return again(content="4")


@case
def leaf_again_with_another_entry(path: str) -> bytes:
    return again(file="1.npy")


@case
def leaf_again_that_is_hardly_json(path: str) -> bytes:
    return again(is_json=1)


@case
def leaf_again_of_another_class(path: str) -> bytes:
    return again(__loader__="TypeNode", __class__="int")


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
    return written(estimator)


@case
def thresholds_that_are_text(path: str) -> bytes:
    """`__setstate__` of this class computes with what the file says."""
    isotonic = IsotonicRegression().fit(iris().X["petal_width"], iris().y)
    return put(isotonic, "X_thresholds_", value("text"))


@case
def voting_without_voters(path: str) -> bytes:
    voting = fitted(VotingClassifier([("bayes", GaussianNB())]))
    return put(voting, "voting", value("fit"))
