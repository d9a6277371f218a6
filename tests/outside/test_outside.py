"""Clients and a linter that others wrote, each in its own environment."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.support.live import CHECKOUT, LiveApi, running_api
from tests.support.models import Trained, iris, penguins
from tests.support.need import outside

Told = dict[str, Any]
CLIENTS = ["triton", "mlserver", "kserve"]
# What each library calls itself, unless it is told otherwise.
AGENTS = {"triton": "gevent-http", "mlserver": "Python-urllib", "kserve": "python-httpx"}
IRIS = iris().X
COMPLETE = penguins().X.dropna()
TABLES = {"iris": IRIS, "penguins": COMPLETE}
SOME_NUMBERS_MISSING = COMPLETE.assign(
    bill_depth_mm=COMPLETE["bill_depth_mm"].mask(COMPLETE["island"] == "Dream")
)
# Triton's text has no way to be missing.
MISSING = {
    "triton": SOME_NUMBERS_MISSING,
    "mlserver": penguins().X,
    "kserve": penguins().X,
}


def columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    plain = table.astype(object).where(table.notna(), None)
    return {name: values.tolist() for name, values in plain.items()}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Run an API with two versions of iris, the second one live, and penguins."""
    outside(CLIENTS[0], "python")  # or there is nobody to ask it
    with running_api(tmp_path_factory.mktemp("outside"), LABLOOP_IMAGE="labloop-api:9.9") as api:
        lab = api.lab()
        for name, trained in (("iris", iris()), ("iris", iris(1)), ("penguins", penguins())):
            lab.publish(name, trained.estimator, trained.X, trained.y)
        yield api


@pytest.fixture(scope="module", params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def told(api: LiveApi, client: str) -> Told:
    """Let a client ask all that its script asks."""
    tables = TABLES | {"missing": MISSING[client]}
    done = subprocess.run(
        [outside(client, "python"), CHECKOUT / "tests" / "outside" / f"ask_{client}.py", api.url],
        input=json.dumps({name: columns(table) for name, table in tables.items()}),
        env=os.environ | {"NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told: Told = json.loads(done.stdout)
    return told


def assert_right(answer: Told, trained: Trained, X: pd.DataFrame) -> None:
    estimator = trained.estimator
    assert np.ravel(answer["predict"]).tolist() == estimator.predict(X).tolist()
    assert answer["predict_proba"] == estimator.predict_proba(X).tolist()


def test_numbers_are_exact_in_every_form(told: Told) -> None:
    for way, answer in told["iris"].items():
        print(way)
        assert_right(answer, iris(1), IRIS)


def test_text_is_exact_in_every_form(told: Told) -> None:
    for way, answer in told["penguins"].items():
        print(way)
        assert_right(answer, penguins(), COMPLETE)


def test_missing_values_are_answered_exactly(told: Told, client: str) -> None:
    assert_right(told["missing"], penguins(), MISSING[client])


def test_only_requested_outputs_come(told: Told) -> None:
    proba = iris(1).estimator.predict_proba(IRIS).tolist()
    given = told["proba"]["predict_proba"]
    assert given == proba[: len(given)]
    assert "predict" not in told["proba"]


def test_every_predicted_row_is_logged(api: LiveApi, told: Told, client: str) -> None:
    for model in ("iris", "penguins"):
        log = api.lab().predictions(model).sort_values("prediction_id")
        of_client = log[log["client"].str.contains(AGENTS[client])]
        answered = [
            label for answer in told[model].values() for label in np.ravel(answer["predict"])
        ]
        assert of_client["prediction"].tolist()[: len(answered)] == answered
        first = of_client.head(len(TABLES[model])).reset_index(drop=True)
        asked = TABLES[model].reset_index(drop=True)
        assert first[[*asked]].equals(asked.astype(first[[*asked]].dtypes))
        assert set(first["version"]) == {2 if model == "iris" else 1}


@pytest.mark.parametrize("client", ["triton", "kserve"], indirect=True)
def test_what_is_live_and_ready(told: Told, client: str) -> None:
    assert told["live"] is told["ready"] is True
    expected = {"triton": [True, True, False, False], "kserve": [True, False]}
    assert told["models_ready"] == expected[client]


@pytest.mark.parametrize("client", ["triton", "mlserver"], indirect=True)
def test_metadata_names_inputs_and_outputs(told: Told, client: str) -> None:
    assert told["server"]["name"] == "labloop"
    assert told["server"]["version"] == "9.9"
    index = {(each["name"], each["version"]): each["state"] == "READY" for each in told["index"]}
    assert index == {("iris", "1"): False, ("iris", "2"): True, ("penguins", "1"): True}
    for model, trained in (("iris", iris()), ("penguins", penguins())):
        metadata = told["metadata"][model]
        types = {each["name"]: each["datatype"] for each in metadata["inputs"]}
        assert types == {
            name: "FP64" if dtype == np.float64 else "BYTES"
            for name, dtype in trained.X.dtypes.items()
        }
        outputs = {each["name"]: each for each in metadata["outputs"]}
        assert [*outputs] == ["predict", "predict_proba"]
        assert outputs["predict"]["datatype"] == ("INT64" if model == "iris" else "BYTES")
        assert outputs["predict_proba"]["shape"] == [-1, 3]


def test_a_request_keeps_its_id(told: Told, client: str) -> None:
    assert told["named" if client == "triton" else "proba"]["id"] == "mine"


@pytest.mark.parametrize("client", ["mlserver"], indirect=True)
def test_a_response_reads_as_a_table(told: Told) -> None:
    assert told["as a table"] == {"predict": iris(1).estimator.predict(IRIS).tolist()}


@pytest.mark.parametrize("client", ["triton"], indirect=True)
def test_a_version_can_be_asked_for(told: Told) -> None:
    named = told["named"]
    assert named["model_version"] == "1"
    assert_right(named, iris(), IRIS.head(1))


REFUSED = {
    "unknown model": (404, "roses"),
    "unknown version": (404, "9"),
    "unknown output": (400, "chance"),
    "missing feature": (400, "sepal_length"),
    "unknown feature": (400, "colour"),
    "wrong type": (400, "sepal_length"),
    "text": (400, "petal_width"),
    "NaN in JSON": (400, "send null"),
    "compressed": (415, "gzip"),
    "shared memory": (501, "hared memory"),
}


def test_client_errors_carry_the_reason(told: Told) -> None:
    for what, error in told["refusals"].items():
        status, words = REFUSED[what]
        assert int(error["status"]) == status, (what, error)
        assert words in error["message"], (what, error)


@pytest.mark.parametrize("replicas", [False, True])
def test_compose_files_have_no_finding(replicas: bool, tmp_path: Path) -> None:
    """What is suppressed is so with a reason, in .compose-lint.yml."""
    shutil.copy(CHECKOUT / "docker-compose.yml", tmp_path)
    command = [str(outside("compose-lint", "compose-lint")), "check", "docker-compose.yml"]
    command += ["--fail-on", "low", "--no-env", "--config", str(CHECKOUT / ".compose-lint.yml")]
    if replicas:
        override = tmp_path / "docker-compose.override.yml"
        shutil.copy(CHECKOUT / "start" / "replicas" / "compose.yml", override)
        command.append("--strict-config")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
