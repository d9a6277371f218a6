"""Schemathesis asks every operation of the OpenAPI document."""

import json
import os
import subprocess
from pathlib import Path

from tests.support.live import CHECKOUT, running_api
from tests.support.models import iris, penguins
from tests.support.need import outside
from tests.support.soak import SOAK, times

CASES = times(10_000, 300)
EACH = times(500, 10)
# `make test` asks the same each time, `make soak` something new; its seed is in what it prints.
SEED = [] if SOAK else ["--seed", "1"]
CONFIG = CHECKOUT / "tests" / "outside" / "schemathesis.toml"


def test_every_response_matches_the_document(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    fuzz = [str(outside("schemathesis", "schemathesis")), "--config-file", str(CONFIG), "run"]
    fuzz += ["--max-examples", str(EACH), "--report-json-path", str(report), "--no-color", *SEED]
    with running_api(tmp_path, MAX_ROWS="100") as api:  # what is longer is soon made and refused
        lab = api.lab()
        for name, trained in (("iris", iris()), ("penguins", penguins())):
            lab.publish(name, trained.estimator, trained.X, trained.y)
        done = subprocess.run(
            [*fuzz, "--url", api.url, f"{api.url}/openapi.json"],
            cwd=tmp_path,
            env=os.environ | {"NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=times(6000, 300),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(report.read_text())
        assert told["operations"]["tested"] == told["operations"]["total"] > 0
        assert told["test_cases"]["generated"] >= CASES
        assert api.process.poll() is None
        assert lab.predict("iris", iris().X.head())["prediction"].tolist() == [0] * 5
    assert "Traceback" not in api.output.read_text()
