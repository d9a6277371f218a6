"""Replicas that share an object store, and no disk: publish waits for all of them, too."""

import os
import signal
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

from service.api.processes.report_objects import STUCK_SECONDS
from service.lab import Lab
from service.lab.publish.publication import ModelVersion
from tests.api.processes.supervised import tree
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, iris
from tests.support.s3 import S3, environment


def states(api: LiveApi) -> Counter[str]:
    with api.http() as http:
        workers = http.get("/models/iris").json().get("workers", [])
    return Counter(each["state"] for each in workers)


def answered(api: LiveApi) -> int:
    with api.http() as http:
        return int(http.get("/predict", params=FLOWER).headers["X-Model-Version"])


def publish(lab: Lab, seed: int) -> ModelVersion:
    trained = iris(seed=seed)
    return lab.publish("iris", trained.estimator, trained.X, trained.y)


def test_publish_waits_for_replicas_apart(s3: S3, tmp_path: Path) -> None:
    apart = {"STORE_URL": s3.url, **s3.environment}
    with ExitStack() as running:
        apis = [
            running.enter_context(running_api(tmp_path / name, **apart)) for name in ("a", "b", "c")
        ]
        first, second, _ = apis
        with environment(s3.environment):
            lab = first.lab(store_url=s3.url, models_dir=tmp_path / "lab")
            assert str(publish(lab, 1)) == "iris version 1 (live in 3 replicas)"
            assert [answered(each) for each in apis] == [1, 1, 1]
            assert lab.models().loc["iris", "replicas"] == "3 of 3"
            for pid in tree(second):
                with suppress(ProcessLookupError):  # a validation ends at any time
                    os.kill(pid, signal.SIGKILL)
            wait_until(lambda: states(first)["stuck"], "the silent one", STUCK_SECONDS + 30)
            published = publish(lab, 2)
            assert "iris version 2 (live in 2 replicas; stuck, and not waited for" in str(published)
            with running_api(tmp_path / "d", **apart) as joined:
                assert answered(joined) == 2
                wait_until(lambda: states(first)["serving"] == 3, "the one that joined")
            wait_until(lambda: states(first)["serving"] == 2, "the one that said it stops")
