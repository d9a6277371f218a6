"""The program that shares a checkout between its owner and the lab."""

import os
import stat
from pathlib import Path

import pytest

from start import owner
from tests.need import need

NO_ID = owner.NO_ID
ME = 4321


def acl(user: int, group: int, other: int, **more: int) -> owner.Acl:
    entries = {(owner.OWNER, NO_ID): user, (owner.GROUP, NO_ID): group, (owner.OTHER, NO_ID): other}
    if "mask" in more:
        entries[owner.MASK, NO_ID] = more["mask"]
    if "lab" in more:
        entries[owner.USER, owner.LAB_UID] = more["lab"]
    return entries


def test_a_grant_gives_the_lab_its_entry_and_others_nothing() -> None:
    assert owner.grant(acl(6, 4, 4), 6) == acl(6, 4, 4, lab=6, mask=6)


def test_what_a_mask_hid_from_the_group_stays_hidden_when_it_opens() -> None:
    hidden = acl(6, 7, 0, lab=7, mask=0)
    assert owner.grant(hidden, 6) == acl(6, 0, 0, lab=6, mask=6)


def test_a_list_that_grants_enough_is_left_alone() -> None:
    enough = acl(7, 5, 5, lab=7, mask=7)
    assert owner.grant(enough, 6) is enough


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder that the lab has worked in, next to a file that is none of its business."""
    need(os.geteuid() == 0, "only root can give files away")
    monkeypatch.setattr(owner, "SETTLED", -1.0)
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    (tree / "folder" / "file").write_text("x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    (outside / "secret").chmod(0o600)
    for path in (outside / "secret", outside, *tree.rglob("*")):
        os.chown(path, owner.LAB_UID, owner.LAB_UID)
    (tree / "link").symlink_to(outside / "secret")
    (tree / "folder" / "link").symlink_to(outside)
    for link in (tree / "link", tree / "folder" / "link"):
        os.chown(link, owner.LAB_UID, owner.LAB_UID, follow_symlinks=False)
    return tree


def test_a_pass_hands_over_what_the_lab_made_and_keeps_it_open_to_the_lab(tree: Path) -> None:
    owner.walk([str(tree)], ME, ME)
    assert {path.lstat().st_uid for path in tree.rglob("*")} == {ME}
    for path in (tree, tree / "folder"):
        default = owner.read_acl(str(path), owner.DEFAULT)
        assert default[owner.USER, owner.LAB_UID] == 7
    assert owner.read_acl(str(tree / "folder/file"), owner.ACCESS)[owner.USER, owner.LAB_UID] == 6


def test_a_pass_never_follows_a_link_out_of_the_tree(tree: Path) -> None:
    owner.walk([str(tree)], ME, ME)
    outside = tree.parent / "outside"
    for path in (outside, outside / "secret"):
        assert path.stat().st_uid == owner.LAB_UID
        assert owner.read_acl(str(path), owner.ACCESS) == {}
    assert stat.S_IMODE((outside / "secret").stat().st_mode) == 0o600


def test_a_second_pass_changes_nothing(tree: Path) -> None:
    owner.walk([str(tree)], ME, ME)
    before = {path: path.lstat().st_ctime_ns for path in tree.rglob("*")}
    owner.walk([str(tree)], ME, ME)
    assert {path: path.lstat().st_ctime_ns for path in tree.rglob("*")} == before


def test_a_file_that_was_just_made_is_left_to_its_maker(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "SETTLED", 60.0)
    owner.walk([str(tree)], ME, ME)
    assert (tree / "folder" / "file").stat().st_uid == owner.LAB_UID


def test_a_file_that_vanished_is_no_error(tree: Path) -> None:
    folder = os.open(tree, os.O_RDONLY)
    try:
        owner.hand_over("gone", folder, ME, ME)
    finally:
        os.close(folder)
