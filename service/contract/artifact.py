"""The model file: written and read with skops, never with pickle.

A skops file names the types that it needs. Which of them may be loaded is
decided here, by us, and never read from the file.
"""

from pathlib import Path
from typing import Any

import skops.io

from service.contract.errors import ArtifactError, EstimatorError

# Beyond the defaults of skops: types that hold data, seen in scikit-learn's own estimators.
ALLOWED = frozenset(
    {
        "numpy.dtype",
        "numpy.random._pickle.__randomstate_ctor",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)


def dump(estimator: Any, file: Path) -> None:
    """Write an estimator.

    Raises
    ------
    EstimatorError
        skops cannot write it, for instance because it holds a lambda.
    """
    try:
        skops.io.dump(estimator, file)
    except Exception as error:  # skops and the estimator may raise anything here
        raise EstimatorError(
            f"{type(estimator).__name__} cannot be written as a skops file: {error}. "
            "Replace what it names (a lambda, an open file) by a class in service/features.py."
        ) from error


def load(file: Path) -> Any:
    """Read an estimator whose types are all allowed.

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
            "Define your own classes in service/features.py and import them from there."
        )
    try:
        return skops.io.load(file, trusted=needed)
    except Exception as error:
        raise ArtifactError(
            f"{file.name} cannot be loaded: {type(error).__name__}: {error}. Publish again."
        ) from error


def _is_ours(name: str) -> bool:
    """Say whether a type or function is really defined in service/features.py."""
    module, _, attribute = name.rpartition(".")
    if module != "service.features":
        return False
    from service import features  # imported late: an edit with an error must not stop the API

    return getattr(getattr(features, attribute, None), "__module__", None) == module
