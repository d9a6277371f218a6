"""Every change of an alias file is noticed, also where what the system tells does not change."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from service.api.registry.alias_files import ROUND, AliasFiles
from service.contract.model import aliases, entries
from service.contract.model.aliases import ALIASES, Aliases

MANY = 200


def put(root: Path, name: str, live: int) -> None:
    (root / name).mkdir(exist_ok=True)
    aliases.replace(root / name, aliases.dumps(Aliases(generation=live, live=live)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(MANY):
        put(tmp_path, f"m{number}", 1)
    return tmp_path


def in_place(root: Path) -> None:
    file = root / "m7" / ALIASES
    before = file.stat()
    file.write_text(file.read_text().replace('"live":1', '"live":2'))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], None]] = {
    "replaced": lambda root: put(root, "m7", 2),
    "written in place": in_place,
    "made a link": lambda root: _link(root / "m7" / ALIASES),
    "made a folder": lambda root: _folder(root / "m7" / ALIASES),
    "removed": lambda root: (root / "m7" / ALIASES).unlink(),
    "not readable as a file": lambda root: _pipe(root / "m7" / ALIASES),
}


def _link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")
    put(file.parent.parent, "other", 2)
    (file.parent.parent / "other" / ALIASES).rename(file.with_name("elsewhere"))


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("change", CHANGES)
def test_the_next_look_tells_a_change(root: Path, change: str) -> None:
    (root / "m7" / "1").mkdir()
    (root / "m7" / "1" / "SHA256SUMS").touch()
    files = AliasFiles(root)
    for _ in range(2 * ROUND):
        files.look()
    assert files.look() == ({*entries.models(root)}, set())
    CHANGES[change](root)
    names, changed = files.look()
    assert changed >= {"m7"} and changed <= {"m7", "other"}
    assert "m7" in names


def test_new_and_deleted_models_are_told(root: Path) -> None:
    files = AliasFiles(root)
    names, changed = files.look()
    assert names == changed == {f"m{number}" for number in range(MANY)}
    shutil.rmtree(root / "m7")
    assert "m7" not in files.look()[0]
    put(root, "m7", 1)
    names, changed = files.look()
    assert "m7" in names and "m7" in changed


@pytest.mark.parametrize("looks, models", [(1, 5), (ROUND, MANY)])
def test_content_is_read_in_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int, models: int
) -> None:
    for number in range(models):
        put(tmp_path, f"m{number}", 1)
    same = entries.stamps(tmp_path)
    monkeypatch.setattr(entries, "stamps", lambda root: same)  # as a disk with coarse times tells
    files = AliasFiles(tmp_path)
    for _ in range(ROUND):
        files.look()
    put(tmp_path, "m0", 2)
    assert {"m0"} in [files.look()[1] for _ in range(looks)]
