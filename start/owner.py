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
from collections.abc import Iterator
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

# Each level keeps two files open, so what is deeper is left as it is.
DEEPEST = 100

# What one gets when somebody moves, removes or replaces an entry meanwhile, as happens to staging
# folders; the next pass sees what is there then.
CHANGED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE)

Acl = dict[tuple[int, int], int]


def read_acl(path: str, attribute: str) -> Acl:
    """Return the access list of `path`; empty where it has none but its mode."""
    try:
        packed = os.getxattr(path, attribute)
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
            os.setxattr(path, attribute, VERSION + b"".join(entries))


def hand_over(entry: int, uid: int, gid: int) -> None:
    """Open what is open as `entry` to uid 1000, and give it to the owner if uid 1000 made it."""
    found = os.fstat(entry)
    path = f"/proc/self/fd/{entry}"  # leads to what is open, whatever has its name by now
    is_folder = stat.S_ISDIR(found.st_mode)
    if not is_folder and found.st_nlink > 1:  # its other name may be outside of the mounts
        if found.st_uid != LAB_UID:
            raise OSError(errno.EMLINK, "it is a hard link; a copy in its place can be shared")
        return
    if is_folder or stat.S_ISREG(found.st_mode):
        open_up(path, found.st_mode)
    if found.st_uid == LAB_UID and time.time() - found.st_ctime > SETTLED:
        os.chown(path, uid, gid)


def walk(name: str, folder: int | None, uid: int, gid: int, depth: int = 0) -> Iterator[str]:
    """Hand over an entry of an open folder, and all below it; say what could not be.

    Somebody in the lab may put a link, a pipe or another folder in an entry's place at any
    moment. So an entry is opened by its name in the folder that is open already, following no
    link and waiting for no pipe (O_PATH). From then on, only what was opened is looked at,
    changed and entered.
    """
    try:
        entry = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        if error.errno not in CHANGED:
            yield f"{name!a}: {error.strerror}"
        return
    try:
        hand_over(entry, uid, gid)
        if stat.S_ISDIR(os.fstat(entry).st_mode):
            if depth == DEEPEST:
                raise OSError(errno.ENAMETOOLONG, f"it is more than {DEEPEST} folders deep")
            with os.scandir(f"/proc/self/fd/{entry}") as found:
                for each in found:
                    yield from walk(each.name, entry, uid, gid, depth + 1)
    except OSError as error:
        if error.errno not in CHANGED:
            yield f"{name!a}: {error.strerror}"
    finally:
        os.close(entry)


def walk_all(roots: list[str], uid: int, gid: int) -> str:
    """Pass over everything once; return the first thing that could not be done, in words."""
    problems = (problem for root in roots for problem in walk(root, None, uid, gid))
    first = next(problems, "")
    for _ in problems:
        pass
    return first


def main(roots: list[str]) -> None:
    """Pass over everything again and again, and say how that went when it has changed."""
    owner = Path(roots[0]).stat()
    uid, gid = owner.st_uid, owner.st_gid
    if uid == LAB_UID:
        print("The checkout belongs to uid 1000, as the lab does: nothing to do.")
        READY.touch()
        signal.pause()

    said = None
    while True:
        problem = walk_all(roots, uid, gid)
        if problem and problem != said:
            print(
                f"This checkout belongs to uid {uid}, and not all of it could be opened to the "
                f"lab: {problem}. If notebooks cannot be saved, run once: "
                "sudo chown -R 1000 notebooks service data",
                file=sys.stderr,
            )
        elif problem != said:
            print(f"The lab may write here, and what it makes is given to uid {uid}, gid {gid}.")
        said = problem
        READY.touch()
        # No file events: they do not cross every bind mount, and a pass costs a few milliseconds.
        time.sleep(SETTLED)


if __name__ == "__main__":
    main(sys.argv[1:])
