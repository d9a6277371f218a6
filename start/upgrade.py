"""Get the newest version of Labloop into this clone: `make upgrade`.

    python3 -m start.upgrade

Models, the log, notebooks of your own and `.env` stay as they are; docs/upgrade.md says more.
"""

from __future__ import annotations

import subprocess
import sys

from start import up

NO_CLONE = """\
This folder is no git clone, or git is not installed, so there is nothing to pull.
docs/upgrade.md says how to go on with a folder of another version."""

NOT_PULLED = """
Nothing was changed; git says above why.{edited} docs/upgrade.md says how to keep your work and have
the new version, too."""

RUN = "To run it:  make down && make up"


def git(*words: str) -> str:
    """Return what git says; stop if it fails."""
    done = subprocess.run(["git", *words], cwd=up.ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def listed(*words: str) -> set[str]:
    """Return the paths that git lists."""
    return {path for path in git(*words, "-z").split("\0") if path}


def edited() -> set[str]:
    """Name the files that say other than what is committed; outputs do not count."""
    return listed("diff", "--name-only", "--relative", "HEAD")


def look_again() -> None:
    """Have git see that notebooks which only ran are as they were.

    It compares the length of a file first, and calls one of another length modified without asking
    the filter. To add such a file changes nothing but the length that git knows.
    """
    notebooks = listed("ls-files", "notebooks/*.ipynb")
    if ran := sorted(notebooks - listed("diff", "--name-only", "--relative")):
        git("add", "--", *ran)


def main() -> int:
    """Pull what is new, and say what is to be done next; return the exit code."""
    if not up.tell_git():
        sys.exit(NO_CLONE)
    look_again()
    before, head = up.version(), git("rev-parse", "HEAD").strip()
    if subprocess.run(["git", "pull", "--ff-only"], cwd=up.ROOT).returncode:
        names = ", ".join(sorted(edited()))
        print(NOT_PULLED.format(edited=f" Edited here: {names}." if names else ""), file=sys.stderr)
        return 1
    now = up.version()
    if now != before:
        print(f"\nFrom {before} to {now}: CHANGELOG.md says what is new. {RUN}")
    elif commits := int(git("rev-list", "--count", f"{head}..HEAD")):
        listed_by = f"`git log --oneline {head[:12]}..` lists them"
        print(f"\n{commits} new commit(s) after version {now}: {listed_by}. {RUN}")
    else:
        print(f"\nNothing is new. This is version {now}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
