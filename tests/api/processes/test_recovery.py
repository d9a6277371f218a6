"""Crash loops, broken code and hanging predictions, in a copy of the code."""

import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from service import features
from service.features import AddRatio
from tests.api.processes.supervised import answers, is_free, tree
from tests.support.live import (
    LiveApi,
    running_api,
    wait_until,
)
from tests.support.models import FLOWER, iris, publish_iris
from tests.support.stack import copy_checkout

# What crashes again and again, and what hangs: in a copy of the code.

BREAK = """
import pathlib, sys
if pathlib.Path({file!r}).exists():
    sys.exit(7)
"""
PAUSES = """

class Pauses(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        import ctypes

        if (X == 666).to_numpy().any():
            ctypes.CDLL(None).pause()  # without Python's lock, until a signal comes
        if (X == 667).to_numpy().any():
            ctypes.string_at(0)  # what is not there ends the process
        return X
"""
WINE = pd.DataFrame({"text": ["good wine", "bad wine", "good cheese", "bad bread"] * 5})
ENDLESS = {"text": "a" * 60 + "!"}  # for the expression below


class Copy:
    """A supervised API that runs a copy of the code, and breaks at its start while a file is there.

    Attributes
    ----------
    api : LiveApi
    code : Path
    broken : Path
    """

    def __init__(self, api: LiveApi, code: Path, broken: Path) -> None:
        self.api, self.code, self.broken = api, code, broken
        self.answered: list[str] = []

    def said(self) -> str:
        return self.api.output.read_text()

    def has_said(self, text: str) -> bool:
        return text in self.said()

    def ask(self, model: str, row: Mapping[str, object], seconds: float = 30) -> httpx.Response:
        with self.api.http() as http:
            rows = {"rows": [row]}
            return http.post(f"/models/{model}/predict", json=rows, timeout=seconds)

    def version(self, model: str, row: Mapping[str, object]) -> str:
        """Return the version that answers; nothing while none does."""
        try:
            return str(self.ask(model, row, 5).headers.get("X-Model-Version", ""))
        except httpx.TransportError:
            return ""

    def never_answers(self, model: str, row: Mapping[str, object]) -> None:
        """Ask what hangs; its worker is killed, and the next one answers others."""
        worker = self.api.worker
        self.answered.append(self.ask("iris", FLOWER).headers["X-Prediction-Id"])
        with pytest.raises(httpx.RemoteProtocolError):
            self.ask(model, row)
        wait_until(lambda: answers(self.api, 60), "the next worker")
        assert f"Worker {worker} is killed and replaced" in self.said()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    folder = tmp_path_factory.mktemp("copy")
    code = copy_checkout(folder / "labloop")
    app, broken = code / "service" / "api" / "app.py", folder / "broken"
    first, rest = app.read_text().split("\n", 1)
    app.write_text(first + BREAK.format(file=str(broken)) + rest)
    with (code / "service" / "features.py").open("a") as file:
        file.write(PAUSES)
    publish_iris(folder / "models")
    with running_api(folder, PYTHONPATH=str(code), API_WORKERS="1", ANSWER_SECONDS="2") as api:
        yield Copy(api, code, broken)


def test_a_crash_loop_slows_down(copy: Copy) -> None:
    copy.broken.touch()
    os.kill(copy.api.workers[0], signal.SIGKILL)
    first = "ended by signal 9 (SIGKILL, out of memory?). The next one starts now."
    wait_until(lambda: first in copy.said(), first)
    for times, pause in ((2, 1), (3, 2), (4, 4)):
        line = f"with exit code 7, {times} times in a row. The next one starts in {pause} s."
        wait_until(partial(copy.has_said, line), line)
    copy.broken.unlink()
    wait_until(lambda: answers(copy.api), "an answer once the cause is gone")


@pytest.mark.parametrize("name", ["service/api/rest/routes.py", "service/contract/settings.py"])
def test_a_broken_edit_can_be_mended(copy: Copy, name: str) -> None:
    file = copy.code / name
    good, before = file.read_text(), copy.said().count("Traceback")
    fault = f"RuntimeError: {name} is broken"
    file.write_text(f"{good}\nraise RuntimeError({name!r} + ' is broken')\n")
    wait_until(lambda: fault in copy.said(), "the error")
    assert f"{name} changed: the code is loaded anew." in copy.said()
    wait_until(partial(copy.has_said, f"{fault} (as before)"), "it again")
    assert copy.said().count("Traceback") == before + 1
    file.write_text(good)
    wait_until(lambda: answers(copy.api), "an answer")


def test_an_edited_default_counts(copy: Copy) -> None:
    file = copy.code / "service" / "contract" / "settings.py"
    good = file.read_text()
    file.write_text(good.replace("20_000", "2"))

    def refusal() -> bool:
        with suppress(httpx.TransportError), copy.api.http() as http:
            asked = http.post("/models/iris/predict", json={"rows": [FLOWER] * 3})
            return asked.status_code == 413
        return False

    wait_until(refusal, "the edited default")
    file.write_text(good)
    wait_until(lambda: answers(copy.api) and not refusal(), "the old default")


FAULTS = {
    "def broken(:": "SyntaxError: invalid syntax",
    "raise RuntimeError('my own fault')": "RuntimeError: my own fault",
}


def test_errors_in_features_name_their_line(copy: Copy) -> None:
    model = make_pipeline(AddRatio("x", "y"), LogisticRegression())
    X = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [4.0, 3.0, 2.0, 1.0]})
    y = pd.Series([0, 0, 1, 1])
    copy.api.lab().publish("ratio", model.fit(X, y), X, y)
    file = copy.code / "service" / "features.py"
    good = file.read_text()
    line = len(good.splitlines()) + 1
    for fault, kind in FAULTS.items():
        file.write_text(f"{good}{fault}\n")
        said = f"service/features.py cannot be imported: {kind}"
        wait_until(partial(copy.has_said, said), said)
        assert re.search(rf"{kind}.*features\.py, line {line}\)", copy.said())
    file.write_text(good)
    with copy.api.http() as http:
        asked = partial(http.get, "/models/ratio/predict", params={"x": 1, "y": 2})
        wait_until(lambda: answers(copy.api) and asked().is_success, "an answer")


def publish_text(copy: Copy, pattern: str) -> int:
    vectorizer = make_column_transformer((CountVectorizer(token_pattern=pattern), "text"))
    y = pd.Series([1, 0, 1, 0] * 5)
    model = make_pipeline(vectorizer, LogisticRegression()).fit(WINE, y)
    return copy.api.lab().publish("text", model, WINE, y).version


def test_an_endless_version_is_dropped(copy: Copy) -> None:
    good, bad = publish_text(copy, r"\w+"), publish_text(copy, r"(?:a+)+b|\w+")
    fine = {"text": "good wine"}
    for times in (1, 2):
        copy.never_answers("text", ENDLESS)
        said = f"a prediction by version {bad} did not end. It is number {times} of 3"
        assert f"Model text: {said}" in copy.said()
        wait_until(lambda: copy.version("text", fine) == str(bad), "the version")
    copy.never_answers("text", ENDLESS)
    wait_until(lambda: copy.version("text", fine) == str(good), "the version before")
    assert copy.version("text", ENDLESS) == str(good)
    with copy.api.http() as http:
        (refusal,) = http.get("/models/text").json()["refused"]
        asked = http.post(f"/models/text/predict?version={bad}", json={"rows": [fine]})
    assert refusal["version"] == bad
    assert "did not end within ANSWER_SECONDS" in refusal["reason"]
    assert asked.status_code == 503
    assert "Model iris: a prediction" not in copy.said()
    assert {*copy.answered} <= {*copy.api.lab().predictions("iris")["prediction_id"]}
    copy.api.lab().promote("text", bad)  # forgiven
    assert copy.version("text", fine) == str(bad)


def test_hanging_and_crashing_threads_are_logged(
    copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace = {"BaseEstimator": BaseEstimator, "TransformerMixin": TransformerMixin}
    exec(PAUSES, namespace | {"__name__": "service.features"}, namespace)
    monkeypatch.setattr(features, "Pauses", namespace["Pauses"], raising=False)
    trained = iris()
    model = make_pipeline(namespace["Pauses"](), DecisionTreeClassifier()).fit(trained.X, trained.y)
    assert copy.api.lab().publish("pauses", model, trained.X, trained.y).live
    copy.never_answers("pauses", FLOWER | {"petal_width": 666})
    assert "Model pauses: a prediction by version 1 did not end. It is number 1" in copy.said()
    with pytest.raises(httpx.RemoteProtocolError):
        copy.ask("pauses", FLOWER | {"petal_width": 667})
    wait_until(lambda: copy.version("pauses", FLOWER) == "1", "the next worker")
    assert "Model pauses: a prediction by version 1 ended its worker. It is number 2" in copy.said()
    assert copy.version("iris", FLOWER) == "1"


def test_a_stopped_tree_goes_on(copy: Copy) -> None:
    wait_until(lambda: not copy.api.validations, "the validations to end")
    processes = tree(copy.api)
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 3  # more than ANSWER_SECONDS
    wait_until(lambda: time.monotonic() > deadline, "some time")
    for pid in processes:
        os.kill(pid, signal.SIGCONT)
    assert answers(copy.api)
    assert tree(copy.api) == processes


def test_sigterm_ends_an_api_that_hangs(copy: Copy) -> None:
    assert answers(copy.api)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(copy.ask, "text", ENDLESS)
        wait_until(lambda: not answers(copy.api, 0.5), "the hang")
        copy.api.process.terminate()
        copy.api.process.wait(10)  # as long as Docker waits
        assert asking.exception()
    assert is_free(copy.api.url)
