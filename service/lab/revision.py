"""Revision: whether the code here is that of the commit that it says it comes from."""

from hashlib import sha256
from pathlib import Path

from service.contract.settings import CHECKOUT, Settings


def is_dirty(settings: Settings, code: Path = CHECKOUT / "service") -> bool | None:
    """Tell whether the code was edited after its commit; None if the commit is not known.

    Git is not there in a container. So `make up` writes a digest of the commit's code into
    `CODE_DIGEST`, and the files are compared with that.

    Examples
    --------
    >>> is_dirty(Settings(git_revision="", code_digest="")) is None
    True
    >>> is_dirty(Settings(git_revision="0123456789ab", code_digest="of other code"))
    True
    """
    if not settings.git_revision or not settings.code_digest:
        return None
    return settings.code_digest != digest(code)


def digest(code: Path) -> str:
    """Give the digest of all Python files of a folder, as `start/up.py` gives it for a commit.

    Line ends do not count, since git may change them; hidden files do not, since JupyterLab
    keeps copies of what is edited in them.
    """
    lines = []
    for file in code.rglob("*.py"):
        path = file.relative_to(code.parent).as_posix()
        if "/." not in path and file.is_file() and not file.is_symlink():
            content = file.read_bytes().replace(b"\r\n", b"\n")
            lines.append(f"{path} {sha256(content).hexdigest()}\n")
    return sha256("".join(sorted(lines)).encode()).hexdigest()
