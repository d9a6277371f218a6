"""Let uid 1000 write to a checkout that belongs to someone else, and give what it makes to them.

The API and the lab run as uid 1000 without any right to act as another user, while the folders
they mount belong to whoever cloned the repository: root on a server, 1000 on many laptops, any
number in a class. If it is 1000, there is nothing to do. Otherwise this program, the only one
with such rights, gives uid 1000 an entry in the access list of every file and folder, and hands
new files over to the owner of the checkout, so that nobody needs `sudo` to delete a notebook.

    python owner.py FOLDER...       the first folder's owner is the owner of all
"""

import errno
import os
import signal
import stat
import struct
import sys
import time
from pathlib import Path

LAB_UID = 1000
READY = Path("/tmp/ready")

# A POSIX access list as Linux stores it: a version, then entries of (tag, permissions, id).
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
VERSION = struct.pack("<I", 2)
ENTRY = struct.Struct("<HHI")
OWNER, USER, GROUP, NAMED_GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NO_ID = 0xFFFFFFFF

# Programs create a file and then set its mode or time, which only its owner may. So a file
# changes hands only once it has been left alone this long.
SETTLED = 1.0

Acl = dict[tuple[int, int], int]


def read_acl(path: str, attribute: str) -> Acl:
    """Return the access list of `path`; empty where it has none but its mode."""
    try:
        packed = os.getxattr(path, attribute, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        return {}
    return {(tag, who): bits for tag, bits, who in ENTRY.iter_unpack(packed[len(VERSION) :])}


def grant(acl: Acl, wanted: int) -> Acl:
    """Return `acl` with `wanted` for uid 1000, and nothing more for anyone else."""
    mask = acl.get((MASK, NO_ID), 7)
    if acl.get((USER, LAB_UID), 0) & mask & wanted == wanted:
        return acl
    # The mask limits everyone but the owner and the others. It has to open for uid 1000, so
    # what it hid from the rest is taken out of their own entries first.
    masked = (USER, GROUP, NAMED_GROUP)
    granted = {key: bits & mask if key[0] in masked else bits for key, bits in acl.items()}
    granted[USER, LAB_UID] = wanted
    for (tag, _), bits in granted.items():
        wanted |= bits if tag in masked else 0
    return {**granted, (MASK, NO_ID): wanted}


def open_up(path: str, mode: int) -> None:
    """Let uid 1000 read and write a file, and enter a folder and whatever is made in it."""
    said_by_mode = {(OWNER, NO_ID): mode >> 6 & 7, (GROUP, NO_ID): mode >> 3 & 7}
    acl = {**said_by_mode, (OTHER, NO_ID): mode & 7}
    wanted = 7 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 6
    for attribute in (ACCESS, DEFAULT) if stat.S_ISDIR(mode) else (ACCESS,):
        now = read_acl(path, attribute)
        acl = grant(now or acl, wanted)
        if acl != now:
            entries = (ENTRY.pack(tag, bits, who) for (tag, who), bits in sorted(acl.items()))
            os.setxattr(path, attribute, VERSION + b"".join(entries), follow_symlinks=False)


def hand_over(name: str, folder: int, uid: int, gid: int) -> None:
    """Open one entry of an open folder to uid 1000, and give it to the owner if uid 1000 made it.

    Somebody in the lab may swap a file for a symbolic link at any moment. So every step names
    the entry by the folder that is already open, and none follows a link: whatever is there
    now, it is inside this folder.
    """
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
            open_up(f"/proc/self/fd/{folder}/{name}", found.st_mode)
        if found.st_uid == LAB_UID and time.time() - found.st_ctime > SETTLED:
            os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        pass  # Renamed or removed meanwhile, as staging folders are; the next pass sees it.


def walk(roots: list[str], uid: int, gid: int) -> None:
    """Pass over everything once."""
    for root in roots:
        for path, folders, files, folder in os.fwalk(root):
            for name in (*folders, *files, *(["."] if path == root else [])):
                hand_over(name, folder, uid, gid)


def main(roots: list[str]) -> None:
    """Make one pass, say so, and go on passing."""
    owner = Path(roots[0]).stat()
    uid, gid = owner.st_uid, owner.st_gid
    if uid == LAB_UID:
        print("The checkout belongs to uid 1000, as the lab does: nothing to do.")
    else:
        try:
            walk(roots, uid, gid)
        except OSError as error:  # A file system without access lists, or one that is read-only.
            print(
                f"This checkout belongs to uid {uid}, and it could not be opened to the lab: "
                f"{error.strerror}. If notebooks cannot be saved, run once: "
                "sudo chown -R 1000 notebooks service data",
                file=sys.stderr,
            )
            uid = LAB_UID
        else:
            print(f"The lab may write here, and what it makes is given to uid {uid}, gid {gid}.")
    READY.touch()
    if uid == LAB_UID:
        signal.pause()

    # No file events: they do not cross every bind mount, and a pass costs a few milliseconds.
    while True:
        time.sleep(SETTLED)
        walk(roots, uid, gid)


if __name__ == "__main__":
    main(sys.argv[1:])
