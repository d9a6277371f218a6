"""What `lab.doctor()` finds, each problem provoked; and `make doctor`, which asks the API."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service.contract.libraries import versions
from service.contract.log.segment import FOLDER, all_segments
from service.contract.model.aliases import ALIASES
from service.contract.model.manifest import MANIFEST
from service.contract.model.store import ModelStore
from service.lab import Lab
from service.lab.doctor.diagnosis import Diagnosis
from tests.lab.doctor.examination import examine
from tests.support.disks import make_read_only
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, iris, write_files

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Start an API without a model, whose log cannot be written."""
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "logs").mkdir()
    (folder / "logs" / FOLDER).write_text("no folder")
    with running_api(folder) as api:
        yield api


def found(diagnosis: Diagnosis, level: str, check: str) -> str:
    """Return what a check says at one level."""
    kept = [f for f in diagnosis.findings if (f.level, f.check) == (level, check)]
    return "\n".join(f"{finding.sentence} {finding.remedy}" for finding in kept)


def at(lab: Lab, **changed: object) -> Lab:
    """Return a lab with a setting changed."""
    names = ("api_url", "models_dir", "logs_dir", "log_copy_dir")
    return Lab(**{name: getattr(lab.settings, name) for name in names} | changed)


def test_from_broken_to_healthy(api: LiveApi) -> None:
    lab = api.lab()
    broken = lab.doctor()
    assert "cannot be written (File exists)" in found(broken, "fix", "api")
    assert "cannot be read (Not a directory)" in found(broken, "fix", "log")

    (api.logs / FOLDER).unlink()
    ready = "No model is published yet. Run notebooks/02_train.ipynb to publish one."
    wait_until(lambda: ready in found(lab.doctor(), "fix", "api"), "a log that is written")

    trained = iris()
    lab.publish("flowers", trained.estimator, trained.X, trained.y)
    missing = found(lab.doctor(), "fix", "api")
    assert "There is no model 'iris'; published: flowers." in missing
    assert "Publish it, or set DEFAULT_MODEL to another." in missing

    lab.publish("iris", trained.estimator, trained.X, trained.y)
    lab.predict("iris", FLOWER)
    well = lab.doctor()
    assert well.fixes == []
    assert str(well).startswith("Nothing is to be fixed.\n")
    assert "scikit-learn" in found(well, "ok", "versions")
    assert "It serves iris version 1 by default" in found(well, "ok", "api")
    assert "<b>ok</b>" in well._repr_html_()
    assert set(well.table["check"]) >= {"api", "versions", "clocks", "models", "folders", "log"}


def test_a_refused_live_version_needs_fixing(api: LiveApi) -> None:
    lab, store = api.lab(), ModelStore(api.models)
    refused = store.add("flowers", write_files)
    store.promote("flowers", refused)
    told = wait_until(lambda: found(lab.doctor(), "fix", "models"), "the refusal")
    assert f"flowers version {refused} is to be live, and the API refused it: " in told
    assert "lab.promote(…) another" in told

    store.withdraw("flowers", refused)
    wait_until(lambda: not lab.doctor().fixes, "the version before")
    assert f"version {refused} was refused: " in found(lab.doctor(), "note", "models")


def test_unreadable_versions_are_named(api: LiveApi) -> None:
    lab, store = api.lab(), ModelStore(api.models)
    (store.folder("flowers", 2) / MANIFEST).write_text("{")
    shutil.copytree(store.folder("flowers", 1), api.models / "idle" / "1")
    (api.models / "damaged" / "1").mkdir(parents=True)
    (api.models / "damaged" / ALIASES).write_text("{")
    told = lab.doctor()
    fixes = found(told, "fix", "models")
    assert "flowers/2/manifest.json cannot be read" in fixes
    assert "lab.delete('flowers', 2)" in fixes
    assert "damaged/aliases.json cannot be read" in fixes
    assert "lab.promote('idle', 1) makes one live" in found(told, "note", "models")
    for name in ("idle", "damaged", "flowers/2"):
        shutil.rmtree(api.models / name)


def test_another_store_is_named(api: LiveApi, tmp_path: Path) -> None:
    told = found(at(api.lab(), models_dir=tmp_path).doctor(), "fix", "models")
    assert "The API knows flowers, iris" in told
    assert "Set MODELS_DIR to the same folder on both sides." in told


def test_log_damage_is_named(api: LiveApi, tmp_path: Path) -> None:
    lab = api.lab()
    for _ in range(3):
        lab.predict("iris", FLOWER)
    shutil.copytree(api.logs, tmp_path / "logs")  # the copy has no writer
    (segment,) = all_segments(tmp_path / "logs" / FOLDER)
    *lines, last = segment.read_bytes().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(b"iris", b"IRIS")
    segment.write_bytes(b"".join(lines) + last + last[:20])
    os.utime(segment, (0, 0))

    other = at(lab, logs_dir=tmp_path / "logs", log_copy_dir=tmp_path / "copy")
    told = other.doctor()
    assert f"line {len(lines)} is damaged and left out. The rest is read." in found(
        told, "fix", "log"
    )
    assert f"1 segment of a stopped API not sealed, e.g. {segment}" in found(told, "fix", "log")
    assert "A crash cut off 1 line; no response was sent" in found(told, "note", "log")

    alone = at(other, api_url=NOWHERE).doctor()
    assert "The next start seals them." in found(alone, "note", "log")
    assert f"The API at {NOWHERE} does not answer" in found(alone, "fix", "api")


class OtherApi(BaseHTTPRequestHandler):
    """An API of another time, image and scikit-learn, or of an older Labloop, or none at all."""

    answers: dict[str, dict[str, object]]

    def do_GET(self) -> None:
        content = self.answers.get(self.path, {"error": "No.", "details": []})
        self.send_response(200 if self.path in self.answers else 503)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def other_api(api: LiveApi) -> Iterator[Callable[..., Lab]]:
    """Return a function that gives a lab before another API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OtherApi)
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()

    def lab(live: dict[str, object]) -> Lab:
        OtherApi.answers = {"/health/live": live}
        return at(api.lab(), api_url=f"http://127.0.0.1:{server.server_port}")

    yield lab
    server.shutdown()
    server.server_close()


def test_two_sides_that_differ_are_named(
    other_api: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABLOOP_IMAGE", "labloop-lab:9.9.9")
    live = {
        "time": str(datetime.now(UTC) - timedelta(minutes=10)),
        "image": "labloop-api:0.1.0",
        "libraries": versions.installed() | {"scikit-learn": "1.0"},
    }
    told = other_api(live).doctor()
    differing = found(told, "fix", "versions")
    assert "scikit-learn 1.0 there and " in differing
    assert "image labloop-api:0.1.0 there and labloop-lab:9.9.9 here" in differing
    assert "docker compose up --build" in differing
    assert "The API's clock is 600 s behind this one." in found(told, "fix", "clocks")
    # And a container in which the log can be changed is not as it was designed.
    assert "mounts it as logs:/labloop/logs:ro" in found(told, "fix", "folders")


def test_an_older_api_is_named(other_api: Callable[..., Lab]) -> None:
    told = found(other_api({"status": "live"}).doctor(), "fix", "versions")
    assert "The API is older" in told


def test_a_full_disk_is_named(api: LiveApi, small_disk: Path) -> None:
    shutil.copytree(api.models, small_disk / "models")
    make_read_only(small_disk)
    told = at(api.lab(), models_dir=small_disk / "models").doctor()
    assert f"0.0 GB free at {small_disk / 'models'}" in found(told, "fix", "space")
    folders = found(told, "fix", "folders")
    assert f"in {small_disk / 'models'} cannot be changed by uid 0, e.g. " in folders
    assert f"sudo chown -R 0 {small_disk / 'models'}" in folders


def test_a_living_api_is_asked(started: Path, api: LiveApi) -> None:
    _, told = examine(started, API_PORT=api.url.rpartition(":")[2])
    assert "ok    api           It serves iris version 1 as its default model." in told
    assert f"scikit-learn {versions.installed()['scikit-learn']}" in told
    assert "note  models        flowers version 2 was refused: " in told
    assert "ok    models        2 of 2 models are served." in told


def test_another_server_is_named(started: Path, other_api: Callable[..., Lab]) -> None:
    port = other_api({}).settings.api_url.rpartition(":")[2]
    OtherApi.answers["/api"] = {"version": "2"}
    _, told = examine(started, API_PORT=port, LAB_PORT=port)
    assert f"fix   api           What answers at port {port} is not Labloop's" in told
    assert "ok    lab           JupyterLab answers, on Jupyter Server 2." in told
    assert "fix   lab           lab.doctor() could not be asked: " in told


def test_object_store_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    folders = {"models_dir": tmp_path, "logs_dir": tmp_path, "log_copy_dir": tmp_path}
    lab = Lab(api_url="http://127.0.0.1:9", store_url="s3://bucket/labs", **folders)
    told = [finding.sentence for finding in lab.doctor().fixes]
    assert any(
        "The object store s3://bucket/labs cannot be used: http://127.0.0.1:9" in each
        for each in told
    )
