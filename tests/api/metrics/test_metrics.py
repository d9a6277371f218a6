"""Prometheus reads the same numbers from every worker, and they are right."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from service.contract.errors import RefusedError
from tests.support.live import CHECKOUT, LiveApi, running_api, wait_until
from tests.support.log_lines import crashed, line, open_log, segments
from tests.support.models import FLOWER, iris, publish_iris
from tests.support.need import need

PAGE = (CHECKOUT / "docs" / "metrics.md").read_text()
QUERIES = re.findall(r"^```promql\n(.*?)^```$", PAGE, re.M | re.S)


@dataclass
class Api:
    """A live API, and what it tells."""

    live: LiveApi

    def text(self) -> str:
        with self.live.http() as http:
            return http.get("/metrics").text

    def sum(self, name: str, **labels: str) -> float:
        """Sum up the samples of a name that have these labels."""
        samples = (
            sample
            for family in text_string_to_metric_families(self.text())
            for sample in family.samples
        )
        return sum(
            sample.value
            for sample in samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def wait_for(self, count: float, name: str, **labels: str) -> None:
        wait_until(lambda: self.sum(name, **labels) == count, f"{count:g} {name} {labels}")

    def ask(self, times: int, rows: int = 1, **parameters: Any) -> None:
        """Ask over as many connections, so that each worker is likely to answer some."""
        for _ in range(times):
            with self.live.http() as http:
                content = {"rows": [FLOWER] * rows}
                http.post("/models/iris/predict", json=content, **parameters).raise_for_status()

    def traffic(self) -> Any:
        with self.live.http() as http:
            return http.get("/models").json()["models"][0]["traffic"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("metrics")
    publish_iris(folder / "models")
    with running_api(folder, API_WORKERS="2") as live:
        api = Api(live)
        api.wait_for(2, "labloop_workers")
        yield api


def whole_log(live: LiveApi) -> bytes:
    return b"".join(segment.read_bytes() for segment in segments(live.logs))


def test_totals_are_what_was_sent(api: Api) -> None:
    assert api.traffic() is None
    api.ask(20)
    api.ask(10, rows=3)
    api.ask(2, rows=70, params={"version": 1})
    with api.live.http() as http:
        predicted = http.get("/predict", params=FLOWER)
        told = [{"id": predicted.headers["X-Prediction-Id"], "truth": 0}] * 2
        http.post("/feedback", json={"items": told}).raise_for_status()
        assert http.get("/predict", params={"petal_length": "long"}).status_code == 422
    assert api.sum("labloop_predictions_total", model="iris", version="1") == 191
    assert api.sum("labloop_predictions_total") == 191
    assert api.sum("labloop_prediction_duration_seconds_count", model="iris") == 33
    assert api.sum("labloop_feedback_items_total") == 2
    posted = {"method": "POST", "route": "/models/{name}/predict", "status": "200"}
    api.wait_for(32, "labloop_http_requests_total", **posted)
    for status in ("200", "422"):
        asked = {"method": "GET", "route": "/predict", "status": status}
        api.wait_for(1, "labloop_http_requests_total", **asked)
    assert api.sum("labloop_http_request_duration_seconds_count", route="/predict") == 2
    log = whole_log(api.live)
    assert api.sum("labloop_log_lines_total") == log.count(b"\n")
    assert api.sum("labloop_log_written_bytes_total") == len(log)
    assert api.sum("labloop_log_writable") == 1
    wait_until(lambda: api.sum("labloop_log_sync_duration_seconds_count"), "a sync")


def test_a_server_started_by_hand_counts(tmp_path: Path) -> None:
    publish_iris(tmp_path / "models")
    with running_api(tmp_path, program="uvicorn") as live:
        assert "started by hand, so it bounds no connection" in live.output.read_text()
        api = Api(live)
        api.ask(5)
        assert api.sum("labloop_predictions_total") == api.traffic()["predictions"] == 5
        assert api.sum("labloop_workers") == 1
        assert len([*(live.logs / "replicas").glob("*.json")]) == 1
    assert not [*(live.logs / "replicas").iterdir()]
    assert not [*Path(tempfile.gettempdir()).glob(f"labloop-*-{live.process.pid}")]


def test_the_model_list_has_equal_numbers(api: Api) -> None:
    traffic, name = api.traffic(), "labloop_prediction_duration_seconds"
    count = api.sum(f"{name}_count", model="iris")
    assert traffic["predictions"] == api.sum("labloop_predictions_total", model="iris")
    assert traffic["mean_ms"] == pytest.approx(api.sum(f"{name}_sum") / count * 1000, abs=0.001)
    within = api.sum(f"{name}_bucket", model="iris", le=f"{traffic['p95_ms'] / 1000:g}")
    assert 0.95 * count <= within <= count


def test_waiting_requests_are_shown(api: Api) -> None:
    done = Event()

    def ask() -> None:
        while not done.is_set():
            api.ask(1, rows=20_000)

    thread = Thread(target=ask)
    thread.start()
    try:
        api.wait_for(20_000, "labloop_waiting_rows")
    finally:
        done.set()
        thread.join()
    for name in ("labloop_waiting_requests", "labloop_waiting_rows"):
        api.wait_for(0, name)


def test_unknown_paths_share_one_series(api: Api) -> None:
    with api.live.http() as http:
        for number in range(5):
            assert http.get(f"/made/up-{number}").status_code == 404
            assert http.get(f"/models/up-{number}").status_code == 404
            assert http.get(f"/page/up-{number}").status_code == 404
            assert http.get(f"/v2/models/up-{number}/versions/{number}/ready").status_code == 404
        assert http.request("PROPFIND", "/models").status_code == 405
        assert http.get("/v2/health/live/").is_success
    api.wait_for(5, "labloop_http_requests_total", route="unknown", status="404")
    text = api.text()
    assert "up-" not in text
    for route in ("/page", "/models/{name}", "/v2/models/{name}/versions/{version}/ready"):
        assert f'method="GET",route="{route}",status="404"' in text
    assert 'method="other",route="/models",status="405"' in text
    assert 'method="GET",route="/v2/health/live",status="200"' in text


def test_each_worker_counts_reloads_and_refusals(api: Api) -> None:
    lab, trained = api.live.lab(), iris(seed=3)
    version = lab.publish("iris", trained.estimator, trained.X, trained.y).version
    assert api.sum("labloop_model_reloads_total", model="iris") == 4
    assert api.sum("labloop_model_live_version", model="iris") == version
    lab.rollback("iris")
    assert api.sum("labloop_model_live_version", model="iris") == 1
    (api.live.models / "iris" / str(version) / "model.skops").write_bytes(b"garbage")
    with pytest.raises(RefusedError):
        lab.promote("iris", version)
    assert api.sum("labloop_model_refusals_total", model="iris") == 2
    assert api.sum("labloop_model_live_version", model="iris") == 1


def test_a_torn_line_is_counted_once(api: Api) -> None:
    crashed(api.live.logs, line(), torn=b'{"model":"ir')
    api.wait_for(1, "labloop_log_torn_lines_total")


def test_counts_outlive_a_killed_worker(api: Api) -> None:
    names = ("labloop_predictions_total", "labloop_log_lines_total", "labloop_model_reloads_total")
    before = [api.sum(name) for name in names]
    lines = whole_log(api.live).count(b"\n")
    with api.live.http() as http:
        killed = http.get("/models/iris").json()["workers"][0]["pid"]
    os.kill(killed, signal.SIGKILL)
    api.wait_for(1, "labloop_workers")
    assert [api.sum(name) for name in names] == before
    api.wait_for(2, "labloop_workers")
    api.ask(20)
    more = whole_log(api.live).count(b"\n") - lines
    assert [api.sum(name) for name in names] == [before[0] + 20, before[1] + more, before[2] + 1]
    (folder,) = Path(tempfile.gettempdir()).glob(f"labloop-*-{api.live.process.pid}/metrics-*")
    with api.live.http() as http:
        alive = {str(w["pid"]) for w in http.get("/models/iris").json()["workers"]}
    assert {file.stem.rpartition("_")[2] for file in folder.glob("*.db")} == alive


def test_openmetrics_comes_when_asked_for(api: Api) -> None:
    with api.live.http() as http:
        plain = http.get("/metrics")
        other = http.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert other.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert other.text.endswith("# EOF\n")


def test_promtool_finds_nothing_to_say(api: Api) -> None:
    need(shutil.which("promtool"), "promtool is in Debian's package prometheus")
    command, text = ["promtool", "check", "metrics"], api.text()
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_page_names_every_metric(api: Api) -> None:
    text = api.text()
    told = set(re.findall(r"^# TYPE (\w+)", text, re.M))
    table = "".join(row for row in PAGE.splitlines(keepends=True) if row.startswith("|"))
    assert set(re.findall(r"`(labloop_\w+)`", table)) == told
    assert len(QUERIES) == 5
    for query in QUERIES:
        for name in re.findall(r"labloop_\w+", query):
            assert f"\n{name}" in text


def test_the_page_queries_are_promql(tmp_path: Path) -> None:
    need(shutil.which("promtool"), "promtool is in Debian's package prometheus")
    rules = [{"record": f"query:{n}", "expr": query} for n, query in enumerate(QUERIES)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "page", "rules": rules}]}))  # JSON is YAML
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_unwritable_log_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.write_text("a file where a folder should be")
    log = open_log(folder)
    assert REGISTRY.get_sample_value("labloop_log_writable") == 0
    folder.unlink()
    wait_until(lambda: REGISTRY.get_sample_value("labloop_log_writable") == 1, "the log", 5)
    log.stop()


WORKER = """
from service.api.metrics import files as metric_files
metric_files.claim()
from service.api.metrics.metrics import metrics
metrics.log_lines.inc()
metrics.workers.set(1)
told = sorted(metrics.text("")[0].decode().splitlines())
names = ("labloop_log_lines_total", "labloop_workers")
print(*[row for row in told if row.startswith(names)], flush=True)
"""
FAMILY = f"""
import multiprocessing, shutil, sys
from service.api.processes.family import family_folder
if len(sys.argv) > 1:
    shutil.copytree(sys.argv[1], family_folder())
for _ in range(2):
    worker = multiprocessing.get_context("spawn").Process(target=exec, args=({WORKER!r}, {{}}))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
"""


def test_workers_take_over_predecessors_counts(
    tmp_path: Path,
) -> None:
    def family(*left: Path) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", FAMILY, *left],
            cwd=CHECKOUT,
            env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    counted = [f"labloop_log_lines_total {count}.0 labloop_workers 1.0" for count in (1, 2)]
    assert family() == counted
    (left,) = tmp_path.iterdir()  # as if a later process had the same number
    assert family(left) == counted
