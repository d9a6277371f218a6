"""The Compose stack starts, trains, serves, logs, reloads its code, and comes back."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.contract.errors import LogElsewhereError
from service.lab import Lab
from start.up import REPLICATED
from tests.support.live import CHECKOUT, wait_until
from tests.support.stack import (
    REVISION,
    VERSION,
    ComposeLab,
)


def test_compose_images_carry_the_version() -> None:
    text = "".join((CHECKOUT / file).read_text() for file in REPLICATED)
    named = re.findall(r"image: \$\{COMPOSE_PROJECT_NAME\}-\w+:(\S+)|VERSION: (\S+)", text)
    assert len(named) == text.count("image: ") + 1 == 7
    assert {image or argument for image, argument in named} == {VERSION}


def test_a_good_start_logs_no_error(stack: ComposeLab) -> None:
    log = stack.log()
    assert "Application startup complete" in log
    bad = re.findall(r".*(?:\bERROR\b|\bCRITICAL\b|Traceback|\[[EC] \d).*", log)
    assert bad == []
    assert "0.0.0.0" not in log
    assert stack.greeting() == [
        "Labloop is up.",
        f"The API:     {stack.api_url}/",
        f"JupyterLab:  {stack.lab_url}/lab/tree/notebooks?token={stack.token()}",
        "Stop with:   make down",
    ]
    assert stack.log("lab").splitlines()[1:5] == stack.greeting()  # and nothing before it
    repeated = stack.run("-c", "from start import up; print(up.greeting_of_stack())")  # by make up
    assert repeated.stdout.splitlines() == stack.greeting()


def test_the_first_start_trains(stack: ComposeLab) -> None:
    response = stack.predict()
    assert response.json() == {"prediction": 0}
    assert "'iris' is published and served" in stack.log("train")
    assert stack.inspect("train")["State"]["ExitCode"] == 0


def test_a_second_up_changes_nothing(stack: ComposeLab) -> None:
    version = stack.version()
    before = {name: stack.inspect(name)["Id"] for name in ("owner", "api", "lab")}
    stack.up()
    assert {name: stack.inspect(name)["Id"] for name in before} == before
    assert stack.version() == version


def test_training_swaps_the_served_model(stack: ComposeLab) -> None:
    before, started = stack.version(), stack.inspect("api")["State"]["StartedAt"]
    notebook = ["notebooks/02_train.ipynb", "/tmp/trained.ipynb"]
    stack.run_in("lab", "papermill", *notebook)
    wait_until(lambda: stack.version() == before + 1, f"version {before + 1} served")
    assert stack.inspect("api")["State"]["StartedAt"] == started


def test_a_manifest_names_image_and_revision(stack: ComposeLab) -> None:
    text = (stack.folder / "data/models/iris/1/manifest.json").read_text()
    assert f"labloop-lab:{VERSION}" in text
    assert REVISION in text
    assert '"git_dirty": false' in text  # the container has the code that was started


def test_the_lab_reads_the_log(stack: ComposeLab) -> None:
    asked = stack.predict().headers["X-Prediction-Id"]
    line = wait_until(lambda: stack.log_lines(asked), "the log line", 15)[0]
    assert f"labloop-api:{VERSION}" in json.dumps(json.loads(line))


def test_the_lab_sends_feedback(stack: ComposeLab) -> None:
    asked = stack.predict().headers["X-Prediction-Id"]
    code = f"""
from service.lab import Lab
lab = Lab()
lab.feedback({asked!r}, 0)
print(lab.predictions("iris").set_index("prediction_id").loc[{asked!r}, "truth"])
print(lab.sql("SELECT count(*) AS n FROM predictions JOIN feedback USING (prediction_id)")["n"][0])
"""
    truth, count = stack.run_in("lab", "python", "-c", code).stdout.split()
    assert truth == "0"
    assert int(count) >= 1


def test_a_terminal_has_our_python(stack: ComposeLab) -> None:
    shown = stack.type_in_terminal("python -c 'import service, sys; print(sys.prefix)'")
    assert "\r/opt/venv\r\n" in shown
    assert "\r/opt/venv/bin/papermill\r\n" in stack.type_in_terminal("command -v papermill")


def test_a_host_lab_names_the_log(stack: ComposeLab) -> None:
    asked = stack.predict().headers["X-Prediction-Id"]
    wait_until(lambda: stack.log_lines(asked), "the log line", 15)
    here = {"models_dir": stack.folder / "data" / "models", "log_copy_dir": stack.folder / "copy"}
    lab = Lab(api_url=stack.api_url, logs_dir=stack.folder / "logs", **here)
    with pytest.raises(LogElsewhereError, match="logs to /labloop/logs in a container") as told:
        lab.predictions("iris")
    (copy,) = re.findall("`docker (compose cp [^`]*)`", str(told.value))
    stack.compose(*copy.split()[1:])
    copied = Lab(api_url=stack.api_url, logs_dir=stack.folder / "logs" / "copy", **here)
    assert asked in set(copied.predictions("iris")["prediction_id"])
    shutil.rmtree(stack.folder / "logs" / "copy")


def test_the_doctors_find_nothing_to_fix(stack: ComposeLab) -> None:
    inside = "from service.lab import Lab; print(Lab().doctor())"
    told = stack.run_in("lab", "python", "-c", inside).stdout
    assert told.startswith("Nothing is to be fixed.\n"), told
    done = stack.doctor()
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("ok    stack         api runs.", "ok    stack         train is done."):
        assert line in done.stdout
    assert "ok    lab: log      Every line is what was written" in done.stdout


def test_the_lab_cannot_write_the_log(stack: ComposeLab) -> None:
    refused = stack.run_in("lab", "touch", "logs/mine", check=False)
    assert refused.returncode != 0
    assert "Read-only file system" in refused.stderr


@pytest.mark.parametrize("path", ["service/mine.py", "data/models/mine"])
def test_the_api_writes_no_code(stack: ComposeLab, path: str) -> None:
    refused = stack.run_in("api", "touch", path, check=False)
    assert refused.returncode != 0
    assert "Read-only file system" in refused.stderr


# The way in.


def test_only_the_printed_url_works(stack: ComposeLab) -> None:
    url = stack.printed_url()
    assert len(stack.token()) >= 32
    assert httpx.get(url, follow_redirects=True).status_code == 200
    without = httpx.get(url.partition("?")[0])
    assert without.status_code == 302
    assert "/login" in without.headers["Location"]
    assert httpx.get(f"{stack.lab_url}/api/contents").status_code == 403
    assert httpx.get(f"{stack.lab_url}/api/contents?token=").status_code == 403


def test_a_foreign_host_is_refused(stack: ComposeLab) -> None:
    url = f"{stack.lab_url}/api/contents?token={stack.token()}"
    assert httpx.get(url).status_code == 200
    foreign = httpx.get(url, headers={"Host": f"evil.example:{stack.lab_port}"})
    assert foreign.status_code == 403


def test_a_foreign_origin_is_refused(stack: ComposeLab) -> None:
    with httpx.Client() as visitor:
        visitor.get(stack.printed_url(), follow_redirects=True)  # Has the cookie from now on.
        kernels = f"{stack.lab_url}/api/kernels"
        before = visitor.get(kernels).json()
        foreign = visitor.post(kernels, headers={"Origin": "http://evil.example"}, json={})
        without_xsrf_token = visitor.post(kernels, json={})
        assert foreign.status_code == 404
        assert without_xsrf_token.status_code == 403
        assert visitor.get(kernels).json() == before


# Code reload.


@pytest.fixture
def app_file(stack: ComposeLab) -> Iterator[Path]:
    """Return the API's main file, and put it back as it was."""
    path = stack.folder / "service" / "api" / "app.py"
    good = path.read_text()
    yield path
    path.write_text(good)
    wait_until(lambda: served_title(stack) not in ("", "Edited"), "the API as it was")


def edited(code: str) -> str:
    return code.replace('title="Labloop"', 'title="Edited"')


def served_title(lab: ComposeLab) -> str:
    """Return the API's title, which is in its code; empty while it does not answer."""
    try:
        return str(httpx.get(f"{lab.api_url}/openapi.json").json()["info"]["title"])
    except httpx.TransportError:
        return ""


def test_a_host_edit_reloads_the_code(stack: ComposeLab, app_file: Path) -> None:
    app_file.write_text(edited(app_file.read_text()))
    wait_until(lambda: served_title(stack) == "Edited", "the edited code")
    assert stack.predict().json() == {"prediction": 0}


def test_a_broken_edit_shows_its_error(stack: ComposeLab, app_file: Path) -> None:
    good = app_file.read_text()
    wrong = 'raise RuntimeError("broken on purpose")\n'
    assert stack.save("service/api/app.py", f"{good}\n{wrong}").status_code == 200
    wait_until(
        lambda: "RuntimeError: broken on purpose" in stack.log("api"), "the error in the log"
    )
    wait_until(lambda: served_title(stack) == "", "the broken API gone")
    assert stack.save("service/api/app.py", edited(good)).status_code == 200
    wait_until(lambda: served_title(stack) == "Edited", "the mended code")


# The next day.


def test_down_and_up_lose_nothing(stack: ComposeLab) -> None:
    version = stack.version()
    asked = stack.predict().headers["X-Prediction-Id"]
    wait_until(lambda: stack.log_lines(asked), "the log line", 15)
    assert stack.save("notebooks/mine.txt", "kept").status_code == 201
    first_token = stack.token()

    stack.down()
    stack.up()

    assert stack.predict().json() == {"prediction": 0}
    assert stack.version() == version
    assert stack.log_lines(asked)
    assert stack.jupyter("GET", "contents/notebooks/mine.txt").json()["content"] == "kept"
    assert stack.token() != first_token
    assert len(stack.log("train").strip().splitlines()) == 1
