"""Revision: whether the code here is that of the commit that it says it comes from."""

from pathlib import Path

from service.contract import code_digest
from service.contract.build import Build
from service.contract.settings import CHECKOUT


def is_dirty(build: Build, code: Path = CHECKOUT / "service") -> bool | None:
    """Tell whether the code was edited after its commit; None if the commit is not known.

    Git is not there in a container. So `make up` writes a digest of the commit's code into
    `CODE_DIGEST`, and the files are compared with that.

    Examples
    --------
    >>> is_dirty(Build()) is None
    True
    >>> is_dirty(Build(revision="0123456789ab", code_digest="of other code"))
    True
    """
    if not build.revision or not build.code_digest:
        return None
    return build.code_digest != digest(code)


def digest(code: Path) -> str:
    """Return the digest of all Python files of a folder, as `start/up.py` gives it for a commit."""
    return code_digest.digest(
        (path, file.read_bytes())
        for file in code.rglob("*.py")
        if code_digest.counts(path := file.relative_to(code.parent).as_posix())
        and file.is_file()
        and not file.is_symlink()
    )
