"""The model file: written and read with skops, never with pickle.

A skops file names the types that it needs. Which of them may be loaded is
decided here, by us, and never read from the file.
"""

from pathlib import Path
from typing import Any

import skops.io

from service.contract import structure
from service.contract.errors import ArtifactError, EstimatorError

# Beyond the defaults of skops: what scikit-learn's own estimators were seen to need. Nothing here
# runs code, opens a file or imports by name.
ALLOWED = frozenset(
    {
        "functools.partial",
        "numpy.dtype",
        "numpy.number",
        "numpy.random._pickle.__randomstate_ctor",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfGammaLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfPoissonLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn._loss.loss.PinballLoss",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.feature_selection._mutual_info.mutual_info_classif",
        "sklearn.feature_selection._mutual_info.mutual_info_regression",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Matern",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.gaussian_process.kernels.Sum",
        "sklearn.gaussian_process.kernels.WhiteKernel",
        "sklearn.metrics._classification.balanced_accuracy_score",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._scorer._CurveScorer",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.metrics._scorer._Scorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.multiclass._ConstantPredictor",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
        "sklearn.utils.validation.check_array",
    }
)


def dumps(estimator: Any) -> bytes:
    """Give the content of a model file.

    Raises
    ------
    EstimatorError
        skops cannot write it, for instance because it holds a lambda.
    """
    try:
        return skops.io.dumps(estimator)  # type: ignore[no-any-return]
    except Exception as error:  # skops and the estimator may raise anything here
        raise EstimatorError(
            f"{type(estimator).__name__} cannot be written as a skops file: {error}. "
            "Replace what it names (a lambda, an open file) by a class in service/features.py."
        ) from error


def load(file: Path) -> Any:
    """Read an estimator whose types are all allowed, and whose trees are trees.

    Raises
    ------
    ArtifactError
        The file is no skops file, is damaged, or needs a type that is not allowed.
    """
    try:
        needed = skops.io.get_untrusted_types(file=file)
    except Exception as error:
        raise ArtifactError(
            f"{file.name} is not a readable skops file ({type(error).__name__}). Publish again."
        ) from error
    refused = sorted(name for name in needed if name not in ALLOWED and not _is_ours(name))
    if refused:
        raise ArtifactError(
            f"{file.name} needs {', '.join(refused)}, which is not on the allow-list. "
            "Define your own functions and classes in service/features.py and import them from "
            "there; what comes from a library can be allowed in service/contract/artifact.py."
        )
    try:
        estimator = skops.io.load(file, trusted=needed)
    except Exception as error:
        raise ArtifactError(
            f"{file.name} cannot be loaded: {type(error).__name__}: {error}. Publish again."
        ) from error
    structure.check(estimator)
    return estimator


def _is_ours(name: str) -> bool:
    """Say whether a type or function is really defined in service/features.py."""
    module, _, attribute = name.rpartition(".")
    if module != "service.features":
        return False
    from service import features  # imported late: an edit with an error must not stop the API

    return getattr(getattr(features, attribute, None), "__module__", None) == module
