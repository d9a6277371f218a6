"""First training: run notebooks/02_train.ipynb if the default model has no version.

Run as ``python -m service.lab.train``. If the model has a version, it does nothing. If it cannot
train, it prints what to do and exits with 1; the lab starts all the same.
"""

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from service.contract.build import build
from service.contract.errors import ApiUnreachableError, LabloopError
from service.contract.model import opening
from service.contract.model.entries import check_name
from service.contract.settings import CHECKOUT, settings
from service.lab.client.client import Client

NOTEBOOKS = CHECKOUT / "notebooks"
DATA = CHECKOUT / "data"
SECONDS = 60.0


def main() -> int:
    """Train if the default model has no version; return the exit code."""
    try:
        build().check()
        chosen = settings()
        model = chosen.default_model
        if versions := opening.for_lab(chosen).versions(model):
            print(f"Model {model!r} has {len(versions)} version(s): nothing to train.")
            return 0
        _check_data(model)
        _wait_for_api(chosen.api_url)
    except LabloopError as error:
        print(error)
        return 1
    print(f"Model {model!r} has no version yet: running 02_train.ipynb.")
    try:
        _run_notebook(model)
    except Exception as error:  # whatever a notebook raises
        name, value = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", error)
        print(
            f"The first training of {model!r} failed: {name}: {value}\n"
            "Run notebooks/02_train.ipynb in JupyterLab to see where. " + _other_ways(model)
        )
        return 1
    print(f"Model {model!r} is published and served.")
    return 0


def _check_data(model: str) -> None:
    """Refuse a model without a data set of its name: it would be trained on another one."""
    check_name(model)
    if not (DATA / f"{model}.csv").is_file():
        raise LabloopError(
            f"There is nothing to train {model!r} on: no data/{model}.csv. {_other_ways(model)}"
        )


def _other_ways(model: str) -> str:
    """Say how else to get a default model.

    Examples
    --------
    >>> _other_ways("housing")
    'Publish a model of your own by lab.publish("housing", …), or set DEFAULT_MODEL to iris or \
penguins.'
    """
    return (
        f'Publish a model of your own by lab.publish("{model}", …), '
        "or set DEFAULT_MODEL to iris or penguins."
    )


def _run_notebook(model: str) -> None:
    import papermill  # imported late: it takes a second, and mostly nothing is trained

    with TemporaryDirectory() as folder:
        papermill.execute_notebook(
            NOTEBOOKS / "02_train.ipynb",
            Path(folder) / "02_train.ipynb",
            parameters={"MODEL": model, "DATASET": model},
            cwd=NOTEBOOKS,
            progress_bar=False,
            # The kernel would warn that nothing is encrypted; it need not be on one machine.
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        )


def _wait_for_api(url: str) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            Client(url).get("/health/live")
            return
        except ApiUnreachableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(CHECKOUT))  # for the notebook's kernel
    sys.exit(main())
