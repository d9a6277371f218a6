"""`make upgrade` brings a newer version, and keeps what a person wrote."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.support.clone import Clone, cloned
from tests.support.notebooks import NAMES, stage_outputs
from tests.support.stack import copy_checkout

LOGS = "notebooks/04_logs.ipynb"
TRAIN = "notebooks/02_train.ipynb"
SENTENCE = "Predictions over time, one colour per version."


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Return a repository that holds this checkout."""
    upstream = Clone(copy_checkout(tmp_path_factory.mktemp("upstream")))
    upstream.begin()
    return upstream


@pytest.fixture
def upstream(published: Clone, tmp_path: Path) -> Clone:
    return cloned(published, tmp_path / "upstream")


@pytest.fixture
def clone(upstream: Clone, tmp_path: Path) -> Clone:
    return cloned(upstream, tmp_path / "clone")


@pytest.fixture(scope="module")
def filtered(published: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Return a clone whose notebooks git sees through the filter."""
    clone = cloned(published, tmp_path_factory.mktemp("filtered") / "clone")
    clone.tell_git()
    return clone


@pytest.fixture
def fresh(filtered: Clone) -> Iterator[Clone]:
    yield filtered
    (filtered.folder / TRAIN).unlink(missing_ok=True)
    filtered.git("reset", "--quiet", "--hard")


def release(upstream: Clone) -> None:
    """Publish a version with other code, and another sentence in a notebook."""
    upstream.replace("VERSION", "0.", "9.")
    upstream.replace(LOGS, SENTENCE, "Another sentence.")
    upstream.git("commit", "--quiet", "--all", "--message=another version")


def test_an_upgrade_after_run_all(upstream: Clone, clone: Clone) -> None:
    release(upstream)
    for name in NAMES:
        clone.run_all(f"notebooks/{name}.ipynb")
    stopped = clone.run("git", "pull", "--ff-only", check=False)
    assert "would be overwritten by merge" in stopped.stderr

    said = clone.upgrade().stdout
    assert "make down && make up" in said
    assert (clone.folder / "VERSION").read_text().startswith("9.")
    assert "Another sentence." in (clone.folder / LOGS).read_text()
    assert "as it came out here" in (clone.folder / TRAIN).read_text()  # it has not changed
    assert clone.git("status", "--porcelain") == ""
    assert "Nothing is new. This is version 9." in clone.upgrade().stdout

    # Commits between two versions are told as what they are.
    upstream.replace(LOGS, "Another sentence.", "A third one.")
    upstream.git("commit", "--quiet", "--all", "--message=a commit")
    said = clone.upgrade().stdout
    assert "1 new commit(s) after version 9." in said
    assert "make down && make up" in said
    assert "CHANGELOG" not in said


def test_an_edited_cell_stops_it(upstream: Clone, clone: Clone) -> None:
    release(upstream)
    clone.run_all(LOGS)
    clone.replace(LOGS, "What would you do next?", "What do I do next?")
    mine = (clone.folder / LOGS).read_bytes()
    done = clone.upgrade(check=False)
    assert done.returncode != 0
    assert f"Edited here: {LOGS}. docs/upgrade.md says" in done.stderr
    assert (clone.folder / LOGS).read_bytes() == mine

    # As docs/upgrade.md says: both are there in the end.
    clone.git("stash")
    clone.upgrade()
    clone.git("stash", "pop")
    both = (clone.folder / LOGS).read_text()
    assert "Another sentence." in both and "What do I do next?" in both
    nbformat.validate(nbformat.read(clone.folder / LOGS, as_version=4))


def test_a_cell_edited_twice_is_kept(upstream: Clone, clone: Clone) -> None:
    release(upstream)
    clone.run_all(LOGS)
    clone.replace(LOGS, SENTENCE, "My sentence.")
    assert clone.upgrade(check=False).returncode != 0
    clone.git("stash")
    clone.upgrade()
    popped = clone.run("git", "stash", "pop", check=False)
    assert "CONFLICT" in popped.stdout
    conflict = (clone.folder / LOGS).read_bytes()
    assert b"My sentence." in conflict and b"Another sentence." in conflict
    clone.git("checkout", "--theirs", LOGS)
    assert "My sentence." in "".join(map(str, clone.read(LOGS)["cells"]))
    assert clone.git("stash", "list")


def test_an_own_commit_merges(upstream: Clone, clone: Clone) -> None:
    release(upstream)
    clone.tell_git()
    clone.run_all(LOGS)
    clone.replace(LOGS, "What would you do next?", "What do I do next?")
    assert clone.git("diff", "--numstat").split() == ["1", "1", LOGS]
    clone.git("commit", "--quiet", "--all", "--message=mine")
    assert "fast-forward" in clone.upgrade(check=False).stderr
    clone.run_all(LOGS, "once more")
    clone.git("add", "--update", "notebooks")
    clone.git("pull", "--quiet", "--no-rebase", "--no-edit")
    both = (clone.folder / LOGS).read_text()
    assert "Another sentence." in both and "What do I do next?" in both


def test_without_git_it_says_how(tmp_path: Path) -> None:
    done = Clone(copy_checkout(tmp_path)).upgrade(check=False)
    assert "This folder is no git clone" in done.stderr and done.returncode != 0


def test_make_up_sets_the_filter(clone: Clone) -> None:
    clone.up()
    clone.run_all(TRAIN)
    assert clone.git("diff") == ""


def test_a_start_without_git_goes_on(clone: Clone, tmp_path: Path) -> None:
    tell = "from start import up; assert not up.tell_git()"
    clone.run("env", f"PATH={tmp_path}", sys.executable, "-c", tell)


def test_every_notebook_has_the_filter(fresh: Clone) -> None:
    files = [f"notebooks/{name}.ipynb" for name in NAMES]
    said = fresh.git("check-attr", "filter", *files, "notebooks/my_own.ipynb").splitlines()
    assert [line.rpartition(" ")[2] for line in said] == [
        *["labloop-notebook"] * len(NAMES),
        "unspecified",
    ]


# What git sees of a working file.


def edited(notebook: Any) -> None:
    notebook["cells"][0]["source"] = ["# Mine"]


def tagged(notebook: Any) -> None:
    notebook["cells"][-1]["metadata"]["tags"] = ["mine"]


def shortened(notebook: Any) -> None:
    del notebook["cells"][3]


def reordered(notebook: Any) -> None:
    notebook["cells"].reverse()


def longer(notebook: Any) -> None:
    notebook["cells"].insert(2, nbformat.v4.new_code_cell(["1 + 1"], id="mine"))


def titled(notebook: Any) -> None:
    notebook["metadata"]["title"] = "Mine"


@pytest.mark.parametrize("edit", [edited, tagged, shortened, reordered, longer, titled])
def test_git_sees_no_output(fresh: Clone, edit: Any) -> None:
    wanted = fresh.read(TRAIN)
    edit(wanted)
    fresh.run_all(TRAIN)
    notebook = fresh.read(TRAIN)
    edit(notebook)
    fresh.write(TRAIN, notebook)
    mine = (fresh.folder / TRAIN).read_bytes()
    assert json.loads(fresh.seen(TRAIN)) == wanted
    assert (fresh.folder / TRAIN).read_bytes() == mine


def without_ids(notebook: Any) -> None:
    for cell in notebook["cells"]:
        cell.pop("id")


def new_ids(notebook: Any) -> None:
    for place, cell in enumerate(notebook["cells"]):
        cell["id"] = f"new-{place}"


def one_string_a_cell(notebook: Any) -> None:
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        cell["metadata"].setdefault("tags", [])


def large(notebook: Any) -> None:
    notebook["cells"][1]["outputs"] = [nbformat.v4.new_output("stream", text="x" * 20_000_000)]


@pytest.mark.parametrize("change", [without_ids, new_ids, one_string_a_cell, large])
def test_another_layout_is_no_change(fresh: Clone, change: Any) -> None:
    before = fresh.blob(TRAIN)
    fresh.run_all(TRAIN)
    notebook = fresh.read(TRAIN)
    change(notebook)
    (fresh.folder / TRAIN).write_text(json.dumps(notebook))
    assert fresh.seen(TRAIN) == before


def test_line_ends_are_no_change(fresh: Clone) -> None:
    before = fresh.blob(TRAIN)
    fresh.run_all(TRAIN)
    file = fresh.folder / TRAIN
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert fresh.seen(TRAIN) == before


def test_committed_line_ends_are_kept(fresh: Clone) -> None:
    file = fresh.folder / TRAIN
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    fresh.git("-c", "filter.labloop-notebook.clean=", "add", TRAIN)
    fresh.run_all(TRAIN)
    fresh.replace(TRAIN, "Train and publish", "I train and publish")
    assert fresh.git("diff", "--numstat").split() == ["1", "1", TRAIN]


def test_equal_cells_keep_their_outputs(fresh: Clone) -> None:
    notebook = fresh.read(TRAIN)
    notebook["cells"] = [
        nbformat.v4.new_code_cell("lab.models()", id=each, execution_count=place)
        for place, each in enumerate("abc")
    ]
    fresh.write(TRAIN, notebook)
    fresh.git("-c", "filter.labloop-notebook.clean=", "add", TRAIN)
    fresh.run_all(TRAIN)
    fresh.write(TRAIN, fresh.read(TRAIN) | {"cells": fresh.read(TRAIN)["cells"][1:]})
    counts = [cell["execution_count"] for cell in json.loads(fresh.seen(TRAIN))["cells"]]
    assert counts == [1, 2]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b'{"cells": [', b"[]", b'{"cells": 1}', b'{"cells": [1], "metadata": {}}',
     b'{"cells": [{"metadata": []}], "metadata": {}}', b"<<<<<<< HEAD\n{}\n=======", b"[" * 100_000,
     b'{"cells": [{"source": "\\ud800", "metadata": {}}], "metadata": {}, "nbformat": 4, '
     b'"nbformat_minor": 5}'],
    ids=["empty", "binary", "cut off", "list", "no cells", "no cell", "no metadata", "conflict",
         "deep", "half a character"],
)  # fmt: skip
def test_other_files_are_unchanged(fresh: Clone, content: bytes) -> None:
    (fresh.folder / TRAIN).write_bytes(content)
    done = fresh.run("git", "add", TRAIN)
    assert done.stderr == ""
    assert fresh.blob(TRAIN) == content


def test_first_versions_keep_their_outputs(fresh: Clone) -> None:
    fresh.run_all(TRAIN)
    fresh.git("rm", "--quiet", "--cached", TRAIN)
    assert fresh.seen(TRAIN) == (fresh.folder / TRAIN).read_bytes()


def test_kept_outputs_are_committed(fresh: Clone) -> None:
    fresh.run_all(TRAIN)
    fresh.git("status")
    stage_outputs(fresh.folder)
    assert fresh.blob(TRAIN) == (fresh.folder / TRAIN).read_bytes()
    assert fresh.git("diff") == ""
    assert "as it came out here" in fresh.git("diff", "--cached")
