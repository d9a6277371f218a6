"""Run all notebooks against a fresh lab and keep their outputs: `make notebooks`."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import nbformat
import papermill

from tests.support.live import CHECKOUT, running_api

FOLDER = CHECKOUT / "notebooks"
NAMES = (
    "01_explore",
    "02_train",
    "03_predict",
    "04_logs",
    "05_text",
    "06_boosting",
    "07_load",
    "08_search",
)
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def execute(
    name: str,
    output: Path,
    environment: Mapping[str, str],
    parameters: Mapping[str, Any],
    where: Path = FOLDER,
) -> nbformat.NotebookNode:
    """Run a notebook by papermill as a person would, in a folder, against a live API."""
    with patch.dict(os.environ, environment):
        executed: nbformat.NotebookNode = papermill.execute_notebook(
            FOLDER / f"{name}.ipynb",
            output,
            parameters,
            cwd=where,
            progress_bar=False,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        )
    return executed


def keep_outputs() -> None:
    """Write the outputs of a run into the committed notebooks, and nothing else of it."""
    with TemporaryDirectory() as folder, running_api(Path(folder)) as api:
        for name in NAMES:
            execute(name, Path(folder) / f"{name}.ipynb", api.environment, {})
            # A traceback names files; readers of the notebook have them under /labloop.
            text = (Path(folder) / f"{name}.ipynb").read_text()
            executed = nbformat.reads(text.replace(str(CHECKOUT), "/labloop"), as_version=4)
            committed = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
            ran = {cell["id"]: cell for cell in executed.cells}
            for cell in committed.cells:
                if cell.cell_type == "code":
                    cell.outputs = ran[cell["id"]].outputs
                    cell.execution_count = ran[cell["id"]].execution_count
            committed.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
            if "widgets" in executed.metadata:  # the progress bar, as it looked in the end
                committed.metadata["widgets"] = executed.metadata["widgets"]
            nbformat.write(committed, FOLDER / f"{name}.ipynb")
            print(f"{name}: outputs kept")
    stage_outputs(CHECKOUT)


def stage_outputs(checkout: Path) -> None:
    """Have git commit the outputs next, past the filter that keeps those of a run from it."""
    no_filter = ["-c", "filter.labloop-notebook.clean="]
    files = [f"notebooks/{name}.ipynb" for name in NAMES]
    command = ["git", *no_filter, "add", "--renormalize", "--", *files]
    subprocess.run(command, cwd=checkout, check=True)


if __name__ == "__main__":
    keep_outputs()
