"""Loading a crafted or altered model file does nothing else."""

import json
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import skops.io

from service.contract.errors import ArtifactError
from service.contract.model_file import artifact
from service.contract.model_file import tree as model_tree
from service.contract.model_file.archive import Archive
from tests.contract.model_file.crafted import CASES
from tests.support.live import CHECKOUT
from tests.support.soak import times

ACTING = [name for name, case in CASES.items() if case.acts]
Seen = dict[str, dict[str, Any]]


def watch(*arguments: str | Path) -> Seen:
    """Load files in a process of its own, which tells what happened there."""
    command = [sys.executable, "-m", "tests.contract.model_file.watched", *map(str, arguments)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr
    seen: Seen = json.loads(done.stdout)
    return seen


@dataclass(frozen=True)
class Crafted:
    """What was seen of each case, loaded by us, and by skops with our list of types."""

    loaded: Seen
    traces: list[str]
    by_types: Seen


@pytest.fixture(scope="module")
def crafted(tmp_path_factory: pytest.TempPathFactory) -> Crafted:
    files, acting, traces = map(tmp_path_factory.mktemp, ("files", "acting", "traces"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, about what the files are made for
        for name, case in CASES.items():
            content = case.make(str(traces / name))
            (files / f"{name}.skops").write_bytes(content)
            if case.acts:
                (acting / f"{name}.skops").write_bytes(content)
    loaded = watch("load", files)
    return Crafted(loaded, [trace.name for trace in traces.iterdir()], watch("types", acting))


@pytest.mark.parametrize("name", CASES)
def test_a_crafted_file_does_nothing(crafted: Crafted, name: str) -> None:
    seen = crafted.loaded[name]
    assert (seen["error"], seen["events"]) == ("ArtifactError", []), seen["text"]
    assert name not in crafted.traces


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_can_be_told(crafted: Crafted, name: str) -> None:
    text = crafted.loaded[name]["text"]
    assert text.isprintable()
    assert len(text) < 1000


@pytest.mark.parametrize("name", ACTING)
def test_types_alone_let_it_act(crafted: Crafted, name: str) -> None:
    assert crafted.by_types[name]["events"], crafted.by_types[name]


def test_an_altered_file_does_nothing(tmp_path: Path) -> None:
    seen = watch("alter", tmp_path, str(times(5000, 100)))
    assert {each["error"] for each in seen.values()} == {"ArtifactError", None}
    assert [each for each in seen.values() if each["events"]] == []


BUILT = [
    "chain_calls_by_name",
    "format_that_reads_attributes",
    "function_in_the_categories",
    "importance_by_a_private_path",
    "kernel_as_a_metric",
    "kernel_as_the_root",
    "method_of_a_kernel",
    "method_of_a_loss",
    "method_of_our_own_class",
    "method_predict",
    "method_that_a_class_lacks",
    "objects_as_feature_names",
    "partial_in_a_target",
    "partial_in_a_transformer",
    "property_of_a_forest",
    "scorer_as_a_metric",
    "selector_as_a_score",
    "stacking_calls_by_name",
    "vectorizer_of_files",
]


@pytest.mark.parametrize("name", BUILT)
def test_what_was_built_is_checked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    content = CASES[name].make(str(tmp_path / "trace"))

    def all_types(archive: Archive) -> list[str]:
        needed: list[str] = skops.io.get_untrusted_types(data=content)
        return needed

    monkeypatch.setattr(model_tree, "check", all_types)
    with pytest.raises(ArtifactError):
        artifact.loads(content)
    assert [*tmp_path.iterdir()] == []
