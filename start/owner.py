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


def read_acl(path: str, attribute: str, mode: int) -> Acl:
    """The access list of `path`; where it has none, the same thing said by its mode."""
    try:
        packed = os.getxattr(path, attribute, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        bits = {OWNER: mode >> 6, GROUP: mode >> 3, OTHER: mode}
        return {(tag, NO_ID): bit & 7 for tag, bit in bits.items()}
    return {(tag, who): bit for tag, bit, who in ENTRY.iter_unpack(packed[len(VERSION) :])}


def grant(acl: Acl, wanted: int) -> Acl:
    """`acl` with `wanted` for uid 1000, and nothing more for anyone else."""
    mask = acl.get((MASK, NO_ID), 7)
    if acl.get((USER, LAB_UID), 0) & mask & wanted == wanted:
        return acl
    # The mask limits everyone but the owner and the others. It has to open for uid 1000, so
    # what it hid from the rest is taken out of their own entries first.
    masked = (USER, GROUP, NAMED_GROUP)
    granted = {key: bit & mask if key[0] in masked else bit for key, bit in acl.items()}
    granted[USER, LAB_UID] = wanted
    granted[MASK, NO_ID] = 0
    for (tag, _), bit in list(granted.items()):
        if tag in masked:
            granted[MASK, NO_ID] |= bit
    return granted


def open_up(path: str, attribute: str, mode: int) -> None:
    """Give uid 1000 what the owner has; folders it may always enter, files always read and write."""
    acl = read_acl(path, attribute, mode)
    wanted = 7 if stat.S_ISDIR(mode) else 6 | acl[OWNER, NO_ID] & 1
    granted = grant(acl, wanted)
    if granted != acl:
        entries = (ENTRY.pack(tag, bit, who) for (tag, who), bit in sorted(granted.items()))
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
            path = f"/proc/self/fd/{folder}/{name}"
            open_up(path, ACCESS, found.st_mode)
            if stat.S_ISDIR(found.st_mode):
                open_up(path, DEFAULT, found.st_mode)
        if found.st_uid == LAB_UID and time.time() - found.st_ctime > SETTLED:
            os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        pass  # Renamed or removed meanwhile, as staging folders are; the next pass sees it.


def walk(roots: list[str], uid: int, gid: int) -> None:
    """One pass over everything."""
    for root in roots:
        for path, folders, files, folder in os.fwalk(root):
            for name in (*folders, *files, *(["."] if path == root else [])):
                hand_over(name, folder, uid, gid)


def main(roots: list[str]) -> None:
    owner = os.stat(roots[0])
    uid, gid = owner.st_uid, owner.st_gid
    if uid == LAB_UID:
        print("The checkout belongs to uid 1000, as the lab does: nothing to do.")
    else:
        try:
            walk(roots, uid, gid)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
            print(
                f"This checkout belongs to uid {uid} and its file system keeps no access lists. "
                "If the lab cannot save files, run once: "
                "sudo chown -R 1000 notebooks service data",
                file=sys.stderr,
            )
            uid = LAB_UID
        else:
            print(f"The lab may write here, and what it makes is given to uid {uid}, gid {gid}.")
    READY.touch()
    if uid == LAB_UID:
        signal.pause()

    from watchfiles import watch

    # A change starts a pass, and so does the clock: events do not cross every bind mount.
    for _ in watch(*roots, watch_filter=None, rust_timeout=2000, yield_on_timeout=True):
        walk(roots, uid, gid)


if __name__ == "__main__":
    main(sys.argv[1:])
