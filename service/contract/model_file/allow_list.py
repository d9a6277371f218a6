"""Allow-list: the classes and functions that a model file may hold.

It belongs to the server and is never read from the file. Most of it follows from scikit-learn
itself, by rules that are written down here; the rest is listed by name. Which class may hold what
in which attribute is in `service.contract.model_file.attributes`. To let more estimators be
published, extend these two files.
"""

import importlib
from functools import cache
from typing import Any

import numpy as np
from sklearn.cluster import Birch
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils import all_estimators
from skops.io._trusted_types import NUMPY_UFUNC_TYPE_NAMES, SCIPY_UFUNC_TYPE_NAMES


def name_of(thing: Any) -> str:
    """Return the name under which a class or function is listed.

    Examples
    --------
    >>> name_of(Birch)
    'sklearn.cluster._birch.Birch'
    """
    return f"{thing.__module__}.{thing.__qualname__}"


# Classes whose objects are made from attributes: scikit-learn's estimators (skops cannot write
# Birch), and what was found inside them. None of them opens a file, starts a program or imports
# by name, whatever its attributes are, as long as the rules of `attributes.FIXED` hold.
OBJECTS = frozenset(
    {name_of(each) for _, each in all_estimators() if each is not Birch}
    | {
        "scipy.interpolate._bsplines.BSpline",
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.ExponentialLoss",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfGammaLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfPoissonLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn._loss.loss.HuberLoss",
        "sklearn._loss.loss.PinballLoss",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Matern",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.gaussian_process.kernels.Sum",
        "sklearn.gaussian_process.kernels.WhiteKernel",
        "sklearn.metrics._scorer._CurveScorer",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.metrics._scorer._Scorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.multiclass._ConstantPredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
    }
)
# Compiled classes: their state is a tuple of arrays and numbers.
COMPILED = frozenset(
    {
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
    }
)
TREE = "sklearn.tree._tree.Tree"
# Compiled losses; they are made from one number or none.
LOSSES = frozenset(
    f"sklearn._loss._loss.Cy{loss}"
    for loss in (
        "AbsoluteError",
        "ExponentialLoss",
        "HalfBinomialLoss",
        "HalfGammaLoss",
        "HalfMultinomialLoss",
        "HalfPoissonLoss",
        "HalfSquaredError",
        "HalfTweedieLoss",
        "HalfTweedieLossIdentity",
        "HuberLoss",
        "PinballLoss",
    )
) | frozenset(
    f"sklearn.linear_model._sgd_fast.{loss}"
    for loss in (
        "EpsilonInsensitive",
        "Hinge",
        "ModifiedHuber",
        "SquaredEpsilonInsensitive",
        "SquaredHinge",
    )
)
# Functions that only compute: ufuncs of NumPy and SciPy, and those of scikit-learn's scorers.
UFUNCS = frozenset(NUMPY_UFUNC_TYPE_NAMES) | frozenset(SCIPY_UFUNC_TYPE_NAMES)
FUNCTIONS = frozenset(
    {
        name_of(scorer._score_func)
        for scorer in map(get_scorer, get_scorer_names())
        if hasattr(scorer, "_score_func")
    }
    | {
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "sklearn.feature_selection._mutual_info.mutual_info_classif",
        "sklearn.feature_selection._mutual_info.mutual_info_regression",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.utils.validation.check_array",
    }
)
# Types of single values: those that a dict's keys may have, and others that an estimator may name.
SCALARS = frozenset(
    {"builtins.bool", "builtins.float", "builtins.int", "builtins.str"}
    | {
        name_of(each)
        for each in {*np.sctypeDict.values()}
        if issubclass(each, np.bool_ | np.number | np.str_ | np.datetime64 | np.timedelta64)
    }
)
DTYPES = frozenset({"builtins.object", "numpy.number", "numpy.integer", "numpy.floating"}) | SCALARS
DICTS = frozenset({"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"})
SPARSE = frozenset(
    f"scipy.sparse._{kind}.{kind}_{suffix}"
    for kind in ("bsr", "coo", "csc", "csr", "dia")
    for suffix in ("array", "matrix")
)
GENERATORS = frozenset({"numpy.random._generator.Generator", "numpy.random.mtrand.RandomState"})
ALLOWED = (
    OBJECTS | COMPILED | {TREE} | LOSSES | UFUNCS | FUNCTIONS | DTYPES | DICTS | SPARSE | GENERATORS
) | {
    "builtins.bytes",
    "collections.defaultdict",
    "builtins.list",
    "builtins.set",
    "builtins.slice",
    "builtins.tuple",
    "functools.partial",
    "numpy.dtype",
    "numpy.ma.MaskedArray",
    "numpy.ndarray",
}


@cache
def resolve(name: str) -> Any:
    """Import the class or function that has a name; the name must have been checked."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)
