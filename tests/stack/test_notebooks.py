"""The notebooks run, in order, on both data sets, and show what they are committed with.

They run where a person may be: in their folder, in the checkout, and elsewhere; with a token and
without one.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from tests.support.live import CHECKOUT, LiveApi, running_api
from tests.support.notebooks import FOLDER, NAMES, execute
from tests.support.soak import SOAK

FILES = [FOLDER / f"{name}.ipynb" for name in NAMES]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with running_api(tmp_path_factory.mktemp("api")) as api:
        yield api


def run(
    api: LiveApi, name: str, parameters: dict[str, Any], where: Path = FOLDER
) -> nbformat.NotebookNode:
    output = api.models.parent / f"{name}.ipynb"
    return execute(name, output, api.environment, parameters, where)


def shown(notebook: nbformat.NotebookNode) -> str:
    """Return all text that the notebook's cells show."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in outputs)


# The first of those that share the API, which is fresh here.
def test_committed_outputs_match_a_fresh_run(api: LiveApi) -> None:
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-cell-timeout=120", "-q"]
    command += ["-o", "addopts=", "-o", "filterwarnings=", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *map(str, FILES)],
        cwd=FOLDER,
        env=os.environ | api.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# On iris nbval runs them in order, too, in their folder and without a token, above.
@pytest.mark.parametrize("dataset", ["iris", "penguins"] if SOAK else ["penguins"])
def test_the_notebooks_run_in_order(tmp_path: Path, dataset: str) -> None:
    with running_api(tmp_path, API_TOKEN="a token") as api:
        check_the_loop(api, dataset, tmp_path)


def check_the_loop(api: LiveApi, dataset: str, elsewhere: Path) -> None:
    run(api, "01_explore", {}, elsewhere)
    trained = run(api, "02_train", {"DATASET": dataset}, CHECKOUT)
    assert f"The API serves {dataset} version 1" in shown(trained)

    predicted = shown(run(api, "03_predict", {"DATASET": dataset}, elsewhere))
    for mistake in ("did you mean", "'five', but a number is expected", "has no version 999"):
        assert mistake in predicted

    run(api, "04_logs", {"DATASET": dataset}, CHECKOUT)
    log = api.lab(api_token=api.token).predictions(dataset)
    assert len(log) > 20_000
    assert log["prediction"].nunique() == 3
    assert log.attrs["torn_lines"] == 0


@pytest.mark.parametrize("estimator", ["gradient_boosting", "logistic_regression"])
def test_estimator_and_name_can_be_chosen(api: LiveApi, estimator: str) -> None:
    run(api, "02_train", {"DATASET": "penguins", "ESTIMATOR": estimator, "MODEL": estimator})
    with api.http() as http:
        manifest = http.get(f"/models/{estimator}/versions/1").json()
    assert estimator.replace("_", "") in manifest["estimator"].lower()
    assert manifest["parameters"] == {"DATASET": "penguins", "ESTIMATOR": estimator}
    assert manifest["metrics"]["accuracy"] > 0.9


def test_the_boosting_library_can_be_chosen(api: LiveApi) -> None:
    run(api, "06_boosting", {"LIBRARY": "lightgbm", "MODEL": "boosted"})
    with api.http() as http:
        shown = http.get("/models/boosted").json()["live"]
        manifest = http.get("/models/boosted/versions/1").json()
    assert "LGBMClassifier" in manifest["estimator"]
    assert shown["fast_path"], shown["slow_because"]


def test_load_counts_what_is_logged(api: LiveApi) -> None:
    few = {"CLIENTS": [1, 3], "SECONDS": 0.3, "MODEL": "loaded"}
    loaded = run(api, "07_load", few)
    table = re.search(r"requests/s.*\n1 .*\n3 .*", shown(loaded))
    assert table, shown(loaded)
    # What was asked last may be logged without having been counted: its answer came too late.
    rates = [float(line.split()[1]) for line in table[0].splitlines()[1:]]
    assert 0 < sum(rates) * 0.3 <= len(api.lab().predictions("loaded"))


def test_without_an_api_a_notebook_stops(tmp_path: Path) -> None:
    environment = {"API_URL": "http://127.0.0.1:9", "PYTHONPATH": str(CHECKOUT)}
    environment |= {"MODELS_DIR": str(tmp_path), "LOGS_DIR": str(tmp_path)}
    with pytest.raises(papermill.PapermillExecutionError, match=r"127\.0\.0\.1:9 does not answer"):
        execute("03_predict", tmp_path / "03_predict.ipynb", environment, {})


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_notebooks_are_committed_as_run(file: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in o.get("data", {}) for c in code for o in c.outputs) or (
        file.stem == "03_predict"
    )
    assert str(CHECKOUT) not in file.read_text()


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_uncompared_outputs_say_why(file: Path) -> None:
    for cell in nbformat.read(file, as_version=4).cells:
        tags = cell.metadata.get("tags", [])
        reasons = [tag for tag in tags if tag.startswith("because-")]
        assert bool(reasons) == ("nbval-ignore-output" in tags), cell.source


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_parameters_are_in_one_cell(file: Path) -> None:
    cells = nbformat.read(file, as_version=4).cells
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in cells) == 1
