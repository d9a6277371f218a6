"""The manifest names the commit, and whether the code was edited; a release runs no edits."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.contract.build import Build
from service.contract.errors import SettingError, UncommittedError
from service.contract.model.manifest import MANIFEST
from service.contract.model.store import ModelStore
from service.lab import Lab
from service.lab.publish.publication import Publication
from tests.support.clone import Clone, cloned
from tests.support.live import running_api
from tests.support.models import iris
from tests.support.stack import copy_checkout

FEATURES = Path("service") / "features.py"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, dict[str, str]]:
    """Return a clone after `make up`, and what its containers were told."""
    clone = Clone(copy_checkout(tmp_path_factory.mktemp("started") / "clone"))
    clone.begin()
    return clone, clone.up()


@pytest.fixture
def clone(started: tuple[Clone, dict[str, str]]) -> Iterator[Clone]:
    yield started[0]
    started[0].git("reset", "--quiet", "--hard")
    started[0].git("clean", "--quiet", "--force", "-d")


def dirty(started: tuple[Clone, dict[str, str]]) -> bool | None:
    clone, told = started
    build = Build(revision=told["GIT_REVISION"], code_digest=told["CODE_DIGEST"])
    return build.is_dirty(clone.folder / "service")


def edited(clone: Clone) -> None:
    clone.replace(str(FEATURES), "import", "# mine\nimport")


def added(clone: Clone) -> None:
    (clone.folder / "service" / "mine.py").write_text("")


def removed(clone: Clone) -> None:
    (clone.folder / FEATURES).unlink()


def moved(clone: Clone) -> None:
    (clone.folder / FEATURES).rename(clone.folder / "service" / "api" / "features.py")


@pytest.mark.parametrize("change", [edited, added, removed, moved])
def test_code_that_was_edited_is_told(
    started: tuple[Clone, dict[str, str]], clone: Clone, change: Callable[[Clone], None]
) -> None:
    assert dirty(started) is False
    change(clone)
    assert dirty(started) is True


def test_what_is_no_edit_is_none(started: tuple[Clone, dict[str, str]], clone: Clone) -> None:
    code = clone.folder / "service"
    for file in code.rglob("*.py"):  # as git does on Windows
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
        file.chmod(0o775)  # as for the lab
    copies = code / ".ipynb_checkpoints"  # as JupyterLab's editor makes them
    copies.mkdir()
    (copies / "features-checkpoint.py").write_text("")
    (code / "notes.txt").write_text("no code")
    (code / "link.py").symlink_to("nowhere")
    assert dirty(started) is False


def test_an_edit_before_the_start_counts(tmp_path: Path) -> None:
    clone = Clone(copy_checkout(tmp_path / "clone"))
    clone.begin()
    edited(clone)
    told = clone.up()
    assert dirty((clone, told)) is True
    clone.git("commit", "--quiet", "--all", "--message=mine")
    assert dirty((clone, clone.up())) is False

    # Of a clone whose git changes line ends.
    clone.git("config", "core.autocrlf", "true")
    other = cloned(clone, tmp_path / "other")
    other.git("config", "core.autocrlf", "true")
    assert dirty((other, other.up())) is False


def test_an_unknown_revision_says_nothing(tmp_path: Path) -> None:
    told = Clone(copy_checkout(tmp_path / "clone")).up()
    assert (told["GIT_REVISION"], told["CODE_DIGEST"]) == ("", "")
    assert Build(revision="0123456789ab", code_digest="").is_dirty() is None
    assert Build(revision="", code_digest="0123").is_dirty() is None


PUBLISH = """
from pathlib import Path
from tests.support.models import publish_iris
publish_iris(Path("published"))
Path("service/features.py").write_text("# mine")
publish_iris(Path("published"))
"""


def test_published_versions_say_it(
    started: tuple[Clone, dict[str, str]], clone: Clone, tmp_path: Path
) -> None:
    told = {name: started[1][name] for name in ("GIT_REVISION", "CODE_DIGEST")}
    command = [sys.executable, "-c", PUBLISH]
    subprocess.run(command, cwd=clone.folder, env=os.environ | told, check=True)
    (clone.folder / "published").rename(tmp_path / "models")
    file = tmp_path / "models" / "iris" / "1" / MANIFEST
    with running_api(tmp_path) as api, api.http() as http:
        commit = told["GIT_REVISION"]
        assert api.lab().versions("iris")["commit"].to_dict() == {2: f"{commit}-dirty", 1: commit}
        said = [http.get(f"/models/iris/versions/{each}").json() for each in (1, 2)]
        assert [each["git_dirty"] for each in said] == [False, True]
        assert {each["git_revision"] for each in said} == {commit}
        page = api.lab().promote("iris", 2)._repr_html_()
        assert f"{commit}-dirty" in page

        # What versions before this one wrote.
        old = json.loads(file.read_text())
        del old["git_dirty"]
        file.write_text(json.dumps(old))
        assert api.lab().versions("iris").loc[1, "commit"] == commit
        assert http.get("/models/iris/versions/1").json()["git_dirty"] is None


def test_no_commit_means_no_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_REVISION", "")
    trained = iris()
    publication = Publication("iris", trained.estimator, trained.X, trained.y)
    publication.write(ModelStore(tmp_path), {}, None, {})
    assert "commit" not in Lab(models_dir=tmp_path).versions("iris")


def test_a_release_runs_no_edits(started: tuple[Clone, dict[str, str]], clone: Clone) -> None:
    code = clone.folder / "service"
    said = {"revision": started[1]["GIT_REVISION"], "code_digest": started[1]["CODE_DIGEST"]}
    release = Build(image="labloop-api:9.9", run_code="committed", **said)
    release.check(code)
    edited(clone)
    with pytest.raises(UncommittedError, match=r"labloop-api:9\.9 .* RUN_CODE=any"):
        release.check(code)
    Build(run_code="any", **said).check(code)
    with pytest.raises(UncommittedError, match="of which commit"):
        Build(run_code="committed").check(code)


def test_another_choice_of_code_is_refused() -> None:
    with pytest.raises(SettingError, match="RUN_CODE='comitted'"):
        Build(run_code="comitted").check()
