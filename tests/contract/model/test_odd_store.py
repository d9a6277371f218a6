"""Other files in a model store stop nothing and hide nothing."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.contract.errors import (
    ArtifactError,
    EstimatorError,
    NotFoundError,
)
from service.contract.model import entries
from service.contract.model.aliases import ALIASES
from service.contract.model.store import ModelStore
from tests.contract.model import odd_entries
from tests.contract.model.odd_entries import KINDS, NAMES, as_nobody
from tests.support.models import write_files

# In the place of a file or folder of a model's own; in one order, as the workers of a run collect.
IN_PLACE = [kind for kind in KINDS if kind not in ("unreadable folder", "folder of pipes")]


@pytest.fixture
def store() -> Iterator[ModelStore]:
    """Return a store that everybody may look into, which pytest's own folder is not for."""
    root = Path(tempfile.mkdtemp(dir="/tmp"))
    store = ModelStore(root)
    store.promote("m", store.add("m", write_files))
    for folder in (root, root / "m"):
        folder.chmod(0o777)
    yield store
    shutil.rmtree(root)


@pytest.mark.parametrize("kind", KINDS)
def test_odd_entries_count_for_nothing(store: ModelStore, kind: str) -> None:
    home = store.root / "m"
    for name in NAMES:
        KINDS[kind](home / name)
        KINDS[kind](store.root / name)
    with as_nobody():
        assert store.versions("m") == [1]
        assert "m" in store.names()
        if kind != "unreadable folder":  # which is shown as a model, lest it be taken for deleted
            assert store.names() == ["m"]
        assert store.problem("m") is None
        with pytest.raises(NotFoundError, match=r"no version 7: 7 does not count, since it "):
            store.folder("m", 7)
        told = {str(path.relative_to(store.root)) for path, _ in entries.odd(store.root)}
    seen = {name for name in NAMES if not name.startswith(".")}
    assert told == seen | {f"m/{name}" for name in seen}
    # A number that is taken is stepped over, and none of the others is jumped to.
    assert [store.add("m", write_files) for _ in range(6)] == [2, 3, 4, 5, 6, 8]
    assert store.promote("m", 8).live == 8
    for name in NAMES:
        odd_entries.remove(home / name)
        odd_entries.remove(store.root / name)


def test_numbers_jump_to_no_date(store: ModelStore) -> None:
    shutil.copytree(store.folder("m", 1), store.root / "m" / "20261125")
    assert store.versions("m") == [1, 20261125]
    store.promote("m", 20261125)
    assert store.add("m", write_files) == 2


def test_an_older_store_goes_on_counting(store: ModelStore) -> None:
    for _ in range(2):
        store.promote("m", store.add("m", write_files))
    old = {"generation": 7, "live": 3, "shadow": None, "history": [1, 2]}
    (store.root / "m" / ALIASES).write_text(json.dumps(old))
    shutil.rmtree(store.folder("m", 3))
    assert store.add("m", write_files) == 4
    new: dict[str, Any] = {"live_since": None, "last": 4, "deleted": {}}
    assert store.aliases("m").model_dump() == {**old, **new}


@pytest.mark.parametrize("kind", IN_PLACE)
def test_a_taken_place_is_named(store: ModelStore, kind: str) -> None:
    KINDS[kind](store.root / "taken")
    if kind == "empty folder":
        assert store.add("taken", write_files) == 1
        return
    with pytest.raises(EstimatorError, match=r"taken is .*, and its folder belongs there"):
        store.add("taken", write_files)
    assert store.names() == ["m"]


@pytest.mark.parametrize("kind", ["pipe", "socket", "link to a folder", "dangling link"])
def test_an_odd_lock_is_not_awaited(store: ModelStore, kind: str) -> None:
    lock = store.root / ".m.lock"
    lock.unlink()
    KINDS[kind](lock)
    with pytest.raises(OSError, match=r"\.m\.lock"):
        store.add("m", write_files)


def test_an_unreadable_model_is_shown(store: ModelStore) -> None:
    for mode in (0o000, 0o444, 0o111):
        (store.root / "m").chmod(mode)
        with as_nobody():
            assert store.names() == ["m"]
            if mode != 0o111:
                assert store.problem("m")
                with pytest.raises(ArtifactError, match=r"'m' cannot be read \(Permission denied"):
                    store.folder("m", 1)


def test_odd_leftovers_do_not_stop_publishing(store: ModelStore) -> None:
    for number, (kind, make) in enumerate(KINDS.items()):
        for start in (".staging-", ".aliases-", ".deleted-"):
            make(store.root / "m" / f"{start}{number}")
        assert store.promote("m", store.add("m", write_files)).live == number + 2, kind


def test_disks_that_know_no_capitals(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    (store.root / "M").mkdir()
    assert store.names() == ["m"]  # this disk does tell
    (store.root / "M").rmdir()
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([folder / "M"]))
    lstat = Path.lstat
    monkeypatch.setattr(Path, "lstat", lambda path: lstat(path.with_name(path.name.lower())))
    assert store.names() == ["m"]


@pytest.mark.parametrize("kind", odd_entries.ALIASES)
def test_strange_aliases_are_written_anew(store: ModelStore, kind: str) -> None:
    odd_entries.writes(odd_entries.ALIASES[kind])(store.root / "m" / ALIASES)
    with pytest.raises(ArtifactError, match=r"m/aliases\.json cannot be read") as caught:
        store.aliases("m")
    assert len(str(caught.value)) < 400
    assert str(caught.value) == store.problem("m")
    assert store.names() == ["m"]
    assert store.promote("m", store.add("m", write_files)).live == 2
    assert store.problem("m") is None


@pytest.mark.parametrize("kind", IN_PLACE)
def test_aliases_that_are_no_file(store: ModelStore, kind: str) -> None:
    place = store.root / "m" / ALIASES
    place.unlink()
    KINDS[kind](place)
    with pytest.raises(ArtifactError, match=r"m/aliases\.json cannot be read"):
        store.aliases("m")
    assert store.names() == ["m"]
    assert store.add("m", write_files) == 2
    if kind == "empty folder":
        with pytest.raises(ArtifactError, match="is a folder where a file belongs"):
            store.promote("m", 2)
    else:
        assert store.promote("m", 2).live == 2
