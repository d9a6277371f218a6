"""LightGBM model: what its estimators hold besides the booster."""

import re
from typing import Any

from service.contract.errors import ArtifactError
from service.contract.text import show

# LightGBM's predict gives all parameters of an estimator to the library, as one line of words. Of
# those that are none of the constructor's, only these make a difference to it.
FOR_PREDICTION = {
    "pred_early_stop",
    "pred_early_stop_freq",
    "pred_early_stop_margin",
    "verbose",
    "verbosity",
}
WORD = re.compile(r"[A-Za-z0-9_.+-]*")


def leave_out(model: Any) -> None:
    """Leave out what `predict` never uses: the course of the evaluation, parameters of training."""
    given = model._other_params
    for name in {*given} - {*model._get_param_names()}:
        model.__dict__.pop(name, None)
        model.__dict__.pop(f"_{name}", None)
    model._other_params = {name: v for name, v in given.items() if name in FOR_PREDICTION}
    model._evals_result, model._best_score = {}, {}


def use_one_thread(model: Any) -> None:
    """Have a model predict on one thread; it passes the number at each prediction."""
    model.n_jobs = 1


def check(model: Any) -> None:
    """Check that a model holds a booster of its own library, or none, and harmless parameters.

    A text with spaces would add parameters, such as one that switches a check of lengths off.

    Raises
    ------
    ArtifactError
        It holds something else.
    """
    from lightgbm import Booster

    if not isinstance(vars(model).get("_Booster"), Booster | None):
        raise ArtifactError(f"{type(model).__name__} holds no booster of LightGBM. Publish again.")
    given = vars(model).get("_other_params", {})
    odd = [name for name in given if name not in FOR_PREDICTION]
    odd += [
        name
        for name, value in (vars(model) | given).items()
        if isinstance(value, str) and not WORD.fullmatch(value)
    ]
    if odd:
        raise ArtifactError(
            f"{type(model).__name__} holds the parameter {show(odd[0])}, which no prediction "
            "needs. Publish again."
        )
