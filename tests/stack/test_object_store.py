"""With Compose, models and the log may be in an object store, by `.env` alone."""

import json
from pathlib import Path

from tests.support.live import wait_until
from tests.support.release import docker
from tests.support.s3 import running_s3
from tests.support.stack import ComposeLab, composed, copy_checkout

LOOP = """
import json, sys
from service.lab import Lab
lab = Lab()
rows = [dict(sepal_length=5.1, sepal_width=3.5, petal_length=1.4, petal_width=0.2)] * 30
before = len(lab.predictions("iris"))
lab.predict("iris", rows)
print(json.dumps([len(lab.predictions("iris")) - before, lab.models().loc["iris", "replicas"]]))
"""


def test_the_loop_goes_through_the_store(engine: None, tmp_path: Path) -> None:
    form = "--format={{range .IPAM.Config}}{{.Gateway}}{{end}}"
    here = docker("network", "inspect", form, "bridge").stdout.strip()
    folder = copy_checkout(tmp_path / "labloop")
    with running_s3(tmp_path, here) as s3, composed(folder, "labloop-test-store") as lab:
        urls = {"STORE_URL": f"{s3.url}/models", "ARCHIVE_URL": f"{s3.url}/log"}
        lines = [f"{name}={value}\n" for name, value in {**urls, **s3.environment}.items()]
        (folder / ".env").write_text("".join(lines))
        lab.up()
        wait_until(lambda: lab.version() == 1, "the first model")
        assert [each.key for each in s3.objects().list("models/aliases/")]
        assert not [*(folder / "data" / "models").glob("iris")]
        done = lab.run_in("lab", "python", "-W", "error", "-c", LOOP)
        assert json.loads(done.stdout) == [30, "1 of 1"]
        assert waits(lab) == []


def waits(lab: ComposeLab) -> list[str]:
    """List the segments that only the log's volume has."""
    return lab.run_in("api", "sh", "-c", "ls logs/predictions | grep jsonl || true").stdout.split()
