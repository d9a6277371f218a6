"""End a start that would mix up two checkouts.

Compose names a project after the folder, so two clones that are both called `labloop` are one
project to it, with one log. So a volume of the project remembers where the checkout lies that
it is for, and nothing else starts in a project that is another's.

    python checkout.py MOUNT FILE       a folder of the checkout's, and where its place is kept
"""

import os
import re
import sys
from pathlib import Path

REFUSAL = """\
Project {project!r} is for the checkout at {other}, and this one is at {here}.
Its log was left alone. Give this checkout a project of its own, in `.env` or like this:
    COMPOSE_PROJECT_NAME={project}-2 docker compose up --build
If that checkout was moved here, or is gone, this one can take the project over:
    docker compose down && docker volume rm {project}_checkout"""


def place(mountinfo: str, mount: str) -> str:
    r"""Find where a mounted folder lies on its own file system; empty if it is not mounted.

    Examples
    --------
    >>> line = r"36 35 8:1 /home/ana/my\040lab/service /labloop/service rw - ext4 /dev/sda1 rw"
    >>> place(line, "/labloop/service")
    '/home/ana/my lab/service'
    """
    for line in mountinfo.splitlines():
        source, target = line.split(" ")[3:5]
        if target == mount:
            return re.sub(r"\\(\d{3})", lambda escaped: chr(int(escaped[1], 8)), source)
    return ""


def main(mount: str, file: Path) -> int:
    """Keep the place of this checkout, or refuse another's; return the exit code."""
    mountinfo = Path("/proc/self/mountinfo").read_text("utf-8", errors="backslashreplace")
    here = str(Path(place(mountinfo, mount)).parent)
    other = file.read_text("utf-8") if file.exists() else ""
    if other and other != here:
        project = os.environ["COMPOSE_PROJECT_NAME"]
        print(REFUSAL.format(project=project, other=other, here=here), file=sys.stderr)
        return 1
    file.write_text(here, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
