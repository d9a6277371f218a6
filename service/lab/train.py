"""First training: run notebooks/02_train.ipynb when the default model has no version.

Run as ``python -m service.lab.train``. With a model in the store it does nothing.
"""

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from service.contract.errors import ApiUnreachableError
from service.contract.model_store import ModelStore
from service.contract.settings import CHECKOUT, settings
from service.lab.client import Client

NOTEBOOKS = CHECKOUT / "notebooks"
SECONDS = 60.0


def main() -> int:
    """Train if there is nothing to serve; give the exit code."""
    chosen = settings()
    versions = ModelStore(chosen.models_dir).versions(chosen.default_model)
    if versions:
        print(f"Model {chosen.default_model!r} has {len(versions)} version(s): nothing to train.")
        return 0
    _wait_for_api(chosen.api_url)
    import papermill  # imported late: it takes a second that the usual start need not wait for

    print(f"Model {chosen.default_model!r} has no version yet: running 02_train.ipynb.")
    with TemporaryDirectory() as folder:
        papermill.execute_notebook(
            NOTEBOOKS / "02_train.ipynb",
            Path(folder) / "02_train.ipynb",
            parameters=_parameters(chosen.default_model),
            cwd=NOTEBOOKS,
            progress_bar=False,
            # The kernel's own log warns of what is meant to be: no encryption within one machine.
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        )
    print(f"Model {chosen.default_model!r} is published and served at {chosen.api_url}.")
    return 0


def _parameters(model: str) -> dict[str, str]:
    """Train on the data set of the model's name where there is one.

    Examples
    --------
    >>> _parameters("penguins")
    {'MODEL': 'penguins', 'DATASET': 'penguins'}
    >>> _parameters("flowers")
    {'MODEL': 'flowers'}
    """
    has_data = (CHECKOUT / "data" / f"{model}.csv").is_file()
    return {"MODEL": model} | ({"DATASET": model} if has_data else {})


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
