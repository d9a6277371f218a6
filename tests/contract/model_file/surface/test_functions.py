"""Functions that a model file may hold compute, whatever they are called with."""

import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.contract.model_file import allow_list
from service.contract.model_file.allow_list import FUNCTIONS, UFUNCS, resolve
from service.contract.text import name_of

EVENTS = ("compile", "exec", "open", "os.", "pickle.", "shutil.", "socket.", "subprocess.")
seen: list[str] = []
watching = False


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    if watching and event.startswith(EVENTS):
        seen.append(f"{event} {arguments}"[:200])


@pytest.fixture(scope="module")
def audited() -> None:
    sys.addaudithook(hook)


def called(*_: Any, **__: Any) -> None:
    seen.append("called")


@pytest.mark.usefixtures("audited")
def test_functions_open_and_call_nothing(tmp_path: Path) -> None:
    """A vectorizer, a transformer and the like hand a function what the request says."""
    global watching
    path = tmp_path / "path"
    path.write_text("1.0")
    numbers = np.ones((2, 2))
    acted = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name in sorted(FUNCTIONS):
            function = resolve(name)
            for arguments in (
                [str(path)],
                [path],
                [str(path), str(path)],
                [called],
                [called, numbers],
                [numbers, called],
                [called, 0, numbers],
                [numbers, [numbers > 0], [called]],
            ):
                for watched in (False, True):  # the first time it may import
                    seen.clear()
                    watching = watched
                    with suppress(Exception):  # it says that it takes arrays
                        function(*arguments)
                    watching = False
                if seen:
                    acted[name] = [*seen]
    assert acted == {}


def test_functions_have_the_names_listed() -> None:
    assert len(FUNCTIONS) > 300
    assert {name for name in FUNCTIONS if name_of(resolve(name)) != name} == set()
    assert all(isinstance(resolve(name), np.ufunc) for name in UFUNCS)


def test_common_functions_are_listed() -> None:
    common = (np.abs, np.clip, np.log1p, np.nan_to_num, np.sqrt, np.where, np.asarray, np.digitize)
    assert [each for each in common if not allow_list.holds_function(each)] == []


@pytest.mark.parametrize(
    "name",
    [
        "apply_along_axis",
        "apply_over_axes",
        "empty",
        "empty_like",
        "frombuffer",
        "fromfile",
        "fromfunction",
        "frompyfunc",
        "genfromtxt",
        "info",
        "load",
        "loadtxt",
        "piecewise",
        "save",
        "savetxt",
        "seterrcall",
    ],
)
def test_functions_that_act_are_not(name: str) -> None:
    assert f"numpy.{name}" not in FUNCTIONS | UFUNCS
