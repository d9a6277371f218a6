"""XGBoost model: what its estimators hold besides the booster."""

from typing import Any

from service.contract.errors import ArtifactError


def leave_out(model: Any) -> None:
    """Leave out what `predict` never calls."""
    model.callbacks = None
    model.__dict__.pop("evals_result_", None)
    if not isinstance(model.eval_metric, str | None):
        model.eval_metric = None


def use_one_thread(model: Any) -> None:
    """Have a model predict on one thread."""
    model.n_jobs = 1
    if "_Booster" in vars(model):
        model.get_booster().set_param({"nthread": 1})


def check(model: Any) -> None:
    """Check that a model holds a booster of its own library, or none.

    Raises
    ------
    ArtifactError
        It holds something else.
    """
    from xgboost import Booster

    if not isinstance(vars(model).get("_Booster"), Booster | None):
        raise ArtifactError(f"{type(model).__name__} holds no booster of XGBoost. Publish again.")
