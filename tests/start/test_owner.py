"""The service `owner` shares a checkout between its owner and the lab."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from start import owner
from tests.support.live import wait_until
from tests.support.need import need
from tests.support.soak import times

NO_ID = owner.NO_ID
ME = 4321


def acl(user: int, group: int, other: int, **more: int) -> owner.Acl:
    entries = {(owner.OWNER, NO_ID): user, (owner.GROUP, NO_ID): group, (owner.OTHER, NO_ID): other}
    if "mask" in more:
        entries[owner.MASK, NO_ID] = more["mask"]
    if "lab" in more:
        entries[owner.USER, owner.LAB_UID] = more["lab"]
    return entries


def test_a_grant_opens_to_the_lab() -> None:
    assert owner.grant(acl(6, 4, 4), 6) == acl(6, 4, 4, lab=6, mask=6)


def test_what_a_mask_hid_stays_hidden() -> None:
    hidden = acl(6, 7, 0, lab=7, mask=0)
    assert owner.grant(hidden, 6) == acl(6, 0, 0, lab=6, mask=6)


def test_a_sufficient_grant_is_kept() -> None:
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


def test_a_pass_hands_over_files(tree: Path) -> None:
    assert owner.walk_all([str(tree)], ME, ME) == ""
    assert {path.lstat().st_uid for path in tree.rglob("*")} == {ME}
    for path in (tree, tree / "folder"):
        default = owner.read_acl(str(path), owner.DEFAULT)
        assert default[owner.USER, owner.LAB_UID] == 7
    assert owner.read_acl(str(tree / "folder/file"), owner.ACCESS)[owner.USER, owner.LAB_UID] == 6


def test_a_pass_never_follows_links(tree: Path) -> None:
    assert owner.walk_all([str(tree)], ME, ME) == ""
    outside = tree.parent / "outside"
    for path in (outside, outside / "secret"):
        assert path.stat().st_uid == owner.LAB_UID
        assert owner.read_acl(str(path), owner.ACCESS) == {}
    assert stat.S_IMODE((outside / "secret").stat().st_mode) == 0o600


def test_a_second_pass_changes_nothing(tree: Path) -> None:
    assert owner.walk_all([str(tree)], ME, ME) == ""
    before = {path: path.lstat().st_ctime_ns for path in tree.rglob("*")}
    assert owner.walk_all([str(tree)], ME, ME) == ""
    assert {path: path.lstat().st_ctime_ns for path in tree.rglob("*")} == before


def test_a_new_file_is_left_alone(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "SETTLED", 60.0)
    assert owner.walk_all([str(tree)], ME, ME) == ""
    assert (tree / "folder" / "file").stat().st_uid == owner.LAB_UID


def test_a_vanished_file_is_no_error(tree: Path) -> None:
    folder = os.open(tree, os.O_RDONLY)
    try:
        assert [*owner.walk("gone", folder, ME, ME)] == []
    finally:
        os.close(folder)


def test_a_hard_link_is_left_alone(tree: Path) -> None:
    outside = tree.parent / "outside" / "data.csv"
    outside.write_text("x")
    (tree / "data.csv").hardlink_to(outside)
    assert owner.walk_all([str(tree)], ME, ME) == (
        "'data.csv': it is a hard link; a copy in its place can be shared"
    )
    os.chown(outside, owner.LAB_UID, owner.LAB_UID)
    before = outside.stat()
    assert owner.walk_all([str(tree)], ME, ME) == ""
    assert outside.stat() == before
    assert os.listxattr(outside) == []


def test_handed_over_programs_lose_setuid(tree: Path) -> None:
    program = tree / "folder" / "file"
    program.chmod(0o6755)
    assert owner.walk_all([str(tree)], ME, ME) == ""
    assert program.stat().st_uid == ME
    assert program.stat().st_mode & (stat.S_ISUID | stat.S_ISGID) == 0


@pytest.fixture
def deep(tree: Path) -> Iterator[Path]:
    """Make folders in folders, beyond what a path may be long, or a process may have open."""
    make = "import os\nfor _ in range(3000): os.mkdir('deep'); os.chdir('deep')"
    subprocess.run([sys.executable, "-c", make], cwd=tree, check=True)
    yield tree
    subprocess.run(["rm", "-r", str(tree / "deep")], check=True)


def test_too_deep_folders_are_named(deep: Path) -> None:
    os.chown(deep / "folder", owner.LAB_UID, owner.LAB_UID)
    assert owner.walk_all([str(deep)], ME, ME) == "'deep': it is more than 100 folders deep"
    assert (deep / "folder").stat().st_uid == ME


# What somebody in the lab can do to every name at any moment. A folder becomes a link to another
# one between two system calls; names are not text.
SWAP = r"""
import os, random, socket, sys
outside = sys.argv[1]
os.setgroups([])
os.setgid(1000)
os.setuid(1000)
os.umask(0)
names = [b"a", b"b", b"c", b"d", b"\xff\xfe", b"e\n"]
def folder(name):
    os.mkdir(name, 0o777)
    for inner in (b"x", b"y"):
        os.close(os.open(name + b"/" + inner, os.O_CREAT | os.O_WRONLY))
    os.symlink(outside, name + b"/z")
make = [
    folder,
    folder,
    lambda name: os.symlink(outside, name),
    lambda name: os.symlink(outside + "/secret", name),
    lambda name: os.symlink(b"a", name),
    lambda name: os.mkfifo(name),
    lambda name: os.close(os.open(name, os.O_CREAT | os.O_WRONLY)),
    lambda name: socket.socket(socket.AF_UNIX).bind(name),
]
number = 0
while True:
    for name in names:
        number += 1
        new, old = b"new%d" % number, b"old%d" % number
        random.choice(make)(new)
        if os.path.lexists(name):
            os.rename(name, old)
        os.rename(new, name)
        if os.path.lexists(old):
            if os.path.isdir(old) and not os.path.islink(old):
                for inner in os.listdir(old):
                    os.unlink(old + b"/" + inner)
                os.rmdir(old)
            else:
                os.unlink(old)
    if number == 6000:
        print("busy", flush=True)
"""


def state(folder: Path) -> dict[Path, tuple[os.stat_result, list[str]]]:
    """Return all that a pass could change."""
    found = [folder, *folder.rglob("*")]
    return {path: (path.lstat(), os.listxattr(path, follow_symlinks=False)) for path in found}


def test_swapped_files_never_lead_out(tree: Path, tmp_path: Path) -> None:
    outside = tree.parent / "outside"
    (outside / "folder").mkdir()
    for name in ("x", "y", "folder/x"):
        (outside / name).touch()
    for path in (outside, *outside.rglob("*")):
        os.chown(path, owner.LAB_UID, owner.LAB_UID)  # what a pass would give away
    before = state(outside)
    tree.chmod(0o777)
    # Its links are relative: uid 1000 need not be able to enter what is above the tree.
    command = [sys.executable, "-c", SWAP, os.path.relpath(outside, tree)]
    with subprocess.Popen(command, cwd=tree, stdout=subprocess.PIPE, text=True) as lab:
        try:
            assert lab.stdout
            assert lab.stdout.readline() == "busy\n"
            for _ in range(times(20_000, 1_000)):
                assert owner.walk_all([str(tree)], ME, ME) == ""
            assert lab.poll() is None
        finally:
            lab.kill()
    assert state(outside) == before
    assert owner.walk_all([str(tree)], ME, ME) == ""
    assert {path.lstat().st_uid for path in tree.rglob("*")} == {ME}


def test_the_service_names_what_fails(tree: Path) -> None:
    (tree.parent / "mine").write_text("x")
    (tree / "mine").hardlink_to(tree.parent / "mine")
    os.chown(tree, ME, ME)
    command = [sys.executable, "-I", "-u", owner.__file__, str(tree)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        try:
            assert service.stderr
            said = service.stderr.readline()
            assert "belongs to uid 4321, and not all of it could be opened to the lab: " in said
            assert "'mine': it is a hard link" in said
            (tree / "later").touch()
            os.chown(tree / "later", owner.LAB_UID, owner.LAB_UID)
            wait_until(lambda: (tree / "later").stat().st_uid == ME, "the next file handed over")
        finally:
            service.kill()
            owner.READY.unlink(missing_ok=True)
