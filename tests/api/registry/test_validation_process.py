"""Versions that share a validation process do not share their fate, in a copy of the code."""

import re
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from service import features
from service.contract.model.store import ModelStore
from service.lab.publish.publication import Publication
from tests.support.live import LiveApi, running_api, wait_until
from tests.support.models import FLOWER, iris
from tests.support.stack import copy_checkout

GOOD = [f"good-{number}" for number in range(16)]
BAD = {
    "crashes": "The validation of crashes 1 crashed (exit code -11).",
    "hangs": "The validation of hangs 1 took longer than {seconds} s.",
    "refuses": "The model cannot predict these rows: not today.",
}
ODD = """

class Odd(BaseEstimator, TransformerMixin):
    def __init__(self, name=""):
        self.name = name

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        import ctypes, os, pathlib, time

        folder = pathlib.Path({folder!r})
        if pathlib.Path("/proc/self/comm").read_text().strip() == "api-validation":
            with (folder / "validated").open("a") as file:
                file.write(f"{{self.name}} {{os.getpid()}}\\n")
            while self.name == "waits" and not (folder / "go").exists():
                time.sleep(0.01)
            if self.name == "crashes":
                ctypes.string_at(0)
            if self.name == "hangs":
                ctypes.CDLL(None).pause()
            if self.name == "refuses":
                raise ValueError("not today")
        return X
"""


class Odd:
    """A store of versions that misbehave by their names, and code that does so.

    Attributes
    ----------
    store : ModelStore
    code : Path
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = ODD.format(folder=str(folder))
        self.validated = folder / "validated"
        self.validated.touch()
        self.go = folder / "go"
        self.store = ModelStore(folder / "models")
        self.code = copy_checkout(folder / "labloop")
        with (self.code / "service" / "features.py").open("a") as file:
            file.write(text)
        namespace: dict[str, Any] = {"BaseEstimator": BaseEstimator, "__name__": features.__name__}
        exec(text, namespace | {"TransformerMixin": TransformerMixin}, namespace)
        self._kind = namespace["Odd"]
        monkeypatch.setattr(features, "Odd", self._kind, raising=False)

    def add(self, name: str) -> None:
        trained = iris()
        model = make_pipeline(self._kind(name), DecisionTreeClassifier()).fit(trained.X, trained.y)
        Publication(name, model, trained.X, trained.y).write(self.store, {}, None, {})
        self.store.promote(name, 1)

    def share_for(self, seconds: int) -> None:
        """Let a version have a shared process for so long."""
        file = self.code / "service" / "api" / "registry" / "validation_process.py"
        text, changed = re.subn(
            "(?m)^SHARED_SECONDS = .*", f"SHARED_SECONDS = {seconds}", file.read_text()
        )
        assert changed == 1
        file.write_text(text)

    def processes(self) -> dict[str, list[int]]:
        """Return the processes that validated each version, in their order."""
        found: dict[str, list[int]] = defaultdict(list)
        for line in self.validated.read_text().splitlines():
            name, _, pid = line.partition(" ")
            if int(pid) not in found[name]:
                found[name].append(int(pid))
        return found


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Odd:
    return Odd(tmp_path, monkeypatch)


def refused(api: LiveApi, name: str) -> str:
    with api.http() as http:
        shown = http.get(f"/models/{name}").json()
    return "".join(each["reason"] for each in shown["refused"])


def serves(api: LiveApi, name: str) -> bool:
    with api.http() as http:
        return http.get(f"/models/{name}/predict", params=FLOWER).is_success


def test_bad_versions_take_no_others_down(odd: Odd, tmp_path: Path) -> None:
    for name in (*GOOD, *BAD):
        odd.add(name)
    with running_api(tmp_path, PYTHONPATH=str(odd.code), TRIAL_SECONDS="5") as api:
        for name, reason in BAD.items():
            assert reason.format(seconds=5) in wait_until(partial(refused, api, name), "a reason")
        for name in GOOD:
            wait_until(partial(serves, api, name), f"{name} to be served")
            assert refused(api, name) == ""
        wait_until(lambda: not api.validations, "the end of all validations")
    used = [pid for name in GOOD for pid in odd.processes()[name]]
    assert len(used) == len(GOOD) > len({*used})


@pytest.mark.parametrize("bad", BAD)
def test_only_alone_a_version_is_refused(odd: Odd, tmp_path: Path, bad: str) -> None:
    odd.share_for(1)
    with running_api(tmp_path, PYTHONPATH=str(odd.code), TRIAL_SECONDS="8") as api:
        odd.add("waits")
        wait_until(odd.processes, "a validation that lasts")
        for name in GOOD[:2]:
            odd.add(name)
            wait_until(partial(serves, api, name), f"{name} to be served")
        odd.add(bad)
        said = wait_until(partial(refused, api, bad), "a reason")
        odd.add(GOOD[2])
        wait_until(partial(serves, api, GOOD[2]), "the next to be served")
        odd.go.touch()
        wait_until(lambda: not api.validations, "the end of all validations")
    assert BAD[bad].format(seconds=8) in said
    by_name = odd.processes()
    (first,), (second,), (last,) = (by_name[name] for name in GOOD[:3])
    shared, alone = by_name[bad]
    assert first == second == shared
    assert len({shared, alone, last, *by_name["waits"]}) == 4
